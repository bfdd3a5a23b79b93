#include "forest.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

#include "kernels.h"

namespace nearmost {
namespace {

constexpr size_t kBetweenQuestions = 1 << 14;  // nodes or items looked at before asking whether to go on
constexpr size_t kAhead = 6;                   // candidates fetched ahead of the one that is scored
constexpr size_t kWorthTrees = 3;  // the trees cost more than looking at all items where a third of them is wanted
constexpr double kCoarse = 0.01;   // far more than 2 - 2 cos is off with a norm summed in float32
constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class T>
T read(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

size_t words_of(size_t dim) { return (dim + 63) / 64; }

class TreeSearch {
 public:
  TreeSearch(const Forest& forest, const float* query, const Poll& poll)
      : forest_(forest), shape_(node_shape(forest.metric, forest.dim)), poll_(poll) {
    if (forest.metric == Metric::hamming) {
      words_.assign(words_of(forest.dim), 0);
      for (size_t i = 0; i < forest.dim; ++i) words_[i / 64] |= uint64_t(query[i] > 0.5f) << i % 64;
    } else {
      wide_.assign(query, query + forest.dim);
      square_ = kernels().exact_dot(wide_.data(), query, ptrdiff_t(forest.dim));
    }
  }

  // False where poll stopped it.
  bool gather(size_t effort) {
    met_.assign((forest_.n_items + 63) / 64, 0);
    if (effort >= forest_.n_items / kWorthTrees) {
      for (size_t item = 0; item < forest_.n_items; ++item) take(int32_t(item));
    } else {
      for (size_t i = 0; i < forest_.n_roots; ++i) push(start(), forest_.roots[i]);
      for (size_t visits = 0; n_met_ < effort && !queue_.empty(); ++visits) {
        // Every node has one parent: only a hostile file has more visits to make.
        if (visits >= forest_.n_nodes + forest_.n_roots) break;
        if (visits % kBetweenQuestions == kBetweenQuestions - 1 && !go_on(visits)) return false;
        const auto [priority, node] = queue_.top();
        queue_.pop();
        visit(priority, size_t(node));
      }
    }
    found_.reserve(n_met_ + kAhead);
    for (size_t i = 0; i < met_.size(); ++i)  // in the order in which they lie
      for (uint64_t word = met_[i]; word; word &= word - 1) found_.push_back(int32_t(i * 64) + std::countr_zero(word));
    return true;
  }

  // False where poll stopped it.
  bool score(size_t k) {
    scored_.reserve(found_.size());
    for (size_t i = 0; i < found_.size(); ++i) {
      if (i % kBetweenQuestions == kBetweenQuestions - 1 && !go_on(i)) return false;
      if (i + kAhead < found_.size()) fetch(size_t(found_[i + kAhead]));
      if (descendants(size_t(found_[i])) != 1) continue;  // a hole has none
      scored_.push_back({ordered(distance_to(size_t(found_[i]))), found_[i]});
    }
    if (forest_.metric == Metric::cosine) refine(k);
    return true;
  }

  size_t best(size_t k, int64_t* ids, double* distances) {
    const size_t kept = std::min(k, scored_.size());
    std::partial_sort(scored_.begin(), scored_.begin() + ptrdiff_t(kept), scored_.end());
    for (size_t i = 0; i < kept; ++i) {
      ids[i] = scored_[i].second;
      distances[i] = forest_.metric == Metric::dot ? 0.0 - scored_[i].first : scored_[i].first;
    }
    return kept;
  }

 private:
  const uint8_t* node(size_t i) const { return forest_.nodes + i * shape_.bytes; }
  int32_t descendants(size_t i) const { return read<int32_t>(node(i)); }
  int32_t child(size_t i, size_t which) const {
    return read<int32_t>(node(i) + shape_.children + which * sizeof(int32_t));
  }
  const uint8_t* values(size_t i) const { return node(i) + shape_.values; }
  bool go_on(size_t done) const { return !poll_ || poll_(std::min(done, forest_.n_nodes), forest_.n_nodes); }

  double start() const { return forest_.metric == Metric::hamming ? 0 : kInfinity; }

  void push(double priority, int32_t node) {
    if (node < 0 || size_t(node) >= forest_.n_nodes) return;
    queue_.push({std::isnan(priority) ? -kInfinity : priority, node});
    fetch(size_t(node));
  }

  void take(int32_t item) {
    if (item < 0 || size_t(item) >= forest_.n_items) return;
    uint64_t& word = met_[size_t(item) / 64];
    const uint64_t bit = uint64_t(1) << item % 64;
    n_met_ += !(word & bit);
    word |= bit;
  }

  void visit(double priority, size_t i) {
    const int32_t below = descendants(i);
    if (i < forest_.n_items) {
      take(int32_t(i));
    } else if (below <= ptrdiff_t(shape_.most_in_bucket())) {
      for (int32_t j = 0; j < below; ++j) take(child(i, size_t(j)));
    } else if (forest_.metric == Metric::hamming) {
      const bool side = hamming_side(i);
      push(priority - !side, child(i, 1));
      push(priority - side, child(i, 0));
    } else {
      const double margin = margin_of(i);
      push(std::min(priority, margin), child(i, 1));
      push(std::min(priority, -margin), child(i, 0));
    }
  }

  // How far the query lies on the side of child 1. That of dot adds what Annoy 1.13 to 1.17 built these trees with.
  double margin_of(size_t i) const {
    const double product = dot(values(i));
    if (forest_.metric == Metric::cosine) return product;
    const double extra = read<float>(node(i) + (forest_.metric == Metric::dot ? 12 : 4));
    return product + (forest_.metric == Metric::dot ? extra * extra : extra);
  }

  // Items have their bits lowest first; splits count them highest first.
  bool hamming_side(size_t i) const {
    const uint64_t bit = read<uint64_t>(values(i));
    return bit / 64 < words_.size() && (words_[bit / 64] >> (63 - bit % 64) & 1);
  }

  double dot(const uint8_t* x) const {
    return kernels().exact_dot(wide_.data(), reinterpret_cast<const float*>(x), ptrdiff_t(forest_.dim));
  }

  static double ordered(double distance) { return std::isnan(distance) ? kInfinity : distance; }

  double distance_to(size_t item) const {
    const uint8_t* x = values(item);
    const float* floats = reinterpret_cast<const float*>(x);
    const ptrdiff_t dim = ptrdiff_t(forest_.dim);
    switch (forest_.metric) {
      case Metric::cosine:
        return nearly_angular_to(item);
      case Metric::euclidean:
        return std::sqrt(kernels().exact_squared(wide_.data(), floats, dim));
      case Metric::dot:
        return 0.0 - dot(x);
      case Metric::manhattan:
        return kernels().exact_l1(wide_.data(), floats, dim);
      default:
        return hamming_to(x);
    }
  }

  // With the norm that the file keeps, a sum in float32: 2 - 2 cos, or -infinity where there is none.
  double nearly_angular_to(size_t item) const {
    const double lengths = std::sqrt(double(read<float>(node(item) + shape_.children)) * square_);
    return lengths > 0 && lengths < kInfinity ? 2 - 2 * dot(values(item)) / lengths : -kInfinity;
  }

  // Puts the true distance in place of those that may be among the k least.
  void refine(size_t k) {
    double limit = kInfinity;
    if (k < scored_.size()) {
      std::nth_element(scored_.begin(), scored_.begin() + ptrdiff_t(k), scored_.end());
      limit = scored_[k].first + kCoarse;
    }
    std::erase_if(scored_, [limit](const auto& each) { return each.first > limit; });
    for (auto& [distance, item] : scored_)
      distance = ordered(angular_to(reinterpret_cast<const float*>(values(size_t(item)))));
  }

  double angular_to(const float* x) const {
    constexpr size_t kLanes = 8;
    double products[kLanes] = {}, squares[kLanes] = {};
    size_t i = 0;
    for (; i + kLanes <= forest_.dim; i += kLanes)
      for (size_t j = 0; j < kLanes; ++j) {
        const double value = x[i + j];
        products[j] += wide_[i + j] * value;
        squares[j] += value * value;
      }
    for (; i < forest_.dim; ++i) {
      products[0] += wide_[i] * x[i];
      squares[0] += double(x[i]) * x[i];
    }
    double product = 0, square = 0;
    for (size_t j = 0; j < kLanes; ++j) {
      product += products[j];
      square += squares[j];
    }
    const double lengths = std::sqrt(square * square_);
    return std::sqrt(lengths > 0 ? std::max(0.0, 2 - 2 * product / lengths) : 2.0);
  }

  double hamming_to(const uint8_t* x) const {
    int differing = 0;
    for (size_t i = 0; i < words_.size(); ++i) differing += std::popcount(words_[i] ^ read<uint64_t>(x + i * 8));
    return differing;
  }

  void fetch(size_t item) const {
    const uint8_t* x = node(item);
    for (size_t at = 0; at < std::min<size_t>(shape_.bytes, 512); at += 64) __builtin_prefetch(x + at);
  }

  const Forest& forest_;
  const NodeShape shape_;
  const Poll& poll_;
  std::vector<double> wide_;     // the query in float64
  std::vector<uint64_t> words_;  // or in bits
  double square_ = 0;
  std::vector<uint64_t> met_;  // a bit an item
  size_t n_met_ = 0;
  std::vector<int32_t> found_;
  std::vector<std::pair<double, int32_t>> scored_;
  std::priority_queue<std::pair<double, int32_t>> queue_;  // the best first; among equals the last node, as in Annoy
};

}  // namespace

NodeShape node_shape(Metric metric, size_t dim) {
  switch (metric) {
    case Metric::cosine:
      return {4, 12, 12 + 4 * dim};
    case Metric::dot:
      return {4, 16, 16 + 4 * dim};
    case Metric::hamming:
      return {4, 16, 16 + 8 * words_of(dim)};
    default:
      return {8, 16, 16 + 4 * dim};
  }
}

ptrdiff_t search(const Forest& forest, const float* query, size_t effort, size_t k, int64_t* ids, double* distances,
                 const Poll& poll) {
  TreeSearch trees(forest, query, poll);
  if (!trees.gather(effort) || !trees.score(k)) return -1;
  return ptrdiff_t(trees.best(k, ids, distances));
}

}  // namespace nearmost
