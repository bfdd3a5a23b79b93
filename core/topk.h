// The best k of a stream.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace nearmost {

struct Scored {
  double score;
  int64_t row;
  // The one order of results: larger score first, then smaller row.
  bool operator<(const Scored& other) const {
    return score != other.score ? score > other.score : row < other.row;
  }
};

// Keeps the k first of Scored.
class TopK {
 public:
  explicit TopK(size_t k) : k_(k) { heap_.reserve(k); }
  bool full() const { return heap_.size() >= k_; }
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
  std::vector<Scored>& sorted() {
    std::sort_heap(heap_.begin(), heap_.end());
    return heap_;
  }

 private:
  size_t k_;
  std::vector<Scored> heap_;
};

// Rows that may be among the k nearest, given only bounds: whoever's upper bound reaches the k-th largest lower bound.
class Shortlist {
 public:
  struct Entry {
    float upper;
    uint32_t row;
  };
  explicit Shortlist(size_t k) : k_(k) {}
  float threshold() const { return threshold_; }
  void add(float upper, float lower, uint32_t row) {
    entries_.push_back({upper, row});
    if (lowers_.size() < k_) {
      lowers_.push_back(lower);
      std::push_heap(lowers_.begin(), lowers_.end(), std::greater<>());
    } else if (lower > lowers_.front()) {
      std::pop_heap(lowers_.begin(), lowers_.end(), std::greater<>());
      lowers_.back() = lower;
      std::push_heap(lowers_.begin(), lowers_.end(), std::greater<>());
    } else {
      return;
    }
    if (lowers_.size() == k_) raise(lowers_.front());
  }
  std::vector<Entry>& entries() { return entries_; }

 private:
  void raise(float threshold) {
    threshold_ = threshold;
    if (entries_.size() < compact_at_) return;
    std::erase_if(entries_, [threshold](const Entry& e) { return e.upper < threshold; });
    compact_at_ = std::max(compact_at_, 2 * entries_.size());
  }
  size_t k_, compact_at_ = 4096;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<float> lowers_;
  std::vector<Entry> entries_;
};

}  // namespace nearmost
