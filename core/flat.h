// The flat index: every row looked at, in 8-bit codes whose error is bounded, and the few that may matter scored
// exactly. The answer is exactly the k best of the float64 scores; docs/engine.md has the proof.
#pragma once

#include <cstddef>
#include <cstdint>

#include "parallel.h"
#include "rows.h"

namespace nearmost {

// Arrays of the caller; those that a metric does not use are null.
//   cosine: norms, scales, bounds   euclidean: scales, offsets, bounds   dot: scales, bounds   manhattan: bounds
template <bool writable>
struct PackedArrays {
  template <class T>
  using Pointer = std::conditional_t<writable, T*, const T*>;
  Pointer<uint8_t> panels;  // (blocks, words, 16, 4)
  Pointer<double> norms;    // (n,) Euclidean length of each row
  Pointer<float> scales;    // (blocks, 16) step of each row's code
  Pointer<float> offsets;   // (blocks, 16) minus half the squared length, in units
  Pointer<float> bounds;    // (blocks, 2) largest length of a decoded row, largest length of its error
};
using Packing = PackedArrays<true>;
using Packed = PackedArrays<false>;

// An upper bound of |t - step code|, the rounding of its own computation allowed for; length is |t|.
double lost_by(const Coded& coded, size_t dim, double length);

// The length that codes are measured in: the longest row, or what makes one step of manhattan's codes.
bool find_unit(const Rows& rows, double* unit, int n_threads, const Poll& poll);

// The Euclidean length of each row.
bool lengths(const Rows& rows, double* out, int n_threads, const Poll& poll);

// Fills the arrays; *unit becomes the length that codes are measured in. False where poll stopped it.
bool pack(const Rows& rows, const Packing& out, double* unit, int n_threads, const Poll& poll);

// A row's bits, first value lowest; any value but 0 is a 1.
void pack_bits(const float* values, size_t dim, uint8_t* bytes);

// ids and scores (n_queries, k), nearest first, -1 and -inf where fewer rows exist. False where poll stopped it.
bool search(const Rows& rows, const Packed& packed, double unit, const float* queries, size_t n_queries, size_t k,
            int64_t* ids, float* scores, int n_threads, const Poll& poll);

}  // namespace nearmost
