// The partition: rows in lists around centroids, each row's residual in 4-bit codes, and the most promising rows scored
// exactly. docs/partition.md has the algorithm. Whatever the arrays hold, nothing outside them is read.
#pragma once

#include "allowed.h"
#include "flat.h"
#include "frame.h"
#include "panels.h"

namespace nearmost {

constexpr uint32_t kNoRow = 0xffffffffu;  // in a slot without a row

struct Partition {
  Rows rows;
  Packed packed;  // norms, where the metric has them; nothing else
  Frame frame;
  size_t coded;  // leading numbers that have 4-bit codes
  Panels axes;   // blocks 0 where rows are not turned
  Panels cells, lists;
  const uint32_t* cell_first;  // (16 cells.blocks + 1,) first block of 16 lists of each cell
  const uint32_t* list_first;  // (16 lists.blocks + 1,) first block of 8 slots of each list
  const uint8_t* blocks;       // (n_blocks, block_bytes()), see Nibbles
  const uint32_t* slots;       // (n_blocks, 8) row
  size_t n_blocks;
  bool offsets() const { return frame.metric == Metric::euclidean; }
  size_t halves() const { return (coded + 7) / 8; }
  size_t block_bytes() const { return halves() * kHalfBytes + (offsets() ? 2 : 1) * kListRows * sizeof(float); }
};

// How much one search looks at.
struct Effort {
  size_t lists, cells, rows;  // scanned; whose lists are compared; scored exactly
  bool estimate = false;      // leave the estimated scores and their order as they are: for calibration
};

// Fills the blocks from rows (n, turned) inside, for partition's lists, list_first and slots. shift: the mean, turned;
// null for euclidean, which takes half_squares (n,), half the squared lengths of the centred rows, instead.
bool pack_lists(const Partition& partition, const float* inside, const float* shift, const float* half_squares,
                float eta, uint8_t* blocks, int n_threads, const Poll& poll);

}  // namespace nearmost
