// One walk along the links of a graph towards a query: plain data that the kernels open() and meet() work on.
//
// A row's code is lines * 64 bytes, each of two 4-bit digits; with offsets the last four bytes are a float32 and its
// digits have no weight. A row's key, smaller for nearer rows, is an integer, the same whatever the instruction set:
//   key = offset * per_key - (sum of low digit x low weight + 2^shift * sum of high digit x high weight)
// and its distance to the query, squared, about origin + step * key. Key and row together make an entry: ordered by
// key, then by row.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nearmost {

constexpr int kLine = 64;             // bytes of a cache line, and of a line of a code
constexpr int kMostLines = 4;         // of a code
constexpr int kLinks = 32;            // of a row; one without so many has itself in the places that are left
constexpr size_t kWalkRoom = kLinks;  // that open() may add to `met`, and meet() to `open`
constexpr int64_t kNoEntry = INT64_MAX;

struct Walk {
  const uint8_t* codes;   // (n, lines * 64)
  const uint32_t* links;  // (n, kLinks)
  const uint8_t* marks;   // (n,) of the rows that may be found, or null for all
  uint32_t n;
  int lines;
  bool offsets;

  const int8_t* weights;  // (2, lines * 64): of the low digits, then of the high ones
  int shift;
  float per_key, origin, step;
  float margin;  // a row is opened where its distance is at most (1 + margin) times that of the k-th best

  uint32_t* seen;  // a bit for each row
  uint32_t* met;   // the rows that were seen, in order, with room for kWalkRoom + 16 more
  size_t n_met, n_new;
  int64_t* best;   // (room,) ascending, kNoEntry where there is none; one more number lies before it
  int64_t* spare;  // the same, written next
  size_t room, k;
  int64_t* open;  // a heap of the entries still to be opened, the nearest first
  size_t n_open, opened, most;
  int64_t limit;  // entries beyond are not opened
};

}  // namespace nearmost
