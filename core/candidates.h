// The rows that a search of lists found most promising, and the best of them by their exact scores.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "keeper.h"
#include "partitions.h"
#include "query.h"
#include "topk.h"

namespace nearmost {

// Used again for the next query.
class Candidates {
 public:
  explicit Candidates(const Partitions& whole) : whole_(whole), exact_(whole.rows().dim), row_(whole.rows().dim) {}

  // Scores the slots that the keeper holds. `estimate`: leaves their estimated scores and their order as they are.
  void rescore(const float* query, bool estimate, Keeper& keeper, TopK& best) {
    const std::vector<Part>& parts = whole_.parts();
    keeper.settle();
    candidates_.clear();
    for (size_t i = 0; i < keeper.size(); ++i) {
      const size_t owner = whole_.part_of_slot(keeper.ids()[i]);
      const Part& part = parts[owner];
      const uint32_t row = part.partition->slots[keeper.ids()[i] - part.first_slot];
      if (row >= part.partition->rows.n) continue;  // of a damaged file
      if (estimate)
        best.add({keeper.scores()[i], part.first + row});
      else
        candidates_.push_back({keeper.scores()[i], uint32_t(owner), row, 0});
    }
    if (estimate) return;
    queries_.clear();
    queries_.reserve(parts.size());
    queries_.emplace_back(whole_.rows(), parts[0].partition->packed, query, exact_.data(), row_.data());
    for (size_t i = 1; i < parts.size(); ++i)
      queries_.emplace_back(queries_[0], parts[i].partition->rows, parts[i].partition->packed);
    const size_t n = candidates_.size(),
                 first = parts.size() == 1 ? n : std::min(n, std::max(2 * best.wanted(), kSample));
    if (first == n) return score(0, n, best);
    std::nth_element(candidates_.begin(), candidates_.begin() + ptrdiff_t(first), candidates_.end(),
                     [](const Candidate& a, const Candidate& b) { return a.estimate > b.estimate; });
    score(0, first, best);
    const float least = worth_scoring(query, first, best);
    const auto end = std::remove_if(candidates_.begin() + ptrdiff_t(first), candidates_.end(),
                                    [least](const Candidate& each) { return each.estimate < least; });
    score(first, size_t(end - candidates_.begin()), best);
  }

 private:
  static constexpr size_t kAhead = 8;    // rows fetched before they are scored
  static constexpr size_t kSample = 48;  // candidates that tell how far estimates are off
  static constexpr double kSurely = 6;   // standard deviations of that

  struct Candidate {
    float estimate;
    uint32_t part, row;
    double score;
  };

  // Some of the candidates, exactly.
  void score(size_t from, size_t to, TopK& best) {
    const auto prefetch = [this](const Candidate& each) { queries_[each.part].prefetch(each.row); };
    for (size_t i = from; i < std::min(to, from + kAhead); ++i) prefetch(candidates_[i]);
    for (size_t i = from; i < to; ++i) {
      if (i + kAhead < to) prefetch(candidates_[i + kAhead]);
      Candidate& each = candidates_[i];
      each.score = queries_[each.part].score(each.row);
      best.add({each.score, whole_.parts()[each.part].first + each.row});
    }
  }

  // The estimate below which no row is likely to be among the best, by how far those of the first n candidates are off.
  float worth_scoring(const float* query, size_t n, const TopK& best) const {
    constexpr float nothing = -std::numeric_limits<float>::infinity();
    const Metric metric = whole_.rows().metric;
    const double unit = whole_.lists().frame.unit;
    double per_score = 1;
    if (metric == Metric::dot)
      per_score = 1 / (unit * std::sqrt(kernels().exact_dot(exact_.data(), query, ptrdiff_t(exact_.size()))));
    else if (metric == Metric::euclidean)
      per_score = -0.5 / (unit * unit);
    else if (metric != Metric::cosine)
      return nothing;  // estimates are of another distance
    const auto estimated = [&](double score) {
      return (metric == Metric::euclidean ? score * score : score) * per_score;
    };
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; ++i) {
      const double off = candidates_[i].estimate - estimated(candidates_[i].score);
      sum += off;
      squares += off * off;
    }
    const double mean = sum / double(n), spread = std::sqrt(std::max(0.0, squares / double(n) - mean * mean));
    const double least = best.full() ? estimated(best.last().score) + mean - kSurely * spread : nothing;
    return std::isfinite(least) ? float(least) : nothing;
  }

  const Partitions& whole_;
  std::vector<double> exact_;
  std::vector<float> row_;  // the one that is being scored
  std::vector<Query> queries_;
  std::vector<Candidate> candidates_;
};

}  // namespace nearmost
