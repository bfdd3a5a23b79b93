// The coordinates in which a partition or a graph works: rows on one scale, centred, and turned to the directions that
// matter.
//   cosine: x / |x|   euclidean: x / unit, and so for manhattan and hamming, to which it is close   dot: x / unit and
//   one more number that makes its length 1, so that the nearest row is the one with the largest product (Neyshabur and
//   Srebro 2015); a query has 0 there.
#pragma once

#include <vector>

#include "flat.h"

namespace nearmost {

struct Frame {
  Metric metric;      // cosine, euclidean or dot
  size_t dim;         // of the rows as they came
  size_t turned;      // of the rows inside; inner() where nothing is turned
  double unit;        // the length that euclidean and dot rows are measured in
  const float* mean;  // (inner,)
  size_t inner() const { return dim + (metric == Metric::dot ? 1 : 0); }
};

// A row, or with `query` a query, as it is before it is centred and turned: inner numbers.
void place(const Frame& frame, const float* values, bool query, double* wide, float* out);

// The mean of the rows inside: sums of parts in the order of the rows, whatever thread made them. False where poll
// stopped it.
bool mean_of(const Frame& frame, const Rows& rows, float* mean, int n_threads, const Poll& poll);

// The `turned` directions along which the rows spread most, as (turned, inner) orthonormal axes: orthogonal iteration
// on the covariance of a sample. `mixed`: then mixed among themselves, so that one step suits all numbers. False where
// poll stopped it.
bool find_axes(const Frame& frame, const Rows& rows, bool mixed, uint64_t seed, float* axes, int n_threads,
               const Poll& poll);

// Rows inside, centred and turned by axes (null: not turned): (n, turned); and where half_squares (n,) is not null,
// half their squared lengths before they are turned. False where poll stopped it.
bool turn(const Frame& frame, const float* axes, const Rows& rows, float* out, float* half_squares, int n_threads,
          const Poll& poll);

// The mean, turned.
void turn_mean(const Frame& frame, const float* axes, float* out);

}  // namespace nearmost
