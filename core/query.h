// One query made ready for the scan of a flat index, and the exact score of one row for it.
#pragma once

#include <vector>

#include "flat.h"
#include "kernels.h"
#include "topk.h"

namespace nearmost {

// Ranks are what bounds are made of: for each metric a number that grows with the score.
//   cosine: the score   dot: q.x / (|q| unit)   manhattan: score / unit   hamming: the score
//   euclidean: (q.x - |x|^2 / 2) / (unit m) with m = max(|q|, unit)
class Query {
 public:
  // Writes rows.words() words of code to `codes`, and the values as float64 to `wide`; that and `room`, dim numbers for
  // whichever row is being scored, must outlive the query.
  Query(const Rows& rows, const Packed& packed, double unit, const float* values, uint32_t* codes, double* wide,
        float* room);

  // For exact scores alone.
  Query(const Rows& rows, const Packed& packed, const float* values, double* wide, float* room);

  // The same query for other rows, of the same metric and dim.
  Query(const Query& other, const Rows& rows, const Packed& packed) : Query(other) {
    rows_ = &rows;
    packed_ = &packed;
  }

  const Estimate& estimate() const { return estimate_; }

  // Scores exactly those entries of the shortlist that can still be among the k best.
  void rescore(std::vector<Shortlist::Entry>& entries, size_t k, TopK& best, const GoOn& go_on) const;

  // A number that no row with a better score than this one can have its rank, and so its upper bound, below.
  double rank_below(double score) const;

  // The row's first lines; the processor sees by itself where the rest lies.
  void prefetch(uint32_t row) const;

  // The exact score of a row; where a flat index keeps none, it is the upper bound itself.
  double score(uint32_t row, float upper = 0) const;

 private:
  void prepare_products(const float* values, uint8_t* codes);
  void prepare_manhattan(uint8_t* codes);

  const Rows* rows_;
  const Packed* packed_;
  const double* values_;
  float* room_;
  double unit_, norm_ = 0, largest_ = 1;
  Estimate estimate_{};
};

}  // namespace nearmost
