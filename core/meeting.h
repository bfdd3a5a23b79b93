// Rows that are compared with each other, and remember who is near.
#pragma once

#include <algorithm>
#include <functional>
#include <limits>
#include <vector>

#include "gathered.h"

namespace nearmost {

// The `wanted` greatest of n numbers, a multiple of 16; the first of equal ones.
class Greatest {
 public:
  explicit Greatest(size_t n) { resize(n); }
  void resize(size_t n) { positions_.resize(n + 16); }

  // The numbers may be lost.
  const std::vector<uint32_t>& of(float* numbers, size_t n, size_t wanted) {
    if (wanted <= kFew) return few(numbers, n, wanted);
    float lanes[16];
    std::copy(numbers, numbers + 16, lanes);
    for (size_t i = 16; i < n; i += 16)
      for (size_t j = 0; j < 16; ++j) lanes[j] = numbers[i + j] > lanes[j] ? numbers[i + j] : lanes[j];
    std::sort(lanes, lanes + 16, std::greater<>());  // that many lanes reach it, so that many numbers do
    const size_t found = kernels().select(numbers, n, lanes[std::min<size_t>(wanted, 16) - 1], positions_.data());
    best_.assign(positions_.begin(), positions_.begin() + ptrdiff_t(found));
    const auto before = [&](uint32_t a, uint32_t b) {
      return numbers[a] != numbers[b] ? numbers[a] > numbers[b] : a < b;
    };
    if (found > wanted) {
      std::nth_element(best_.begin(), best_.begin() + ptrdiff_t(wanted) - 1, best_.end(), before);
      best_.resize(wanted);
    }
    std::sort(best_.begin(), best_.end(), before);
    return best_;
  }

 private:
  static constexpr size_t kFew = 3;

  const std::vector<uint32_t>& few(float* numbers, size_t n, size_t wanted) {
    for (best_.clear(); best_.size() < wanted;) {
      float lanes[16];
      std::copy(numbers, numbers + 16, lanes);
      for (size_t i = 16; i < n; i += 16)
        for (size_t j = 0; j < 16; ++j) lanes[j] = numbers[i + j] > lanes[j] ? numbers[i + j] : lanes[j];
      for (size_t half = 8; half > 0; half /= 2)
        for (size_t j = 0; j < half; ++j) lanes[j] = lanes[j + half] > lanes[j] ? lanes[j + half] : lanes[j];
      const size_t found = std::min(kernels().select(numbers, n, lanes[0], positions_.data()), wanted - best_.size());
      for (size_t i = 0; i < found; ++i) {
        best_.push_back(positions_[i]);
        numbers[positions_[i]] = -std::numeric_limits<float>::infinity();
      }
      if (found == 0) break;  // not a number
    }
    return best_;
  }

  std::vector<uint32_t> positions_, best_;
};

// One thread's.
class Meeting {
 public:
  // nearest: of those that meet, so many remember a row and it remembers them.
  Meeting(const Points& points, size_t nearest, Neighbors& out)
      : points_(points), nearest_(nearest), out_(out), gathered_(points), greatest_(0) {}

  void meet(const uint32_t* ids, size_t m) {
    if (m < 2) return;
    const size_t wanted = std::min(nearest_, m - 1), width = (m + 15) / 16 * 16;
    gathered_.gather(m, [&](size_t i) { return ids[i]; });
    for (size_t i = 0; i < m; i += kCrossRows) gathered_.multiply(i);
    for (size_t i = 0; i < m; ++i) out_.fetch(ids[i]);
    halves_.resize(m);
    for (size_t i = 0; i < m; ++i) halves_[i] = points_.half_squares[ids[i]];
    near_.assign(width, -3e38f);
    greatest_.resize(width);
    remembered_.assign(m * wanted, uint32_t(m));
    for (size_t i = 0; i < m; ++i) {
      float* products = gathered_.products(i);
      for (size_t j = 0; j < i; ++j) products[j] = gathered_.products(j)[i];
      for (size_t j = 0; j < m; ++j) near_[j] = products[j] - halves_[j];
      near_[i] = -3e38f;
      uint32_t* remembered = &remembered_[i * wanted];
      for (const uint32_t j : greatest_.of(near_.data(), width, wanted)) {
        if (j >= m || j == i) continue;  // nothing else is a number
        *remembered++ = j;
        const uint32_t* of_other = &remembered_[j * wanted];
        if (std::find(of_other, of_other + wanted, uint32_t(i)) != of_other + wanted) continue;
        const float distance = points_.distance(ids[i], ids[j], products[j]);
        out_.add(ids[i], {distance, ids[j]});
        out_.add(ids[j], {distance, ids[i]});
      }
    }
  }

 private:
  const Points& points_;
  const size_t nearest_;
  Neighbors& out_;
  Gathered gathered_;
  std::vector<float> halves_, near_;
  std::vector<uint32_t> remembered_;  // by each, so that no two remember each other twice
  Greatest greatest_;
};

}  // namespace nearmost
