// The best k of a stream.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "kernels.h"

namespace nearmost {

struct Scored {
  double score;
  int64_t row;
  // The one order of results: larger score first, then smaller row.
  bool operator<(const Scored& other) const { return score != other.score ? score > other.score : row < other.row; }
};

// Keeps the k first of Scored.
class TopK {
 public:
  // Empty, for k items.
  void start(size_t k) {
    k_ = k;
    heap_.clear();
  }
  size_t wanted() const { return k_; }
  bool full() const { return k_ > 0 && heap_.size() >= k_; }
  const Scored& last() const { return heap_.front(); }
  void add(Scored item) {
    if (!full()) {
      heap_.push_back(item);
      std::push_heap(heap_.begin(), heap_.end());
    } else if (item < last()) {
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.back() = item;
      std::push_heap(heap_.begin(), heap_.end());
    }
  }
  const std::vector<Scored>& items() const { return heap_; }
  std::vector<Scored>& sorted() {
    std::sort_heap(heap_.begin(), heap_.end());
    return heap_;
  }

 private:
  size_t k_ = 0;
  std::vector<Scored> heap_;
};

// One query's answer: the best first, then -1 and -inf. A score beyond float32 becomes its largest number.
inline void write_best(const std::vector<Scored>& best, size_t k, int64_t* ids, float* scores) {
  constexpr double most = std::numeric_limits<float>::max();
  for (size_t i = 0; i < k; ++i) {
    const bool found = i < best.size();
    ids[i] = found ? best[i].row : -1;
    scores[i] = found ? float(std::clamp(best[i].score, -most, most)) : -std::numeric_limits<float>::infinity();
  }
}

// Rows that may be among the k nearest, given only bounds: whoever's upper bound reaches the k-th largest lower bound,
// or a number below that. The order of the entries means nothing. No bound is NaN.
class Shortlist {
 public:
  static constexpr size_t kLanes = 64;
  struct Entry {
    float upper;
    uint32_t row;
  };

  // Empty, for k wanted rows.
  void start(size_t k) {
    k_ = k;
    settle_at_ = kPatience;
    threshold_ = kNothing;
    std::fill(best_, best_ + kLanes, kNothing);
    entries_.clear();
    lowers_.clear();
  }

  // No row with an upper bound below this is wanted.
  float threshold() const { return threshold_; }
  void add(Entry entry, float slack) {
    entries_.push_back(entry);
    if (!by_entries()) return;
    const float lower = entry.upper - 2 * slack;
    lowers_.push_back(lower > kNothing ? lower : kNothing);  // NaN, of infinite bounds, would break nth_element
  }

  // kLanes numbers: for disjoint sets of the rows looked at so far, the largest lower bound in each. Where k of them
  // reach some t, k rows do: that gives a threshold before any row has been added.
  float* best() { return best_; }
  void raise_by_best() {
    if (!by_entries()) threshold_ = std::max(threshold_, kernels().reached_by(best_, int32_t(k_)));
  }

  // Above kLanes / 2 that is too coarse: then the k-th largest lower bound of the entries themselves is taken.
  bool by_entries() const { return k_ > kLanes / 2; }
  void raise_by_entries() {
    if (entries_.size() < settle_at_) return;
    if (by_entries() && lowers_.size() >= k_) {
      std::nth_element(lowers_.begin(), lowers_.begin() + ptrdiff_t(k_) - 1, lowers_.end(), std::greater<>());
      lowers_.resize(k_);  // the k largest of all so far: no other can become the k-th
      threshold_ = std::max(threshold_, lowers_.back());
    }
    std::erase_if(entries_, [this](const Entry& e) { return e.upper < threshold_; });
    settle_at_ = std::max(settle_at_, entries_.size() * 2);
  }

  // At least k rows are known to reach this.
  void raise(float threshold) { threshold_ = std::max(threshold_, threshold); }
  size_t size() const { return entries_.size(); }

  // What is left of the rows added so far.
  std::vector<Entry>& entries() {
    settle_at_ = 0;
    raise_by_entries();
    return entries_;
  }

 private:
  static constexpr size_t kPatience = 128;
  static constexpr float kNothing = -std::numeric_limits<float>::infinity();

  size_t k_ = 0, settle_at_ = kPatience;
  float threshold_ = kNothing;
  float best_[kLanes];
  std::vector<Entry> entries_;
  std::vector<float> lowers_;
};

}  // namespace nearmost
