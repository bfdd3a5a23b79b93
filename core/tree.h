// Rows into lists of rows that lie close together: k-means in two levels, first cells, then the lists of each cell.
#pragma once

#include <cstddef>
#include <cstdint>

#include "parallel.h"

namespace nearmost {

struct TreeShape {
  size_t cells;  // at most
  size_t lists;  // about; each cell gets its share, and none more than eight times the mean share
  size_t width;  // cells whose lists a row is compared with
  int rounds;    // of k-means over all lists at once
  uint64_t seed;
  size_t most_lists() const { return lists + cells; }
};

struct Tree {
  float* cells;     // (cells, dim)
  float* lists;     // (most_lists(), dim), those of cell g at [first[g], first[g + 1])
  uint32_t* first;  // (cells + 1,)
  uint32_t* owner;  // (n,) each row's list
};

// rows (n, dim), n and dim at least 1. Rows with a mark in held (n,) get a list, but no centroid takes them into
// account. codes is room for n rows in 8-bit codes, dim rounded up to 4 bytes each. The same bytes for any number of
// threads. False where poll stopped it.
bool grow(const float* rows, size_t n, size_t dim, const uint8_t* held, const TreeShape& shape, uint8_t* codes,
          const Tree& out, int n_threads, const Poll& poll);

}  // namespace nearmost
