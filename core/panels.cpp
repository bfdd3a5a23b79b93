#include "panels.h"

#include <algorithm>
#include <cstring>

namespace nearmost {
namespace {

constexpr int kLimit = 127, kZero = 128;
constexpr float kUnused = -1e30f;

}  // namespace

void pack_panels(const float* values, const uint8_t* used, const float* shift, float weight, size_t dim,
                 const PanelArrays<true>& out) {
  const size_t words = (dim + 3) / 4;
  std::vector<uint8_t> codes(words * kWordBytes);
  for (size_t i = 0; i < out.blocks * kPanelRows; ++i) {
    const float* v = values + i * dim;
    std::fill(codes.begin(), codes.end(), uint8_t(kZero));
    out.scales[i] = kernels().quantize(v, ptrdiff_t(dim), 1, kLimit, kZero, codes.data()).step;
    uint8_t* panel = out.codes + i / kPanelRows * words * kPanelBytes + i % kPanelRows * kWordBytes;
    for (size_t w = 0; w < words; ++w) std::memcpy(panel + w * kPanelBytes, &codes[w * kWordBytes], kWordBytes);
    if (!out.biases) continue;
    float squares = 0;
    for (size_t k = 0; k < dim; ++k) {
      const float value = v[k] + (shift ? shift[k] : 0);
      squares += value * value;
    }
    out.biases[i] = used[i] ? -weight * squares : kUnused;
  }
}

void CodedQuery::code(const float* values, size_t n, int limit) {
  n_ = n;
  words_.assign((n + 7) / 8 * 2, 0);
  coded_ = kernels().quantize(values, ptrdiff_t(n), 1, limit, 0, reinterpret_cast<uint8_t*>(words_.data()));
}

void CodedQuery::score(const Panels& panels, size_t from, size_t to, float* out) const {
  constexpr size_t most = 4;
  alignas(64) int32_t sums[most * kPanelRows];
  const size_t words = (n_ + 3) / 4, wide = size_t(kernels().single_blocks);
  for (size_t b = from; b < to;) {
    const size_t n = b + wide <= to ? wide : 1;
    kernels().dot({panels.codes + b * words * kPanelBytes, words_.data(), ptrdiff_t(words), 1, int(n), sums});
    const float* offsets = panels.biases ? panels.biases + b * kPanelRows : nullptr;
    kernels().scale(sums, n * kPanelRows, 128 * coded_.sum, coded_.step, panels.scales + b * kPanelRows, offsets, out);
    out += n * kPanelRows;
    b += n;
  }
}

Turning::Turning(const Frame& frame, const Panels& axes)
    : frame_(frame), axes_(axes), wide_(frame.dim), inner_(frame.inner()), turned_(axes.blocks * kPanelRows) {}

const float* Turning::turn(const float* query) {
  place(frame_, query, true, wide_.data(), inner_.data());
  if (frame_.metric == Metric::euclidean)
    for (size_t k = 0; k < inner_.size(); ++k) inner_[k] -= frame_.mean[k];
  if (axes_.blocks == 0) return inner_.data();
  coded_.code(inner_.data(), inner_.size(), kPanelLimit);
  coded_.score(axes_, 0, axes_.blocks, turned_.data());
  return turned_.data();
}

}  // namespace nearmost
