// The arithmetic that is written once per instruction set, behind one table chosen when the program starts.
//
// Codes lie in panels: 16 rows x 4 bytes, row after row, so that one 32-bit word of the query meets the same
// four bytes of 16 rows at once and no sum ever crosses a lane. A row of w words takes w panels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "walk.h"

namespace nearmost {

constexpr int kPanelRows = 16;
constexpr int kWordBytes = 4;
constexpr int kPanelBytes = kPanelRows * kWordBytes;

// Some queries against some blocks of 16 rows. The shapes that have a body: batch_queries x batch_blocks,
// batch_queries x 1, 1 x single_blocks and 1 x 1.
struct Tile {
  const uint8_t* panels;    // first block; block b starts at panels + b * words * kPanelBytes
  const uint32_t* queries;  // query i starts at queries + i * words
  ptrdiff_t words;          // words of a row, and of a query
  int n_queries;
  int n_blocks;
  int32_t* sums;  // (n_queries, n_blocks, 16)
};

// How a query's integer sums become upper bounds of the rank:
//   (sum - bias) * weight * scale + offset_weight * offset + slack,
//   slack = per_norm * bounds[0] + per_error * bounds[1] + always, the largest error of the estimate in that block.
struct Estimate {
  int32_t bias;
  float weight, offset_weight;
  float per_norm, per_error, always;
};

inline float slack_of(const Estimate& e, const float* bounds) {
  return bounds ? e.per_norm * bounds[0] + e.per_error * bounds[1] + e.always : 0.0f;
}

// The rows that an estimate is made for: blocks of 16, side by side.
struct BlockFactors {
  const float* scales;   // (n_blocks, 16), or null for 1
  const float* offsets;  // (n_blocks, 16), or null for 0
  const float* bounds;   // (n_blocks, 2), or null for no slack at all
};

// What a row's or a query's codes are worth, before any rounding is allowed for: t - step * code is what is lost.
struct Coded {
  float step;
  int32_t sum;      // of the codes
  int64_t squares;  // of the codes, summed
  double lost;      // squares of what is lost, summed in float32
};

// What rows are kept in. bits: 0 and 1, eight a byte, the first lowest.
enum class Number { float32 = 0, float16 = 1, uint8 = 2, int8 = 3, bits = 4 };

constexpr int kProductRows = 12, kProductColumns = 32;

// Twelve rows against panels of 32 columns, in float32:
//   out[r * stride + 32 p + j] = start[32 p + j] + sum over i of rows[r][i] * panels[p][i][j], in the order of i.
struct Products {
  const float* const* rows;  // twelve
  const float* panels;       // (n_panels, dim, 32)
  const float* start;        // (n_panels, 32)
  ptrdiff_t dim, n_panels;
  float* out;
  ptrdiff_t stride;
};

constexpr int kCrossRows = 4;

// Four rows against n others, a multiple of four, wherever they lie: out[r * stride + j] = <rows[r], others[j]>, the
// same bits whichever of the two comes first.
struct Cross {
  const float* const* rows;  // four
  const float* const* others;
  ptrdiff_t n, dim;
  float* out;
  ptrdiff_t stride;
};

// One query's integer sums with n vectors in panels, in runs of so many side by side, `stride` apart.
struct Panelled {
  const int32_t* sums;
  ptrdiff_t n, run, stride;  // n a multiple of run, run of 16
  const float *scales, *starts;
};

struct Best {
  float score;
  int32_t position;
};

constexpr int kListRows = 8;  // of a block of a partition's list
constexpr int kHalfBytes = 32;

// One query against blocks of 8 rows in 4-bit codes. A block is `halves` half lines of 8 rows x 4 bytes, byte j of half
// h with number 8 h + j in its low bits and 8 h + 4 + j in its high ones; then a float32 factor a row; then, with
// offsets, a float32 offset a row. A row's score: (sum of code x query - bias) * (factor * step) + base, and its
// offset.
struct Nibbles {
  const uint8_t* blocks;
  ptrdiff_t n_blocks, halves;
  const uint8_t* query;  // as spread_query lays it, 64-byte aligned
  float step, bias, base;
  bool offsets;
  ptrdiff_t block_bytes() const {
    return halves * kHalfBytes + (offsets ? 2 : 1) * kListRows * ptrdiff_t(sizeof(float));
  }
};

struct Kernels {
  const char* name;
  int query_limit;    // query codes lie in [-limit, limit]: the widest that cannot saturate
  int batch_queries;  // the shapes at which a tile runs best
  int batch_blocks;
  int single_blocks;
  void (*dot)(const Tile&);   // sum of u8 code x s8 query
  void (*l1)(const Tile&);    // sum of |u8 code - u8 query|
  void (*bits)(const Tile&);  // number of differing bits
  // Upper bounds (n_blocks, 16); best (n_blocks, 16) keeps the largest lower bound that each lane ever met.
  void (*bound)(const Estimate&, const BlockFactors&, const int32_t* sums, int n_blocks, float* upper, float* best);
  // The positions i < n, a multiple of 16, of upper[i] >= threshold; returns how many.
  size_t (*select)(const float* upper, size_t n, float threshold, uint32_t* positions);
  // A number, -infinity at worst, that at least k <= 64 of the 64 lanes reach: nearly the greatest such.
  float (*reached_by)(const float* best, int32_t k);
  // Codes of t = value * per_unit in steps of its own, the largest one being limit; stored as code + zero.
  Coded (*quantize)(const float* values, ptrdiff_t n, double per_unit, int limit, int zero, uint8_t* codes);
  // Exact scores: 32 float64 lanes, added in one order whatever the instruction set.
  double (*exact_dot)(const double* query, const float* row, ptrdiff_t n);
  double (*exact_squared)(const double* query, const float* row, ptrdiff_t n);
  double (*exact_l1)(const double* query, const float* row, ptrdiff_t n);
  uint32_t (*crc32c)(uint32_t, const uint8_t*, size_t);
  void (*products)(const Products&);
  void (*cross)(const Cross&);
  // Writes the scores above the threshold and their positions, block * 8 + row; returns how many.
  size_t (*nibbles)(const Nibbles&, float threshold, float* scores, uint32_t* positions);
  // out = (sum - bias) * (step * scale) + offset, offsets null for none; n is a multiple of 16.
  void (*scale)(const int32_t* sums, size_t n, int32_t bias, float step, const float* scales, const float* offsets,
                float* out);
  // The first of the largest (sum - bias) * (step * scale) + start.
  Best (*best)(const Panelled&, int32_t bias, float step);
  // A number that about k of the scores lie above (k to k + k / 16, where no ties forbid it); below all where n <= k.
  float (*cut)(const float* scores, size_t n, size_t k);
  // 4-bit codes of a residual: value = factor * (code - 7.5). Returns the factor. See coding.inl.
  float (*encode)(const float* residual, const float* direction, ptrdiff_t n, float eta, uint8_t* codes);
  // n numbers of some type, wherever they lie, into float32.
  void (*decode)(Number, const uint8_t* from, ptrdiff_t n, float* to);
  // A step of a walk, see walk.inl: open() lists what the nearest row to be opened leads to, meet() scores it.
  bool (*open)(Walk&);
  void (*meet)(Walk&);
};

// The fastest set this processor has, or the one that NEARMOST_ISA (generic, avx2, avx512, amx) names, if it has that.
const Kernels& kernels();

extern const Kernels kGenericKernels;
#ifdef NEARMOST_X86
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
Kernels amx_kernels();
#endif

}  // namespace nearmost
