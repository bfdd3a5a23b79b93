// Rows in 8-bit codes of what lies between them and the centroid of their cell, so that integers tell which list of
// lists that lie close together is the nearest one. Codes are the same on every instruction set, and so is what they
// tell.
#pragma once

#include <cstring>
#include <vector>

#include "kernels.h"
#include "panels.h"
#include "parallel.h"

namespace nearmost {

// The first of the largest; n is a multiple of 16, room is for n positions.
size_t best_of(const float* scores, size_t n, uint32_t* room);

inline void fetch(const void* from, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(static_cast<const char*>(from) + i);
}

class Residuals {
 public:
  static size_t row_bytes(size_t dim) { return (dim + 3) / 4 * kWordBytes; }

  // codes: room for n times row_bytes(dim).
  Residuals(const float* rows, size_t n, size_t dim, uint8_t* codes) : rows_(rows), n_(n), dim_(dim), codes_(codes) {}

  // Row i against its cell, nearest[i * stride]. False where poll stopped it.
  bool code(const float* cells, const uint32_t* nearest, size_t stride, int n_threads, const Poll& poll);

  size_t dim() const { return dim_; }
  size_t words() const { return (dim_ + 3) / 4; }
  uint32_t cell(size_t row) const { return cells_[row]; }
  const uint8_t* codes(size_t row) const { return codes_ + row * row_bytes(dim_); }
  float step(size_t row) const { return coded_[row].step; }
  int32_t sum(size_t row) const { return coded_[row].sum; }

  // Whether a row lies so near to the list with this score, of its own cell, that its code can hardly tell that list
  // from others about as near: what the code lost of the row is too large a share of its distance from the list.
  bool blurred(size_t row, float score) const { return score > coded_[row].clear; }

 private:
  struct Own {
    float step;
    int32_t sum;
    float clear;  // up to this score of a list its code tells it from others
  };
  const float* rows_;
  size_t n_, dim_;
  uint8_t* codes_;
  std::vector<uint32_t> cells_;
  std::vector<Own> coded_;
};

// The lists of one cell, each in codes of what lies between it and the cell's centroid.
class NearLists {
 public:
  // n at least 1. others: the centroids of cells whose rows come, (n_others, dim); null where those of this cell alone
  // do.
  NearLists(const float* lists, size_t n, const float* cell, const float* others, size_t n_others, size_t dim);

  // each(i, list, score) for i in [from, to) in order: the list nearest to the row row_of(i), the first where several
  // are. With x the row, c the cell's centroid and f a list's distance from it, score is <x - c, f> - |f|^2 / 2.
  template <class RowOf, class Each>
  void nearest(const Residuals& rows, size_t from, size_t to, const RowOf& row_of, const Each& each) const {
    const Kernels& kernel = kernels();
    const size_t group = size_t(kernel.batch_queries), words = rows.words(), bytes = words * kWordBytes;
    const size_t run = wide_ * kPanelRows;
    std::vector<uint32_t> codes(group * words);
    std::vector<int32_t> sums(group * width());
    for (size_t first = from; first < to; first += group) {
      const size_t n = std::min(group, to - first), ahead = std::min(to - first, 2 * group);
      for (size_t i = n; i < ahead; ++i) fetch(rows.codes(row_of(first + i)), bytes);
      for (size_t i = 0; i < n; ++i) std::memcpy(&codes[i * words], rows.codes(row_of(first + i)), bytes);
      for (size_t b = 0; b < blocks_; b += wide_)
        kernel.dot({panels_.data() + b * words * kPanelBytes, codes.data(), ptrdiff_t(words), int(group), int(wide_),
                    &sums[b * kPanelRows * group]});
      for (size_t i = 0; i < n; ++i) {
        const size_t row = row_of(first + i);
        const Panelled own = {&sums[i * run],         ptrdiff_t(width()), ptrdiff_t(run),
                              ptrdiff_t(run * group), scales_.data(),     starts(rows.cell(row))};
        const Best best = kernel.best(own, 128 * rows.sum(row), rows.step(row));
        each(first + i, size_t(best.position), best.score);
      }
    }
  }

 private:
  size_t width() const { return blocks_ * kPanelRows; }
  const float* starts(uint32_t cell) const { return several_ ? &starts_[cell * width()] : starts_.data(); }

  size_t wide_, blocks_;
  bool several_;
  std::vector<uint8_t> panels_;
  std::vector<float> scales_, starts_;
};

}  // namespace nearmost
