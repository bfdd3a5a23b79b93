// Rows that are compared with each other, and remember who is near.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "kernels.h"
#include "neighbors.h"

namespace nearmost {

// The `wanted` greatest of n numbers, a multiple of 16; the first of equal ones.
class Greatest {
 public:
  explicit Greatest(size_t n) { resize(n); }
  void resize(size_t n) { positions_.resize(n + 16); }

  const std::vector<uint32_t>& of(const float* numbers, size_t n, size_t wanted) {
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
  std::vector<uint32_t> positions_, best_;
};

// One thread's.
class Meeting {
 public:
  // nearest: of those that meet, so many remember a row and it remembers them.
  Meeting(const Points& points, size_t nearest, Neighbors& out)
      : points_(points), nearest_(nearest), out_(out), greatest_(0) {}

  void meet(const uint32_t* ids, size_t m) {
    if (m < 2) return;
    const size_t wanted = std::min(nearest_, m - 1), width = (m + 15) / 16 * 16;
    multiply(ids, m, width);
    halves_.assign(width, 1e30f);
    for (size_t i = 0; i < m; ++i) halves_[i] = points_.half_squares[ids[i]];
    near_.resize(width);
    greatest_.resize(width);
    for (size_t i = 0; i < m; ++i) {
      const float* products = &products_[i * width];
      for (size_t j = 0; j < width; ++j) near_[j] = products[j] - halves_[j];
      near_[i] = -3e38f;
      for (const uint32_t j : greatest_.of(near_.data(), width, wanted)) {
        const float distance = points_.distance(ids[i], ids[j], products[j]);
        out_.add(ids[i], {distance, ids[j]});
        out_.add(ids[j], {distance, ids[i]});
      }
    }
  }

 private:
  void multiply(const uint32_t* ids, size_t m, size_t width) {
    rows_.assign(width, points_.row(ids[0]));
    for (size_t i = 0; i < m; ++i) rows_[i] = points_.row(ids[i]);
    products_.resize(width * width);
    for (size_t i = 0; i < m; i += kCrossRows) {
      const size_t n = (m - i + kCrossRows - 1) / kCrossRows * kCrossRows;
      kernels().cross(
          {&rows_[i], &rows_[i], ptrdiff_t(n), ptrdiff_t(points_.dim), &products_[i * width + i], ptrdiff_t(width)});
    }
    for (size_t i = 0; i < m; ++i)
      for (size_t j = 0; j < i; ++j) products_[i * width + j] = products_[j * width + i];
  }

  const Points& points_;
  const size_t nearest_;
  Neighbors& out_;
  std::vector<const float*> rows_;
  std::vector<float> products_, halves_, near_;
  Greatest greatest_;
};

}  // namespace nearmost
