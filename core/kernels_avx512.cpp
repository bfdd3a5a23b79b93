// Bodies for AVX-512 with VNNI: a block of 16 rows is one register, and one instruction adds 64 products.
#include <immintrin.h>

#include "kernels.h"

namespace nearmost {
namespace {

struct Dot {
  static __m512i add(__m512i sum, __m512i code, __m512i query) { return _mm512_dpbusd_epi32(sum, code, query); }
};

struct L1 {
  static __m512i add(__m512i sum, __m512i code, __m512i query) {
    const __m512i apart = _mm512_sub_epi8(_mm512_max_epu8(code, query), _mm512_min_epu8(code, query));
    return _mm512_dpbusd_epi32(sum, apart, _mm512_set1_epi8(1));
  }
};

struct Bits {
  static __m512i add(__m512i sum, __m512i code, __m512i query) {
    return _mm512_add_epi32(sum, _mm512_popcnt_epi32(_mm512_xor_si512(code, query)));
  }
};

template <class Op, int Q, int B>
void run(const Tile& t) {
  __m512i sums[Q][B];
#pragma GCC unroll 8
  for (int q = 0; q < Q; ++q)
#pragma GCC unroll 8
    for (int b = 0; b < B; ++b) sums[q][b] = _mm512_setzero_si512();
  const ptrdiff_t stride = t.words * kPanelBytes;
  for (ptrdiff_t w = 0; w < t.words; ++w) {
    __m512i codes[B];
#pragma GCC unroll 8
    for (int b = 0; b < B; ++b) codes[b] = _mm512_loadu_si512(t.panels + w * kPanelBytes + b * stride);
#pragma GCC unroll 8
    for (int q = 0; q < Q; ++q) {
      const __m512i query = _mm512_set1_epi32(int(t.queries[q * t.words + w]));
#pragma GCC unroll 8
      for (int b = 0; b < B; ++b) sums[q][b] = Op::add(sums[q][b], codes[b], query);
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < Q; ++q)
#pragma GCC unroll 8
    for (int b = 0; b < B; ++b) _mm512_storeu_si512(t.sums + (q * B + b) * kPanelRows, sums[q][b]);
}

constexpr int kBatchQueries = 6, kBatchBlocks = 4, kSingleBlocks = 4;

template <class Op>
void tile(const Tile& t) {
  if (t.n_queries == kBatchQueries)
    return t.n_blocks == kBatchBlocks ? run<Op, kBatchQueries, kBatchBlocks>(t) : run<Op, kBatchQueries, 1>(t);
  if (t.n_blocks == kSingleBlocks) return run<Op, 1, kSingleBlocks>(t);
  run<Op, 1, 1>(t);
}

struct Lanes {
  __m512d v;
  static Lanes zero() { return {_mm512_setzero_pd()}; }
  static Lanes load(const double* p) { return {_mm512_loadu_pd(p)}; }
  static Lanes widen(const float* p) { return {_mm512_cvtps_pd(_mm256_loadu_ps(p))}; }
  Lanes add(Lanes o) const { return {_mm512_add_pd(v, o.v)}; }
  Lanes add_product(Lanes a, Lanes b) const { return {_mm512_fmadd_pd(a.v, b.v, v)}; }
  Lanes sub(Lanes o) const { return {_mm512_sub_pd(v, o.v)}; }
  Lanes mul(Lanes o) const { return {_mm512_mul_pd(v, o.v)}; }
  Lanes abs() const { return {_mm512_abs_pd(v)}; }
  void store(double* p) const { _mm512_storeu_pd(p, v); }
};

ptrdiff_t halves(const uint8_t* from, ptrdiff_t n, float* to) {
  ptrdiff_t i = 0;
  for (; i + 16 <= n; i += 16)
    _mm512_storeu_ps(to + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 2 * i))));
  return i;
}

constexpr int kPairRows = 4;

struct PairSums {
  __m512 v;
  static PairSums zero() { return {_mm512_setzero_ps()}; }
  static PairSums load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static PairSums load_some(const float* p, int n) { return {_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p)}; }
  PairSums add_product(PairSums a, PairSums b) const { return {_mm512_fmadd_ps(a.v, b.v, v)}; }
  float total() const {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
};

#include "coding.inl"
#include "crc_sse42.inl"
#include "decode.inl"
#include "exact.inl"
#include "lanes.inl"
#include "pairs.inl"
#include "quantize.inl"

void bound(const Estimate& e, const BlockFactors& f, const int32_t* sums, int n_blocks, float* upper, float* best) {
  const __m512i bias = _mm512_set1_epi32(e.bias);
  const __m512 weight = _mm512_set1_ps(e.weight), offset_weight = _mm512_set1_ps(e.offset_weight);
  for (int b = 0, i = 0; b < n_blocks; ++b, i += kPanelRows) {
    const __m512 slack = _mm512_set1_ps(slack_of(e, f.bounds ? f.bounds + 2 * b : nullptr));
    __m512 value = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_loadu_si512(sums + i), bias));
    value = _mm512_mul_ps(value, weight);
    if (f.scales) value = _mm512_mul_ps(value, _mm512_loadu_ps(f.scales + i));
    if (f.offsets) value = _mm512_fmadd_ps(offset_weight, _mm512_loadu_ps(f.offsets + i), value);
    value = _mm512_add_ps(value, slack);
    _mm512_storeu_ps(upper + i, value);
    const __m512 lower = _mm512_sub_ps(value, _mm512_add_ps(slack, slack));
    _mm512_storeu_ps(best + i, _mm512_max_ps(lower, _mm512_loadu_ps(best + i)));  // the second if the first is NaN
  }
}

size_t select(const float* upper, size_t n, float threshold, uint32_t* positions) {
  size_t found = 0;
  const __m512 least = _mm512_set1_ps(threshold);
  for (size_t i = 0; i < n; i += 16) {
    uint32_t mask = _mm512_cmp_ps_mask(_mm512_loadu_ps(upper + i), least, _CMP_GE_OQ);
    for (; mask; mask &= mask - 1) positions[found++] = uint32_t(i) + uint32_t(__builtin_ctz(mask));
  }
  return found;
}

void products(const Products& t) {
  constexpr int R = kProductRows;
  for (ptrdiff_t p = 0; p < t.n_panels; ++p) {
    const float* panel = t.panels + p * t.dim * kProductColumns;
    __m512 low[R], high[R];
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      low[r] = _mm512_loadu_ps(t.start + p * kProductColumns);
      high[r] = _mm512_loadu_ps(t.start + p * kProductColumns + 16);
    }
    for (ptrdiff_t i = 0; i < t.dim; ++i, panel += kProductColumns) {
      const __m512 a = _mm512_loadu_ps(panel), b = _mm512_loadu_ps(panel + 16);
#pragma GCC unroll 12
      for (int r = 0; r < R; ++r) {
        const __m512 x = _mm512_set1_ps(t.rows[r][i]);
        low[r] = _mm512_fmadd_ps(x, a, low[r]);
        high[r] = _mm512_fmadd_ps(x, b, high[r]);
      }
    }
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      _mm512_storeu_ps(t.out + r * t.stride + p * kProductColumns, low[r]);
      _mm512_storeu_ps(t.out + r * t.stride + p * kProductColumns + 16, high[r]);
    }
  }
}

// Two half lines at a time; the high codes stay where they are, and their sum is 16 times too large.
size_t nibbles(const Nibbles& t, float threshold, float* scores, uint32_t* positions) {
  const __m512i low_bits = _mm512_set1_epi8(15), high_bits = _mm512_set1_epi8(char(0xf0));
  const __m256 least = _mm256_set1_ps(threshold), step = _mm256_set1_ps(t.step), bias = _mm256_set1_ps(t.bias),
               base = _mm256_set1_ps(t.base);
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const ptrdiff_t bytes = t.block_bytes(), lines = t.halves / 2;
  size_t found = 0;
  const uint8_t* block = t.blocks;
  for (ptrdiff_t b = 0; b < t.n_blocks; ++b, block += bytes) {
    __m512i low = _mm512_setzero_si512(), high = low;
    const uint8_t* query = t.query;
    for (ptrdiff_t g = 0; g < lines; ++g, query += 128) {
      const __m512i codes = _mm512_loadu_si512(block + g * 64);
      low = _mm512_dpbusd_epi32(low, _mm512_and_si512(codes, low_bits), _mm512_loadu_si512(query));
      high = _mm512_dpbusd_epi32(high, _mm512_and_si512(codes, high_bits), _mm512_loadu_si512(query + 64));
    }
    if (t.halves % 2) {
      const __m512i codes =
          _mm512_zextsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + lines * 64)));
      low = _mm512_dpbusd_epi32(low, _mm512_and_si512(codes, low_bits), _mm512_loadu_si512(query));
      high = _mm512_dpbusd_epi32(high, _mm512_and_si512(codes, high_bits), _mm512_loadu_si512(query + 64));
    }
    const __m512i both = _mm512_add_epi32(low, _mm512_srai_epi32(high, 4));
    const __m256i sum = _mm256_add_epi32(_mm512_castsi512_si256(both), _mm512_extracti64x4_epi64(both, 1));
    const float* factors = reinterpret_cast<const float*>(block + t.halves * kHalfBytes);
    const __m256 factor = _mm256_mul_ps(_mm256_loadu_ps(factors), step);
    __m256 score = _mm256_add_ps(_mm256_mul_ps(_mm256_sub_ps(_mm256_cvtepi32_ps(sum), bias), factor), base);
    if (t.offsets) score = _mm256_add_ps(score, _mm256_loadu_ps(factors + kListRows));
    const __mmask8 mask = _mm256_cmp_ps_mask(score, least, _CMP_GT_OQ);
    if (mask == 0) continue;
    const __m256i position = _mm256_add_epi32(lanes, _mm256_set1_epi32(int(b * kListRows)));
    _mm256_storeu_ps(scores + found, _mm256_maskz_compress_ps(mask, score));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(positions + found), _mm256_maskz_compress_epi32(mask, position));
    found += size_t(__builtin_popcount(mask));
  }
  return found;
}

static inline void sums_of_four(const Walk& w, const uint32_t* rows, int32_t* out) {
  const __m512i nibble = _mm512_set1_epi8(15);
  const int bytes = w.lines * kLine;
  const __m128i shift = _mm_cvtsi32_si128(w.shift);
  const uint8_t* codes[4];
  __m512i low[4], high[4];
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
    codes[r] = w.codes + size_t(rows[r]) * size_t(bytes);
    low[r] = high[r] = _mm512_setzero_si512();
  }
  for (int i = 0; i < bytes; i += kLine) {
    const __m512i of_low = _mm512_loadu_si512(w.weights + i), of_high = _mm512_loadu_si512(w.weights + bytes + i);
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const __m512i code = _mm512_loadu_si512(codes[r] + i);
      low[r] = _mm512_dpbusd_epi32(low[r], _mm512_and_si512(code, nibble), of_low);
      high[r] = _mm512_dpbusd_epi32(high[r], _mm512_and_si512(_mm512_srli_epi16(code, 4), nibble), of_high);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) low[r] = _mm512_add_epi32(low[r], _mm512_sll_epi32(high[r], shift));
  const __m512i a = _mm512_add_epi32(_mm512_unpacklo_epi32(low[0], low[1]), _mm512_unpackhi_epi32(low[0], low[1]));
  const __m512i b = _mm512_add_epi32(_mm512_unpacklo_epi32(low[2], low[3]), _mm512_unpackhi_epi32(low[2], low[3]));
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(ab), _mm512_extracti64x4_epi64(ab, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                   _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
}

static inline size_t list_unseen(const Walk& w, const uint32_t* links, uint32_t* out) {
  size_t found = 0;
  for (int i = 0; i < kLinks; i += 16) {
    const __m512i rows = _mm512_loadu_si512(links + i);
    const __mmask16 real = _mm512_cmplt_epu32_mask(rows, _mm512_set1_epi32(int(w.n)));
    const __m512i words =
        _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), real, _mm512_srli_epi32(rows, 5), w.seen, 4);
    const __m512i bits = _mm512_sllv_epi32(_mm512_set1_epi32(1), _mm512_and_si512(rows, _mm512_set1_epi32(31)));
    const __mmask16 unseen = _mm512_mask_testn_epi32_mask(real, words, bits);
    _mm512_storeu_si512(out + found, _mm512_maskz_compress_epi32(unseen, rows));
    found += size_t(__builtin_popcount(unseen));
  }
  return found;
}

#include "walk.inl"

}  // namespace

const Kernels kAvx512Kernels = {
    "avx512", 127,        kBatchQueries, kBatchBlocks, kSingleBlocks, tile<Dot>, tile<L1>, tile<Bits>, bound,
    select,   reached_by, quantize,      exact_dot,    exact_squared, exact_l1,  crc32c,   products,   cross,
    nibbles,  scale,      best,          cut,          encode,        decode,    open,     meet};

}  // namespace nearmost
