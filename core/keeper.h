// The best of a stream of scores, behind a threshold that rises.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels.h"

namespace nearmost {

class Keeper {
 public:
  static constexpr size_t kRoom = 256;  // scores that may be written at end() at a time

  void start(size_t wanted) {
    wanted_ = wanted;
    limit_ = wanted + std::max<size_t>(wanted, 64);
    if (scores_.size() < limit_ + kRoom + 16) {  // kernels store whole vectors
      scores_.resize(limit_ + kRoom + 16);
      ids_.resize(scores_.size());
    }
    size_ = 0;
    threshold_ = -1e29f;  // padding scores less
  }
  size_t size() const { return size_; }
  float threshold() const { return threshold_; }
  float* scores() { return scores_.data(); }
  uint32_t* ids() { return ids_.data(); }
  float* scores_end() { return scores_.data() + size_; }
  uint32_t* ids_end() { return ids_.data() + size_; }

  // Takes over `count` entries that were written at the end, at most kRoom.
  void add(size_t count) {
    size_ += count;
    if (size_ > limit_) shrink();
  }

  // Leaves about as many of the best as are wanted.
  void shrink() {
    if (size_ <= wanted_) return;
    const float least = kernels().cut(scores_.data(), size_, wanted_);
    size_t kept = 0;
    for (size_t i = 0; i < size_; ++i) {
      const float score = scores_[i];
      scores_[kept] = score;
      ids_[kept] = ids_[i];
      kept += score > least;
    }
    size_ = std::min(kept, wanted_ + wanted_ / 4 + 16);  // many equal scores, or those of a damaged file
    threshold_ = std::max(threshold_, least);
  }

  // Leaves exactly the best, larger score first chosen, then smaller id.
  void settle() {
    shrink();
    if (size_ <= wanted_) return;
    std::vector<std::pair<float, uint32_t>> all(size_);
    for (size_t i = 0; i < size_; ++i) all[i] = {-scores_[i], ids_[i]};
    std::nth_element(all.begin(), all.begin() + ptrdiff_t(wanted_), all.end());
    size_ = wanted_;
    for (size_t i = 0; i < size_; ++i) {
      scores_[i] = -all[i].first;
      ids_[i] = all[i].second;
    }
  }

  // Brings those that score more than about `wanted` others to the front; returns how many.
  size_t best_first(size_t wanted) {
    const float least = kernels().cut(scores_.data(), size_, wanted);
    size_t front = 0;
    for (size_t i = 0; i < size_; ++i)
      if (scores_[i] > least) {
        std::swap(scores_[i], scores_[front]);
        std::swap(ids_[i], ids_[front++]);
      }
    return front;
  }

 private:
  size_t wanted_ = 0, limit_ = 0, size_ = 0;
  float threshold_ = 0;
  std::vector<float> scores_;
  std::vector<uint32_t> ids_;
};

}  // namespace nearmost
