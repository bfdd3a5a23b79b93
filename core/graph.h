// The graph: each row in a code of one or two cache lines, linked to rows near it. A search walks along the links, and
// scores the most promising of the rows it met exactly. docs/graph.md has the algorithm. Whatever the arrays hold,
// nothing outside them is read.
#pragma once

#include "allowed.h"
#include "flat.h"
#include "frame.h"
#include "panels.h"
#include "walk.h"

namespace nearmost {

constexpr size_t kMostRows = 0xffffffffu;
constexpr uint32_t kNoDigit = 0xffffffffu;  // in a place of a code that holds nothing

// How numbers become digits: number k is nearly lows[k] + steps[k] * c, c of 4 bits, or of 8 in two digits.
struct Digits {
  const float *lows, *steps;  // (turned,)
  const uint32_t* places;  // (2, lines * 64) 2 k + (the high digit of k), for each place, those of the low bits first
  int lines;
  size_t bytes() const { return size_t(lines) * kLine; }
};

struct Graph {
  Rows rows;
  Packed packed;  // norms, where the metric has them; nothing else
  Frame frame;
  Panels axes;  // blocks 0 where rows are not turned
  Digits digits;
  const uint8_t* codes;     // (n, digits.bytes())
  const uint32_t* links;    // (n, kLinks)
  const uint32_t* entries;  // (n_entries,) rows where a walk begins
  size_t n_entries;
  bool offsets() const { return frame.metric == Metric::euclidean; }
};

// How far one search goes.
struct Reach {
  float margin;    // a row's links are followed where its distance is at most (1 + margin) times that of the k-th best
  size_t k, rows;  // answers; rows that are scored exactly for them
  bool estimate = false;             // leave the estimated order of those rows as it is: for calibration
  const int64_t* without = nullptr;  // (n_queries,) a row that each query must not meet, -1 for none
};

// Codes of rows (n, turned) inside: (n, bytes). squares (n,): half the squared lengths of the centred rows, for
// euclidean; else null.
bool pack_codes(const Digits& digits, const float* inside, const float* half_squares, size_t n, size_t turned,
                uint8_t* codes, int n_threads, const Poll& poll);

// ids and scores (n_queries, width), nearest first, exact scores unless estimates are wanted; -1 and -inf where fewer
// rows were met, which is only where links do not lead to every row. False where poll stopped it.
bool search(const Graph& graph, const Reach& reach, const Allowed& allowed, const float* queries, size_t n_queries,
            size_t width, int64_t* ids, float* scores, int n_threads, const Poll& poll);

}  // namespace nearmost
