#include "residuals.h"

#include <algorithm>

#include "columns.h"

namespace nearmost {
namespace {

constexpr size_t kPart = 1200;
constexpr double kMostLost = 0.02;  // of the squared distance between a row and a list

}  // namespace

size_t best_of(const float* scores, size_t n, uint32_t* room) {
  float lanes[16];
  std::copy(scores, scores + 16, lanes);
  for (size_t i = 16; i < n; i += 16)
    for (size_t j = 0; j < 16; ++j) lanes[j] = scores[i + j] > lanes[j] ? scores[i + j] : lanes[j];
  float most = lanes[0];
  for (const float lane : lanes) most = lane > most ? lane : most;
  return kernels().select(scores, n, most, room) > 0 ? room[0] : 0;
}

bool Residuals::code(const float* cells, const uint32_t* nearest, size_t stride, int n_threads, const Poll& poll) {
  cells_.resize(n_);
  coded_.resize(n_);
  return parallel_parts(n_, kPart, n_threads, poll, [&](size_t from, size_t to) {
    std::vector<float> apart(dim_);
    for (size_t i = from; i < to; ++i) {
      cells_[i] = nearest[i * stride];
      const float *row = rows_ + i * dim_, *cell = cells + cells_[i] * dim_;
      for (size_t k = 0; k < dim_; ++k) apart[k] = row[k] - cell[k];
      uint8_t* codes = codes_ + i * row_bytes(dim_);
      std::fill(codes + dim_, codes + row_bytes(dim_), uint8_t(0));
      const Coded coded = kernels().quantize(apart.data(), ptrdiff_t(dim_), 1, kPanelLimit, 0, codes);
      const double squares = double(coded.step) * coded.step * double(coded.squares) + coded.lost;
      coded_[i] = {coded.step, coded.sum, float((squares - coded.lost / kMostLost) / 2)};
    }
  });
}

NearLists::NearLists(const float* lists, size_t n, const float* cell, const float* others, size_t n_others, size_t dim)
    : wide_(size_t(kernels().batch_blocks)),
      blocks_((n + wide_ * kPanelRows - 1) / (wide_ * kPanelRows) * wide_),
      several_(others != nullptr) {
  std::vector<float> apart(width() * dim), biases(width());
  std::vector<uint8_t> used(width());
  for (size_t l = 0; l < n; ++l) {
    used[l] = 1;
    for (size_t k = 0; k < dim; ++k) apart[l * dim + k] = lists[l * dim + k] - cell[k];
  }
  panels_.resize(blocks_ * Residuals::row_bytes(dim) * kPanelRows);
  scales_.resize(width());
  pack_panels(apart.data(), used.data(), nullptr, 0.5f, dim, {panels_.data(), scales_.data(), biases.data(), blocks_});
  if (!several_) {
    starts_ = biases;
    return;
  }
  // What a row's own cell adds: <its centroid - this one, f>.
  std::vector<float> between(n_others * dim);
  for (size_t c = 0; c < n_others; ++c)
    for (size_t k = 0; k < dim; ++k) between[c * dim + k] = others[c * dim + k] - cell[k];
  starts_.assign(n_others * width(), -1e30f);
  const Columns columns(apart.data(), n, dim, 0.5f);
  columns.score(
      0, n_others, [&](size_t c) { return between.data() + c * dim; },
      [&](size_t c, const float* found) { std::copy(found, found + n, &starts_[c * width()]); });
}

}  // namespace nearmost
