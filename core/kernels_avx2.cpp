// Bodies for AVX2: a block of 16 rows is two registers of 8 rows x 4 bytes.
#include <immintrin.h>

#include "kernels.h"

namespace nearmost {
namespace {

struct Sixteen {  // 16 integer sums
  __m256i low, high;
};

__m256i load(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }

struct Dot {
  static __m256i add(__m256i sum, __m256i code, __m256i query) {
    const __m256i pairs = _mm256_maddubs_epi16(code, query);  // 255 * 63 * 2 < 2^15
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
};

struct L1 {
  static __m256i add(__m256i sum, __m256i code, __m256i query) {
    const __m256i apart = _mm256_sub_epi8(_mm256_max_epu8(code, query), _mm256_min_epu8(code, query));
    const __m256i pairs = _mm256_maddubs_epi16(apart, _mm256_set1_epi8(1));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
};

struct Bits {  // population count by nibble lookup (Mula, Kurz and Lemire 2018)
  static __m256i add(__m256i sum, __m256i code, __m256i query) {
    const __m256i ones = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2,
                                          2, 3, 2, 3, 3, 4);
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i apart = _mm256_xor_si256(code, query);
    const __m256i low = _mm256_shuffle_epi8(ones, _mm256_and_si256(apart, nibble));
    const __m256i high = _mm256_shuffle_epi8(ones, _mm256_and_si256(_mm256_srli_epi16(apart, 4), nibble));
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_add_epi8(low, high), _mm256_set1_epi8(1));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
};

template <class Op, int Q, int B>
void run(const Tile& t) {
  Sixteen sums[Q][B];
#pragma GCC unroll 8
  for (int q = 0; q < Q; ++q)
#pragma GCC unroll 8
    for (int b = 0; b < B; ++b) sums[q][b].low = sums[q][b].high = _mm256_setzero_si256();
  const ptrdiff_t stride = t.words * kPanelBytes;
  for (ptrdiff_t w = 0; w < t.words; ++w) {
    const uint8_t* panel = t.panels + w * kPanelBytes;
#pragma GCC unroll 8
    for (int b = 0; b < B; ++b) {
      const __m256i low = load(panel + b * stride);
      const __m256i high = load(panel + b * stride + 32);
#pragma GCC unroll 8
      for (int q = 0; q < Q; ++q) {
        const __m256i query = _mm256_set1_epi32(int(t.queries[q * t.words + w]));
        sums[q][b].low = Op::add(sums[q][b].low, low, query);
        sums[q][b].high = Op::add(sums[q][b].high, high, query);
      }
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < Q; ++q)
#pragma GCC unroll 8
    for (int b = 0; b < B; ++b) {
      __m256i* out = reinterpret_cast<__m256i*>(t.sums + (q * B + b) * kPanelRows);
      _mm256_storeu_si256(out, sums[q][b].low);
      _mm256_storeu_si256(out + 1, sums[q][b].high);
    }
}

constexpr int kBatchQueries = 4, kBatchBlocks = 1, kSingleBlocks = 2;

template <class Op>
void tile(const Tile& t) {
  if (t.n_queries == kBatchQueries) return run<Op, kBatchQueries, 1>(t);
  if (t.n_blocks == kSingleBlocks) return run<Op, 1, kSingleBlocks>(t);
  run<Op, 1, 1>(t);
}

struct Lanes {
  __m256d low, high;
  static Lanes zero() { return {_mm256_setzero_pd(), _mm256_setzero_pd()}; }
  static Lanes load(const double* p) { return {_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4)}; }
  static Lanes widen(const float* p) {
    return {_mm256_cvtps_pd(_mm_loadu_ps(p)), _mm256_cvtps_pd(_mm_loadu_ps(p + 4))};
  }
  Lanes add(Lanes o) const { return {_mm256_add_pd(low, o.low), _mm256_add_pd(high, o.high)}; }
  Lanes add_product(Lanes a, Lanes b) const {
    return {_mm256_fmadd_pd(a.low, b.low, low), _mm256_fmadd_pd(a.high, b.high, high)};
  }
  Lanes sub(Lanes o) const { return {_mm256_sub_pd(low, o.low), _mm256_sub_pd(high, o.high)}; }
  Lanes mul(Lanes o) const { return {_mm256_mul_pd(low, o.low), _mm256_mul_pd(high, o.high)}; }
  Lanes abs() const {
    const __m256d sign = _mm256_set1_pd(-0.0);
    return {_mm256_andnot_pd(sign, low), _mm256_andnot_pd(sign, high)};
  }
  void store(double* p) const {
    _mm256_storeu_pd(p, low);
    _mm256_storeu_pd(p + 4, high);
  }
};

ptrdiff_t halves(const uint8_t* from, ptrdiff_t n, float* to) {
  ptrdiff_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 2 * i))));
  return i;
}

constexpr int kPairRows = 2;

struct PairSums {
  __m256 low, high;
  static PairSums zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static PairSums load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static PairSums load_some(const float* p, int n) {
    float some[16] = {};
    for (int i = 0; i < n; ++i) some[i] = p[i];
    return load(some);
  }
  PairSums add_product(PairSums a, PairSums b) const {
    return {_mm256_fmadd_ps(a.low, b.low, low), _mm256_fmadd_ps(a.high, b.high, high)};
  }
  float total() const {
    const __m256 eight = _mm256_add_ps(low, high);
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
  const __m256i bias = _mm256_set1_epi32(e.bias);
  const __m256 weight = _mm256_set1_ps(e.weight), offset_weight = _mm256_set1_ps(e.offset_weight);
  for (int b = 0; b < n_blocks; ++b) {
    const __m256 slack = _mm256_set1_ps(slack_of(e, f.bounds ? f.bounds + 2 * b : nullptr));
    const __m256 twice = _mm256_add_ps(slack, slack);
    for (int i = b * kPanelRows; i < (b + 1) * kPanelRows; i += 8) {
      const __m256i sum = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums + i));
      __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(sum, bias)), weight);
      if (f.scales) value = _mm256_mul_ps(value, _mm256_loadu_ps(f.scales + i));
      if (f.offsets) value = _mm256_fmadd_ps(offset_weight, _mm256_loadu_ps(f.offsets + i), value);
      value = _mm256_add_ps(value, slack);
      _mm256_storeu_ps(upper + i, value);
      const __m256 lower = _mm256_sub_ps(value, twice);
      _mm256_storeu_ps(best + i, _mm256_max_ps(lower, _mm256_loadu_ps(best + i)));  // the second if the first is NaN
    }
  }
}

size_t select(const float* upper, size_t n, float threshold, uint32_t* positions) {
  size_t found = 0;
  const __m256 least = _mm256_set1_ps(threshold);
  for (size_t i = 0; i < n; i += 16) {
    const __m256 low = _mm256_cmp_ps(_mm256_loadu_ps(upper + i), least, _CMP_GE_OQ);
    const __m256 high = _mm256_cmp_ps(_mm256_loadu_ps(upper + i + 8), least, _CMP_GE_OQ);
    uint32_t mask = uint32_t(_mm256_movemask_ps(low)) | uint32_t(_mm256_movemask_ps(high)) << 8;
    for (; mask; mask &= mask - 1) positions[found++] = uint32_t(i) + uint32_t(__builtin_ctz(mask));
  }
  return found;
}

// Six rows by sixteen columns at a time: twelve sums, two columns and a row's number fill the sixteen registers.
template <int R>
void six_rows(const float* const* rows, const float* panel, const float* start, ptrdiff_t dim, float* out,
              ptrdiff_t stride) {
  __m256 low[R], high[R];
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
    low[r] = _mm256_loadu_ps(start);
    high[r] = _mm256_loadu_ps(start + 8);
  }
  for (ptrdiff_t i = 0; i < dim; ++i) {
    const __m256 a = _mm256_loadu_ps(panel + i * kProductColumns), b = _mm256_loadu_ps(panel + i * kProductColumns + 8);
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
      const __m256 x = _mm256_broadcast_ss(rows[r] + i);
      low[r] = _mm256_fmadd_ps(x, a, low[r]);
      high[r] = _mm256_fmadd_ps(x, b, high[r]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
    _mm256_storeu_ps(out + r * stride, low[r]);
    _mm256_storeu_ps(out + r * stride + 8, high[r]);
  }
}

void products(const Products& t) {
  for (ptrdiff_t p = 0; p < t.n_panels; ++p)
    for (int half = 0; half < 2; ++half) {
      const float* panel = t.panels + p * t.dim * kProductColumns + half * 16;
      const ptrdiff_t column = p * kProductColumns + half * 16;
      for (int r = 0; r < kProductRows; r += 6)
        six_rows<6>(t.rows + r, panel, t.start + column, t.dim, t.out + r * t.stride + column, t.stride);
    }
}

size_t nibbles(const Nibbles& t, float threshold, float* scores, uint32_t* positions) {
  const __m256i nibble = _mm256_set1_epi8(15), one = _mm256_set1_epi16(1);
  const __m256 least = _mm256_set1_ps(threshold), step = _mm256_set1_ps(t.step), bias = _mm256_set1_ps(t.bias),
               base = _mm256_set1_ps(t.base);
  const ptrdiff_t bytes = t.block_bytes();
  size_t found = 0;
  const uint8_t* block = t.blocks;
  for (ptrdiff_t b = 0; b < t.n_blocks; ++b, block += bytes) {
    __m256i sum = _mm256_setzero_si256();
    for (ptrdiff_t h = 0; h < t.halves;) {
      __m256i pairs = _mm256_setzero_si256();
      for (const ptrdiff_t end = h + 4 < t.halves ? h + 4 : t.halves; h < end; ++h) {  // 8 x 15 * 127 * 2 < 2^15
        const uint8_t* query = t.query + h / 2 * 128 + h % 2 * kHalfBytes;
        const __m256i codes = load(block + h * kHalfBytes);
        pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(_mm256_and_si256(codes, nibble), load(query)));
        const __m256i high = _mm256_and_si256(_mm256_srli_epi16(codes, 4), nibble);
        pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(high, load(query + 64)));
      }
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, one));
    }
    const float* factors = reinterpret_cast<const float*>(block + t.halves * kHalfBytes);
    const __m256 factor = _mm256_mul_ps(_mm256_loadu_ps(factors), step);
    __m256 score = _mm256_add_ps(_mm256_mul_ps(_mm256_sub_ps(_mm256_cvtepi32_ps(sum), bias), factor), base);
    if (t.offsets) score = _mm256_add_ps(score, _mm256_loadu_ps(factors + kListRows));
    uint32_t mask = uint32_t(_mm256_movemask_ps(_mm256_cmp_ps(score, least, _CMP_GT_OQ)));
    if (mask == 0) continue;
    alignas(32) float all[kListRows];
    _mm256_store_ps(all, score);
    for (; mask; mask &= mask - 1) {
      const int row = __builtin_ctz(mask);
      scores[found] = all[row];
      positions[found++] = uint32_t(b * kListRows + row);
    }
  }
  return found;
}

// Digits of four rows at a time: a line is two registers, and no sum of pairs leaves 16 bits (4 x 15 * 127 * 2).
static inline void sums_of_four(const Walk& w, const uint32_t* rows, int32_t* out) {
  const __m256i nibble = _mm256_set1_epi8(15), one = _mm256_set1_epi16(1);
  const int bytes = w.lines * kLine;
  const __m128i shift = _mm_cvtsi32_si128(w.shift);
  const uint8_t* weights = reinterpret_cast<const uint8_t*>(w.weights);
  __m256i sums[4];
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
    const uint8_t* code = w.codes + size_t(rows[r]) * size_t(bytes);
    __m256i low = _mm256_setzero_si256(), high = low;
    for (int i = 0; i < bytes; i += 2 * kHalfBytes) {
      const __m256i a = load(code + i), b = load(code + i + kHalfBytes);
      const __m256i a_low = _mm256_maddubs_epi16(_mm256_and_si256(a, nibble), load(weights + i));
      const __m256i b_low = _mm256_maddubs_epi16(_mm256_and_si256(b, nibble), load(weights + i + kHalfBytes));
      const __m256i a_high =
          _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(a, 4), nibble), load(weights + bytes + i));
      const __m256i b_high = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(b, 4), nibble),
                                                  load(weights + bytes + i + kHalfBytes));
      low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_add_epi16(a_low, b_low), one));
      high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_add_epi16(a_high, b_high), one));
    }
    sums[r] = _mm256_add_epi32(low, _mm256_sll_epi32(high, shift));
  }
  const __m256i both = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                   _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1)));
}

#include "unseen.inl"
#include "walk.inl"

}  // namespace

const Kernels kAvx2Kernels = {"avx2",     63,     kBatchQueries, kBatchBlocks, kSingleBlocks, tile<Dot>, tile<L1>,
                              tile<Bits>, bound,  select,        reached_by,   quantize,      exact_dot, exact_squared,
                              exact_l1,   crc32c, products,      cross,        nibbles,       scale,     best,
                              cut,        encode, decode,        open,         meet};

}  // namespace nearmost
