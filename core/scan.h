// Some queries, looked for together among some blocks of rows.
#pragma once

#include <vector>

#include "flat.h"
#include "query.h"
#include "topk.h"

namespace nearmost {

// Holds everything that a chunk of queries needs, and is used again for the next chunk.
class Scan {
 public:
  static constexpr size_t kQueries = 192;  // share one pass over the rows

  Scan(const Rows& rows, const Packed& packed, double unit, size_t k);

  // Makes up to kQueries queries ready; their lists are empty.
  void take(const float* queries, size_t n);

  // Looks at blocks [from, to) of 16 rows for every query.
  void run(size_t from, size_t to, const GoOn& go_on);

  // The best of what query q has met, scored exactly.
  TopK& best(size_t q, const GoOn& go_on) {
    score(q, go_on);
    return best_[q];
  }

 private:
  void estimate(size_t q, size_t n, size_t block, size_t n_blocks, size_t start);
  void collect(size_t q, size_t slot, size_t start, size_t end);
  void score(size_t q, const GoOn& go_on);

  const Rows& rows_;
  const Packed& packed_;
  const double unit_;
  const size_t k_, words_, most_;
  size_t group_ = 1, wide_ = 1, pass_ = 1;  // queries of a tile, blocks of a tile, blocks of a pass
  std::vector<Query> queries_;
  std::vector<Shortlist> lists_;
  std::vector<TopK> best_;
  std::vector<uint32_t> codes_;      // (queries, words), padded to whole groups
  std::vector<double> wide_values_;  // (queries, dim)
  std::vector<float> row_;           // the one that is being scored
  std::vector<float> upper_;         // (group, pass, 16)
  std::vector<uint32_t> positions_;  // of one pass, and room for the kernel to write beyond
};

}  // namespace nearmost
