// The rows of an index, in one of the few types of number that they are kept in.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels.h"

namespace nearmost {

enum class Metric { cosine = 0, euclidean = 1, dot = 2, manhattan = 3, hamming = 4 };

// The rows, and the shape of what is packed from them.
struct Rows {
  Metric metric;
  size_t n, dim;
  const void* values;  // (n, dim); bits: (n, row_bytes()); null for a flat hamming index once packed
  Number number = Number::float32;
  const float* scales = nullptr;  // (n,): what the row's numbers are multiplied with, or null for 1

  size_t row_bytes() const { return metric == Metric::hamming ? (dim + 7) / 8 : dim; }  // of a row in 8-bit codes
  size_t words() const { return (row_bytes() + 3) / 4; }
  size_t blocks() const { return (n + 15) / 16; }

  size_t stride() const {  // bytes from row to row
    return number == Number::float32   ? 4 * dim
           : number == Number::float16 ? 2 * dim
           : number == Number::bits    ? (dim + 7) / 8
                                       : dim;
  }
  const uint8_t* bytes(size_t row) const { return static_cast<const uint8_t*>(values) + row * stride(); }

  // The row as float32: where it lies, or in `room`, dim numbers.
  const float* read(size_t row, float* room) const {
    if (number == Number::float32) return reinterpret_cast<const float*>(bytes(row));
    kernels().decode(number, bytes(row), ptrdiff_t(dim), room);
    for (size_t i = 0; scales && i < dim; ++i) room[i] *= scales[row];
    return room;
  }
};

}  // namespace nearmost
