// Vectors laid out as columns that many rows are multiplied with.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels.h"
#include "parallel.h"

namespace nearmost {

class Columns {
 public:
  // Scores are <row, column> - half |column|^2; those of the padding are -1e30.
  Columns(const float* values, size_t n, size_t dim, float half)
      : n_(n), dim_(dim), panels_((n + kProductColumns - 1) / kProductColumns) {
    start_.assign(width(), -1e30f);
    packed_.assign(width() * dim, 0);
    for (size_t i = 0; i < n; ++i) {
      const float* v = values + i * dim;
      float* panel = packed_.data() + i / kProductColumns * kProductColumns * dim + i % kProductColumns;
      for (size_t k = 0; k < dim; ++k) panel[k * kProductColumns] = v[k];
      float squares = 0;
      for (size_t k = 0; half > 0 && k < dim; ++k) squares += v[k] * v[k];
      start_[i] = -half * squares;
    }
  }

  size_t size() const { return n_; }
  size_t width() const { return panels_ * kProductColumns; }

  // each(i, scores) for i in [from, to) in order; row(i) is dim numbers; scores are width() numbers to do with as one
  // likes.
  template <class Row, class Each>
  void score(size_t from, size_t to, const Row& row, const Each& each) const {
    std::vector<float> out(kProductRows * width());
    for (size_t i = from; i < to; i += kProductRows) {
      const float* rows[kProductRows];
      for (size_t j = 0; j < kProductRows; ++j) rows[j] = row(std::min(to - 1, i + j));
      kernels().products(
          {rows, packed_.data(), start_.data(), ptrdiff_t(dim_), ptrdiff_t(panels_), out.data(), ptrdiff_t(width())});
      for (size_t j = 0; j < kProductRows && i + j < to; ++j) each(i + j, out.data() + j * width());
    }
  }

 private:
  size_t n_, dim_, panels_;
  std::vector<float> packed_, start_;
};

// work(from, to, go_on) for parts of [0, n) whose limits do not depend on the number of threads.
template <class Work>
bool parallel_parts(size_t n, size_t part, int n_threads, const Poll& poll, const Work& work) {
  return parallel_for((n + part - 1) / part, n_threads, poll,
                      [&](size_t item, const GoOn&) { work(item * part, std::min(n, (item + 1) * part)); });
}

}  // namespace nearmost
