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
struct Worth {
  float scale;
  double norm, error;  // of the decoded row; of row - decoded row
};

Worth code_by_own_scale(const float* row, size_t dim, double unit, double length, uint8_t* codes) {
  const Coded coded = kernels().quantize(row, ptrdiff_t(dim), 1 / unit, kLimit, kZero, codes);
  return {coded.step, coded.step * std::sqrt(double(coded.squares)), lost_by(coded, dim, length / unit)};
}

// Codes of t = row / unit as it stands: manhattan needs one scale for all. norm is of no use there.
Worth code_by_unit(const float* row, size_t dim, double unit, uint8_t* codes) {
  double error = 0;
  for (size_t i = 0; i < dim; ++i) {
    const double t = row[i] / unit;
    const double c = std::clamp(std::nearbyint(t), -double(kLimit), double(kLimit));
    codes[i] = uint8_t(int(c) + kZero);
    error += std::fabs(t - c);
  }
  return {1, 0, error};
}

double length(const float* row, size_t dim, std::vector<double>& wide) {
  wide.assign(row, row + dim);
  return std::sqrt(kernels().exact_dot(wide.data(), row, ptrdiff_t(dim)));
}

class Packer {
 public:
  Packer(const Rows& rows, const Packing& out, double unit) : rows_(rows), out_(out), unit_(unit) {}

  void block(size_t b, std::vector<uint8_t>& codes, std::vector<double>& wide, std::vector<float>& room) const {
    const size_t words = rows_.words();
    const uint8_t empty = rows_.metric == Metric::hamming ? 0 : kZero;
    double norm = 0, error = 0;
    for (size_t lane = 0; lane < kPanelRows; ++lane) {
      const size_t row = b * kPanelRows + lane;
      std::fill(codes.begin(), codes.end(), empty);
      if (row < rows_.n) {
        const Worth coded = code(rows_.read(row, room.data()), row, codes.data(), wide);
        norm = std::max(norm, coded.norm);
        error = std::max(error, coded.error);
        if (out_.scales) out_.scales[row] = coded.scale;
      } else {
        if (out_.scales) out_.scales[row] = 0;
        if (out_.offsets) out_.offsets[row] = 0;
      }
      uint8_t* panel = out_.panels + b * words * kPanelBytes + lane * kWordBytes;
      for (size_t w = 0; w < words; ++w)
        std::memcpy(panel + w * kPanelBytes, codes.data() + w * kWordBytes, kWordBytes);
    }
    if (out_.bounds) {
      out_.bounds[2 * b] = rounded_up(norm);
      out_.bounds[2 * b + 1] = rounded_up(error);
    }
  }

 private:
  Worth code(const float* values, size_t row, uint8_t* codes, std::vector<double>& wide) const {
    switch (rows_.metric) {
      case Metric::hamming:
        pack_bits(values, rows_.dim, codes);
        return {};
      case Metric::manhattan:
        return code_by_unit(values, rows_.dim, unit_, codes);
      default:
        break;
    }
    const double norm = length(values, rows_.dim, wide);
    const double unit = rows_.metric == Metric::cosine ? (norm > 0 ? norm : 1) : unit_;
    if (out_.norms) out_.norms[row] = norm;
    if (out_.offsets) out_.offsets[row] = float(-0.5 * (norm / unit) * (norm / unit));
    return code_by_own_scale(values, rows_.dim, unit, norm, codes);
  }

  const Rows& rows_;
  const Packing& out_;
  double unit_;
};

}  // namespace

double lost_by(const Coded& coded, size_t dim, double length) {
  const double sums = 0x1p-10, terms = 0x1p-22, underflow = 1e-18;  // the last for each t whose square vanishes
  return std::sqrt(coded.lost) * (1 + sums) + terms * length + underflow * std::sqrt(double(dim));
}

void pack_bits(const float* values, size_t dim, uint8_t* bytes) {
  std::memset(bytes, 0, (dim + 7) / 8);
  for (size_t i = 0; i < dim; ++i) bytes[i / 8] |= uint8_t(values[i] != 0) << (i % 8);
}

bool find_unit(const Rows& rows, double* unit, int n_threads, const Poll& poll) {
  *unit = 1;
  if (rows.metric == Metric::cosine || rows.metric == Metric::hamming) return true;
  const bool manhattan = rows.metric == Metric::manhattan;
  const size_t per_item = kBlocksPerItem * kPanelRows, items = (rows.n + per_item - 1) / per_item;
  std::vector<double> largest(items, 0);
  const bool complete = parallel_for(items, n_threads, poll, [&](size_t item, const GoOn&) {
    std::vector<double> wide;
    std::vector<float> room(rows.dim);
    for (size_t row = item * per_item; row < std::min(rows.n, (item + 1) * per_item); ++row) {
      const float* values = rows.read(row, room.data());
      double size = manhattan ? 0 : length(values, rows.dim, wide);
      for (size_t i = 0; manhattan && i < rows.dim; ++i) size = std::max(size, std::fabs(double(values[i])));
      largest[item] = std::max(largest[item], size);
    }
  });
  const double most = rows.n > 0 ? *std::max_element(largest.begin(), largest.end()) : 0;
  if (most > 0) *unit = manhattan ? most / kLimit : most;
  return complete;
}

bool lengths(const Rows& rows, double* out, int n_threads, const Poll& poll) {
  const size_t per_item = kBlocksPerItem * kPanelRows;
  return parallel_for((rows.n + per_item - 1) / per_item, n_threads, poll, [&](size_t item, const GoOn&) {
    std::vector<double> wide;
    std::vector<float> room(rows.dim);
    for (size_t row = item * per_item; row < std::min(rows.n, (item + 1) * per_item); ++row)
      out[row] = length(rows.read(row, room.data()), rows.dim, wide);
  });
}

bool pack(const Rows& rows, const Packing& out, double* unit, int n_threads, const Poll& poll) {
  if (!find_unit(rows, unit, n_threads, poll)) return false;
  const Packer packer(rows, out, *unit);
  const size_t items = (rows.blocks() + kBlocksPerItem - 1) / kBlocksPerItem;
  return parallel_for(items, n_threads, poll, [&](size_t item, const GoOn& go_on) {
    std::vector<uint8_t> codes(rows.words() * kWordBytes);
    std::vector<double> wide;
    std::vector<float> room(rows.dim);
    const size_t end = std::min(rows.blocks(), (item + 1) * kBlocksPerItem);
    for (size_t b = item * kBlocksPerItem; b < end && go_on(); ++b) packer.block(b, codes, wide, room);
  });
}

}  // namespace nearmost
