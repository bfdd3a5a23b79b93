// Rows into 8-bit codes, with a bound for what that loses.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "flat.h"
#include "kernels.h"

namespace nearmost {
namespace {

constexpr size_t kBlocksPerItem = 64;
constexpr int kLimit = 127, kZero = 128;  // a code c in [-127, 127] is stored as c + 128

float rounded_up(double x) {
  const float f = float(x);
  return double(f) < x ? std::nextafter(f, std::numeric_limits<float>::infinity()) : f;
}

// What one row's code is worth.
struct Coded {
  float scale;
  double norm, error;  // of the decoded row; of row - decoded row
};

int nearest_code(double x) {  // halves go away from zero
  return int(std::clamp(x, -double(kLimit), double(kLimit)) + (x < 0 ? -0.5 : 0.5));
}

// Codes of t = row / unit in steps of its own, largest magnitude 127.
Coded code_by_own_scale(const float* row, size_t dim, double unit, uint8_t* codes) {
  float largest = 0;
  for (size_t i = 0; i < dim; ++i) largest = std::max(largest, std::fabs(row[i]));
  const float scale = float(largest / unit / kLimit);
  const double per_unit = 1 / unit, per_scale = scale > 0 ? 1.0 / scale : 0;
  double norm = 0, error = 0;
  for (size_t i = 0; i < dim; ++i) {
    const double t = row[i] * per_unit;
    const int c = nearest_code(t * per_scale);
    const double lost = t - double(scale) * c;
    codes[i] = uint8_t(c + kZero);
    norm += double(c) * c;
    error += lost * lost;
  }
  return {scale, scale * std::sqrt(norm), std::sqrt(error)};
}

// Codes of t = row / unit as it stands: manhattan needs one scale for all. norm is of no use there.
Coded code_by_unit(const float* row, size_t dim, double unit, uint8_t* codes) {
  double error = 0;
  for (size_t i = 0; i < dim; ++i) {
    const double t = row[i] / unit;
    const int c = nearest_code(t);
    codes[i] = uint8_t(c + kZero);
    error += std::fabs(t - c);
  }
  return {1, 0, error};
}

double length(const float* row, size_t dim) { return std::sqrt(kernels().exact_dot(row, row, ptrdiff_t(dim))); }

double unit_of(const Rows& rows) {
  double largest = 0;
  if (rows.metric == Metric::cosine || rows.metric == Metric::hamming) return 1;
  if (rows.metric == Metric::manhattan) {
    for (size_t i = 0; i < rows.n * rows.dim; ++i) largest = std::max(largest, std::fabs(double(rows.values[i])));
    largest /= kLimit;
  } else {
    for (size_t row = 0; row < rows.n; ++row)
      largest = std::max(largest, length(rows.values + row * rows.dim, rows.dim));
  }
  return largest > 0 ? largest : 1;
}

class Packer {
 public:
  Packer(const Rows& rows, const Packing& out, double unit) : rows_(rows), out_(out), unit_(unit) {}

  void block(size_t b, std::vector<uint8_t>& codes) const {
    const size_t words = rows_.words();
    const uint8_t empty = rows_.metric == Metric::hamming ? 0 : kZero;
    double norm = 0, error = 0;
    for (size_t lane = 0; lane < kPanelRows; ++lane) {
      const size_t row = b * kPanelRows + lane;
      std::fill(codes.begin(), codes.end(), empty);
      if (row < rows_.n) {
        const Coded coded = code(row, codes.data());
        norm = std::max(norm, coded.norm);
        error = std::max(error, coded.error);
        if (out_.scales) out_.scales[row] = coded.scale;
      } else {
        if (out_.scales) out_.scales[row] = 0;
        if (out_.offsets) out_.offsets[row] = 0;
      }
      uint8_t* panel = out_.panels + b * words * kPanelBytes + lane * kWordBytes;
      for (size_t w = 0; w < words; ++w) std::memcpy(panel + w * kPanelBytes, codes.data() + w * kWordBytes, kWordBytes);
    }
    if (out_.bounds) {
      out_.bounds[2 * b] = rounded_up(norm);
      out_.bounds[2 * b + 1] = rounded_up(error);
    }
  }

 private:
  Coded code(size_t row, uint8_t* codes) const {
    const float* values = rows_.values + row * rows_.dim;
    switch (rows_.metric) {
      case Metric::hamming:
        pack_bits(values, rows_.dim, codes);
        return {};
      case Metric::manhattan:
        return code_by_unit(values, rows_.dim, unit_, codes);
      case Metric::cosine: {
        const double norm = length(values, rows_.dim);
        out_.norms[row] = norm;
        return code_by_own_scale(values, rows_.dim, norm > 0 ? norm : 1, codes);
      }
      case Metric::euclidean: {
        const double t = length(values, rows_.dim) / unit_;
        out_.offsets[row] = float(-0.5 * t * t);
        break;
      }
      case Metric::dot:
        break;
    }
    return code_by_own_scale(values, rows_.dim, unit_, codes);
  }

  const Rows& rows_;
  const Packing& out_;
  double unit_;
};

}  // namespace

void pack_bits(const float* values, size_t dim, uint8_t* bytes) {
  std::memset(bytes, 0, (dim + 7) / 8);
  for (size_t i = 0; i < dim; ++i) bytes[i / 8] |= uint8_t(values[i] != 0) << (i % 8);
}

bool pack(const Rows& rows, const Packing& out, double* unit, int n_threads, const Poll& poll) {
  *unit = unit_of(rows);
  const Packer packer(rows, out, *unit);
  const size_t items = (rows.blocks() + kBlocksPerItem - 1) / kBlocksPerItem;
  return parallel_for(items, n_threads, poll, [&](size_t item, const GoOn& go_on) {
    std::vector<uint8_t> codes(rows.words() * kWordBytes);
    const size_t end = std::min(rows.blocks(), (item + 1) * kBlocksPerItem);
    for (size_t b = item * kBlocksPerItem; b < end && go_on(); ++b) packer.block(b, codes);
  });
}

}  // namespace nearmost
