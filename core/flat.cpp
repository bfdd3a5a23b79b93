#include "flat.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "kernels.h"
#include "query.h"
#include "topk.h"

namespace nearmost {
namespace {

constexpr size_t kChunkQueries = 192;     // share one pass over the rows
constexpr size_t kPassBytes = 256 << 10;  // codes that stay in the second-level cache while the chunk meets them
constexpr size_t kSplitBytes = 1 << 20;   // a thread of its own is worth this much code
constexpr size_t kPassBlocks = 256;
constexpr size_t kMaxBlocks = 4;  // of one tile
constexpr size_t kMaxQueries = 8;

using Lists = std::vector<Shortlist>;

// Some queries against some blocks of rows. Rows are taken in passes that stay in the cache while every query meets
// them: bounds for the whole pass first, which also raise the threshold, then the few rows that reach it.
class Scan {
 public:
  Scan(const Rows& rows, const Packed& packed, size_t n_queries)
      : rows_(rows),
        packed_(packed),
        words_(rows.words()),
        group_(n_queries == 1 ? 1 : size_t(kernels().batch_queries)),
        wide_(n_queries == 1 ? size_t(kernels().single_blocks) : size_t(kernels().batch_blocks)),
        pass_(std::clamp(kPassBytes / (words_ * kPanelBytes) / wide_ * wide_, wide_, kPassBlocks)),
        upper_(group_ * pass_ * kPanelRows),
        positions_(pass_ * kPanelRows + kPanelRows) {}

  // codes: (queries.size(), words), padded to whole groups. lists: one a query.
  void run(const std::vector<Query>& queries, const uint32_t* codes, size_t from, size_t to, Shortlist* lists,
           const GoOn& go_on) {
    for (size_t start = from; start < to && go_on(); start += pass_) {
      const size_t end = std::min(to, start + pass_);
      for (size_t q = 0; q < queries.size(); q += group_) {
        const size_t n = std::min(group_, queries.size() - q);
        for (size_t b = start; b < end;) {
          const size_t n_blocks = b + wide_ <= end ? wide_ : 1;
          estimate(&queries[q], n, codes + q * words_, b, n_blocks, start, lists + q);
          b += n_blocks;
        }
        for (size_t i = 0; i < n; ++i) collect(queries[q + i], i, start, end, lists[q + i]);
      }
    }
  }

 private:
  // Upper bounds of n_blocks blocks for n queries.
  void estimate(const Query* queries, size_t n, const uint32_t* codes, size_t block, size_t n_blocks, size_t start,
                Shortlist* lists) {
    alignas(64) int32_t sums[kMaxQueries * kMaxBlocks * kPanelRows];
    integer_kernel()(
        {packed_.panels + block * words_ * kPanelBytes, codes, ptrdiff_t(words_), int(group_), int(n_blocks), sums});
    const auto at = [block](const float* p, size_t per_block) { return p ? p + block * per_block : nullptr; };
    const BlockFactors factors = {at(packed_.scales, kPanelRows), at(packed_.offsets, kPanelRows),
                                  at(packed_.bounds, 2)};
    const size_t lane = n_blocks == 1 ? block % kMaxBlocks * kPanelRows : 0;
    const size_t real = rows_.n - block * kPanelRows;
    for (size_t q = 0; q < n; ++q) {
      float* upper = upper_.data() + (q * pass_ + block - start) * kPanelRows;
      const int32_t* own = sums + q * n_blocks * kPanelRows;
      if (real >= n_blocks * kPanelRows) {
        kernels().bound(queries[q].estimate(), factors, own, int(n_blocks), upper, lists[q].best() + lane);
      } else {  // the last rows of all: what pads their block must not count
        float unused[kMaxBlocks * kPanelRows] = {};
        kernels().bound(queries[q].estimate(), factors, own, int(n_blocks), upper, unused);
        std::fill(upper + real, upper + n_blocks * kPanelRows, -std::numeric_limits<float>::infinity());
      }
    }
  }

  // The rows of one pass that may still matter to one query.
  void collect(const Query& query, size_t slot, size_t start, size_t end, Shortlist& list) {
    list.raise_by_best();
    const float* upper = upper_.data() + slot * pass_ * kPanelRows;
    const size_t found = kernels().select(upper, (end - start) * kPanelRows, list.threshold(), positions_.data());
    for (size_t i = 0; i < found; ++i) {
      const size_t position = positions_[i], row = start * kPanelRows + position;
      if (row >= rows_.n) break;
      const float* bounds = packed_.bounds ? packed_.bounds + 2 * (row / kPanelRows) : nullptr;
      list.add({upper[position], uint32_t(row)}, list.by_entries() ? slack_of(query.estimate(), bounds) : 0);
    }
    list.raise_by_entries();
  }

  decltype(Kernels::dot) integer_kernel() const {
    if (rows_.metric == Metric::hamming) return kernels().bits;
    return rows_.metric == Metric::manhattan ? kernels().l1 : kernels().dot;
  }

  const Rows& rows_;
  const Packed& packed_;
  const size_t words_, group_, wide_, pass_;
  std::vector<float> upper_;         // (group, pass, 16)
  std::vector<uint32_t> positions_;  // of one pass, and room for the kernel to write beyond
};

// Cuts queries into chunks, and the rows too where there are fewer chunks than threads.
struct Plan {
  size_t chunk, chunks, parts;
  Plan(const Rows& rows, size_t n_queries, size_t n_threads) {
    const size_t group = size_t(kernels().batch_queries);
    const size_t even = (n_queries + n_threads - 1) / n_threads;
    chunk = n_queries == 1 ? 1 : std::min(kChunkQueries, (even + group - 1) / group * group);
    chunks = (n_queries + chunk - 1) / chunk;
    const size_t worth = rows.blocks() * rows.words() * kPanelBytes / kSplitBytes;
    parts = chunks >= n_threads ? 1 : std::clamp<size_t>(worth, 1, (n_threads + chunks - 1) / chunks);
  }
};

}  // namespace

bool search(const Rows& rows, const Packed& packed, double unit, const float* queries, size_t n_queries, size_t k,
            int64_t* ids, float* scores, int n_threads, const Poll& poll) {
  if (n_queries == 0 || k == 0) return true;
  const size_t wanted = std::min(k, rows.n), words = rows.words(), blocks = rows.blocks();
  const Plan plan(rows, n_queries, size_t(threads_for(n_threads)));
  std::vector<Lists> found(plan.chunks * plan.parts);
  std::vector<std::vector<Query>> prepared(plan.chunks);
  const size_t group = size_t(kernels().batch_queries);

  const auto queries_of = [&](size_t chunk, std::vector<uint32_t>& codes) {
    const size_t first = chunk * plan.chunk, n = std::min(plan.chunk, n_queries - first);
    codes.assign((n + group - 1) / group * group * words, 0);
    std::vector<Query> made;
    made.reserve(n);
    for (size_t q = 0; q < n; ++q)
      made.emplace_back(rows, packed, unit, queries + (first + q) * rows.dim, codes.data() + q * words);
    return made;
  };
  const auto finish = [&](size_t chunk, const std::vector<Query>& made) {
    for (size_t q = 0; q < made.size(); ++q) {
      TopK best(wanted);
      for (size_t part = 0; part < plan.parts; ++part)
        made[q].rescore(found[chunk * plan.parts + part][q].entries(), wanted, best);
      const size_t row = chunk * plan.chunk + q;
      write_best(best.sorted(), k, ids + row * k, scores + row * k);
    }
  };
  const bool complete = parallel_for(found.size(), n_threads, poll, [&](size_t item, const GoOn& go_on) {
    const size_t chunk = item / plan.parts, part = item % plan.parts;
    std::vector<uint32_t> codes;
    std::vector<Query> made = queries_of(chunk, codes);
    Scan scan(rows, packed, made.size());
    Lists& lists = found[item];
    lists.assign(made.size(), Shortlist(wanted));
    scan.run(made, codes.data(), part * blocks / plan.parts, (part + 1) * blocks / plan.parts, lists.data(), go_on);
    if (plan.parts > 1) return;
    finish(chunk, made);
    Lists().swap(lists);
  });
  if (!complete || plan.parts == 1) return complete;
  return parallel_for(plan.chunks, n_threads, poll, [&](size_t chunk, const GoOn&) {
    std::vector<uint32_t> codes;
    finish(chunk, queries_of(chunk, codes));
  });
}

}  // namespace nearmost
