// Several partitions of one metric and dim, whose lists are ranked together as if they were those of one.
#pragma once

#include <vector>

#include "partition.h"

namespace nearmost {

// A score s of a part is scale s + (query . shift) + constant in the whole: its rows may have another unit, and are
// centred on a mean of their own.
struct Part {
  const Partition* partition;
  int64_t first;            // number in the whole of its first row
  uint32_t first_slot = 0;  // and of its first slot
  size_t frame = 0;         // which of the coordinate systems its codes lie in
  float scale = 1;
  double constant = 0;
  std::vector<double> shift = {};  // (inner,)
};

// All lists once more, in cells of their own.
struct Lists {
  Frame frame;
  Panels axes;  // blocks 0 where nothing is turned
  Panels cells, lists;
  const uint32_t* cell_first;  // (16 cells.blocks + 1,) first block of 16 lists of each cell
  const uint32_t* owners;      // (16 lists.blocks,) the part that a list is of, and its number there; null where there
  const uint32_t* numbers;     // is one part, whose lists these are
};

class Partitions {
 public:
  // The partitions and arrays must outlive this.
  explicit Partitions(const Partition& alone);
  // Throws std::length_error where slots have more numbers than 32 bits hold. In `lists`, turned by nothing, a row is
  // measured in the longest unit of all, and owners and numbers are such as there are.
  Partitions(const std::vector<const Partition*>& partitions, const std::vector<int64_t>& firsts, const Lists& lists);

  const std::vector<Part>& parts() const { return parts_; }
  const Lists& lists() const { return lists_; }
  const Rows& rows() const { return parts_[0].partition->rows; }  // whose metric and dim are those of all
  size_t n_frames() const { return n_frames_; }
  size_t n_rows() const { return n_rows_; }

  size_t part_of_list(uint32_t list) const { return lists_.owners ? lists_.owners[list] : 0; }
  uint32_t number_of_list(uint32_t list) const { return lists_.numbers ? lists_.numbers[list] : list; }
  size_t part_of_slot(uint32_t slot) const {
    size_t low = 0;
    for (size_t n = parts_.size(); n > 1;) {
      const size_t half = n / 2;
      if (parts_[low + half].first_slot <= slot) low += half;
      n -= half;
    }
    return low;
  }

  // Whether a query has the same coordinates among the codes of a part as among the lists.
  bool shares_frame(const Part& part) const;

  // What is added to a part's scores for this query; inside: what the query is among the lists, before it is turned.
  static float offset(const Part& part, const float* query, const float* inside);

 private:
  std::vector<Part> parts_;
  Lists lists_;
  size_t n_frames_ = 0, n_rows_ = 0;
};

// ids and scores (n_queries, k), nearest first, exact scores unless estimates are wanted; -1 and -inf where fewer rows
// were found, which is only where the lists do not hold every row. Rows are numbered as in the whole, and so are the
// marks of `allowed`. False where poll stopped it.
bool search(const Partitions& partitions, const Effort& effort, const Allowed& allowed, const float* queries,
            size_t n_queries, size_t k, int64_t* ids, float* scores, int n_threads, const Poll& poll);

}  // namespace nearmost
