// The body that every processor can run; the others must give the same integers and the same exact scores.
#include <cstring>

#include "kernels.h"

namespace nearmost {
namespace {

template <class Term>
void tile(const Tile& t, Term term) {
  for (int q = 0; q < t.n_queries; ++q) {
    const uint8_t* query = reinterpret_cast<const uint8_t*>(t.queries + q * t.words);
    for (int b = 0; b < t.n_blocks; ++b) {
      int32_t sums[kPanelRows] = {};
      const uint8_t* panel = t.panels + b * t.words * kPanelBytes;
      for (ptrdiff_t w = 0; w < t.words; ++w, panel += kPanelBytes)
        for (int row = 0; row < kPanelRows; ++row)
          for (int i = 0; i < kWordBytes; ++i)
            sums[row] += term(panel[row * kWordBytes + i], query[w * kWordBytes + i]);
      for (int row = 0; row < kPanelRows; ++row) t.sums[(q * t.n_blocks + b) * kPanelRows + row] = sums[row];
    }
  }
}

void dot(const Tile& t) {
  tile(t, [](uint8_t code, uint8_t query) { return int32_t(code) * int8_t(query); });
}

void l1(const Tile& t) {
  tile(t, [](uint8_t code, uint8_t query) { return code > query ? code - query : query - code; });
}

void bits(const Tile& t) {
  tile(t, [](uint8_t code, uint8_t query) { return __builtin_popcount(code ^ query); });
}

struct Lanes {
  double v[8];
  static Lanes zero() { return Lanes{}; }
  static Lanes load(const double* p) {
    Lanes r;
    for (int i = 0; i < 8; ++i) r.v[i] = p[i];
    return r;
  }
  static Lanes widen(const float* p) {
    Lanes r;
    for (int i = 0; i < 8; ++i) r.v[i] = p[i];
    return r;
  }
  template <class F>
  Lanes map(F f) const {
    Lanes r;
    for (int i = 0; i < 8; ++i) r.v[i] = f(i);
    return r;
  }
  Lanes add(const Lanes& o) const {
    return map([&](int i) { return v[i] + o.v[i]; });
  }
  Lanes add_product(const Lanes& a, const Lanes& b) const { return add(a.mul(b)); }
  Lanes sub(const Lanes& o) const {
    return map([&](int i) { return v[i] - o.v[i]; });
  }
  Lanes mul(const Lanes& o) const {
    return map([&](int i) { return v[i] * o.v[i]; });
  }
  Lanes abs() const {
    return map([&](int i) { return v[i] < 0 ? -v[i] : v[i]; });
  }
  void store(double* p) const {
    for (int i = 0; i < 8; ++i) p[i] = v[i];
  }
};

ptrdiff_t halves(const uint8_t*, ptrdiff_t, float*) { return 0; }

constexpr int kPairRows = 2;

struct PairSums {
  float v[16];
  static PairSums zero() { return PairSums{}; }
  static PairSums load(const float* p) { return load_some(p, 16); }
  static PairSums load_some(const float* p, int n) {
    PairSums r{};
    for (int i = 0; i < n; ++i) r.v[i] = p[i];
    return r;
  }
  PairSums add_product(PairSums a, PairSums b) const {
    PairSums r;
    for (int i = 0; i < 16; ++i) r.v[i] = v[i] + a.v[i] * b.v[i];
    return r;
  }
  float total() const {
    PairSums r = *this;
    for (int half = 8; half > 0; half /= 2)
      for (int i = 0; i < half; ++i) r.v[i] += r.v[i + half];
    return r.v[0];
  }
};

#include "coding.inl"
#include "decode.inl"
#include "exact.inl"
#include "lanes.inl"
#include "pairs.inl"
#include "quantize.inl"

void bound(const Estimate& e, const BlockFactors& f, const int32_t* sums, int n_blocks, float* upper, float* best) {
  for (int b = 0; b < n_blocks; ++b) {
    const float slack = slack_of(e, f.bounds ? f.bounds + 2 * b : nullptr), twice = 2 * slack;
    for (int i = b * kPanelRows; i < (b + 1) * kPanelRows; ++i) {
      float value = float(sums[i] - e.bias) * e.weight;
      if (f.scales) value *= f.scales[i];
      if (f.offsets) value += e.offset_weight * f.offsets[i];
      upper[i] = value + slack;
      const float lower = upper[i] - twice;
      best[i] = lower > best[i] ? lower : best[i];
    }
  }
}

size_t select(const float* upper, size_t n, float threshold, uint32_t* positions) {
  size_t found = 0;
  for (size_t i = 0; i < n; ++i) {
    positions[found] = uint32_t(i);
    found += upper[i] >= threshold;
  }
  return found;
}

void products(const Products& t) {
  for (int r = 0; r < kProductRows; ++r)
    for (ptrdiff_t p = 0; p < t.n_panels; ++p) {
      const float* panel = t.panels + p * t.dim * kProductColumns;
      float sums[kProductColumns];
      std::memcpy(sums, t.start + p * kProductColumns, sizeof sums);
      for (ptrdiff_t i = 0; i < t.dim; ++i, panel += kProductColumns)
        for (int j = 0; j < kProductColumns; ++j) sums[j] += t.rows[r][i] * panel[j];
      std::memcpy(t.out + r * t.stride + p * kProductColumns, sums, sizeof sums);
    }
}

size_t nibbles(const Nibbles& t, float threshold, float* scores, uint32_t* positions) {
  size_t found = 0;
  const uint8_t* block = t.blocks;
  for (ptrdiff_t b = 0; b < t.n_blocks; ++b, block += t.block_bytes()) {
    float factors[2][kListRows] = {};
    std::memcpy(factors, block + t.halves * kHalfBytes, sizeof factors[0] * (t.offsets ? 2 : 1));
    for (int row = 0; row < kListRows; ++row) {
      int32_t sum = 0;
      for (ptrdiff_t h = 0; h < t.halves; ++h) {
        const int8_t* query = reinterpret_cast<const int8_t*>(t.query) + h / 2 * 128 + h % 2 * kHalfBytes;
        for (int i = 0; i < kWordBytes; ++i) {
          const uint8_t pair = block[h * kHalfBytes + row * kWordBytes + i];
          sum += (pair & 15) * query[i] + (pair >> 4) * query[64 + i];
        }
      }
      float score = (float(sum) - t.bias) * (factors[0][row] * t.step) + t.base;
      if (t.offsets) score += factors[1][row];
      scores[found] = score;
      positions[found] = uint32_t(b * kListRows + row);
      found += score > threshold;
    }
  }
  return found;
}

static inline void sums_of_four(const Walk& w, const uint32_t* rows, int32_t* out) {
  const int bytes = w.lines * kLine;
  for (int r = 0; r < 4; ++r) {
    const uint8_t* code = w.codes + size_t(rows[r]) * size_t(bytes);
    int32_t low = 0, high = 0;
    for (int i = 0; i < bytes; ++i) {
      low += (code[i] & 15) * w.weights[i];
      high += (code[i] >> 4) * w.weights[bytes + i];
    }
    out[r] = low + high * (1 << w.shift);
  }
}

#include "unseen.inl"
#include "walk.inl"

struct CrcTable {
  uint32_t entry[8][256];
  constexpr CrcTable() : entry() {
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ (c & 1 ? 0x82f63b78u : 0u);
      entry[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; ++i)
      for (int k = 1; k < 8; ++k) entry[k][i] = (entry[k - 1][i] >> 8) ^ entry[0][entry[k - 1][i] & 255];
  }
};
constexpr CrcTable kCrc;

// Castagnoli's polynomial, eight bytes a step (slicing-by-8, Kounavis and Berry 2005).
uint32_t crc32c(uint32_t crc, const uint8_t* p, size_t n) {
  crc = ~crc;
  for (; n >= 8; n -= 8, p += 8) {
    const uint32_t low = crc ^ (uint32_t(p[0]) | uint32_t(p[1]) << 8 | uint32_t(p[2]) << 16 | uint32_t(p[3]) << 24);
    crc = kCrc.entry[7][low & 255] ^ kCrc.entry[6][low >> 8 & 255] ^ kCrc.entry[5][low >> 16 & 255] ^
          kCrc.entry[4][low >> 24] ^ kCrc.entry[3][p[4]] ^ kCrc.entry[2][p[5]] ^ kCrc.entry[1][p[6]] ^
          kCrc.entry[0][p[7]];
  }
  for (; n > 0; --n, ++p) crc = (crc >> 8) ^ kCrc.entry[0][(crc ^ *p) & 255];
  return ~crc;
}

}  // namespace

const Kernels kGenericKernels = {"generic", 127,    1,        1,          1,        dot,       l1,
                                 bits,      bound,  select,   reached_by, quantize, exact_dot, exact_squared,
                                 exact_l1,  crc32c, products, cross,      nibbles,  scale,     best,
                                 cut,       encode, decode,   open,       meet};

}  // namespace nearmost
