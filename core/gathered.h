// Rows from here and there, copied side by side so that each is fetched from memory once, and multiplied with each
// other.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels.h"
#include "neighbors.h"

namespace nearmost {

class Gathered {
 public:
  explicit Gathered(const Points& points) : points_(points), stride_((points.dim + 15) / 16 * 16) {}

  // row_of(i) for i in [0, n), n at least 1.
  template <class RowOf>
  void gather(size_t n, const RowOf& row_of) {
    width_ = (n + kCrossRows - 1) / kCrossRows * kCrossRows;
    if (values_.size() < width_ * stride_ + 16) values_.resize(width_ * stride_ + 16);
    float* start = values_.data() + (-reinterpret_cast<intptr_t>(values_.data()) & 63) / ptrdiff_t(sizeof(float));
    rows_.resize(width_);
    for (size_t i = 0; i < width_; ++i) {
      float* row = start + i * stride_;
      std::copy_n(points_.row(row_of(std::min(i, n - 1))), points_.dim, row);
      std::fill(row + points_.dim, row + stride_, 0.0f);
      rows_[i] = row;
    }
    products_.resize(width_ * width_);
  }

  // Products (width, width) of the kCrossRows rows that row i is one of with those from the first of them on.
  void multiply(size_t i) {
    const size_t from = i / kCrossRows * kCrossRows;
    kernels().cross({&rows_[from], &rows_[from], ptrdiff_t(width_ - from), ptrdiff_t(stride_),
                     &products_[from * width_ + from], ptrdiff_t(width_)});
  }

  size_t width() const { return width_; }
  float* products(size_t i) { return &products_[i * width_]; }

 private:
  const Points& points_;
  const size_t stride_;
  size_t width_ = 0;
  std::vector<float> values_, products_;
  std::vector<const float*> rows_;
};

}  // namespace nearmost
