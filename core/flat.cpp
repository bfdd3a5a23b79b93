#include "flat.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels.h"
#include "query.h"
#include "topk.h"

namespace nearmost {
namespace {

constexpr size_t kChunkQueries = 192;      // share one pass over the rows
constexpr size_t kPassBytes = 256 << 10;   // codes that stay in the second-level cache while the chunk meets them
constexpr size_t kSplitBytes = 1 << 20;    // a thread of its own is worth this much code
constexpr int kMaxBlocks = 4;              // of one tile
constexpr int kMaxQueries = 8;

using Lists = std::vector<Shortlist>;

// Some queries against some blocks of rows.
class Scan {
 public:
  Scan(const Rows& rows, const Packed& packed) : rows_(rows), packed_(packed), words_(rows.words()) {}

  // codes: (queries.size(), words), padded to whole groups of batch_queries. Lists: one a query.
  void run(const std::vector<Query>& queries, const uint32_t* codes, size_t from, size_t to, Shortlist* lists,
           const GoOn& go_on) const {
    const size_t group = queries.size() == 1 ? 1 : size_t(kernels().batch_queries);
    const size_t wide = queries.size() == 1 ? size_t(kernels().single_blocks) : size_t(kernels().batch_blocks);
    const size_t pass = std::max(wide, kPassBytes / std::max<size_t>(1, words_ * kPanelBytes) / wide * wide);
    for (size_t start = from; start < to && go_on(); start += pass) {
      const size_t end = std::min(to, start + pass);
      for (size_t q = 0; q < queries.size(); q += group) {
        const size_t n = std::min(group, queries.size() - q);
        size_t b = start;
        for (; b + wide <= end; b += wide) tile(&queries[q], n, group, codes + q * words_, b, wide, lists + q);
        for (; b < end; ++b) tile(&queries[q], n, group, codes + q * words_, b, 1, lists + q);
      }
    }
  }

 private:
  void tile(const Query* queries, size_t n, size_t group, const uint32_t* codes, size_t block, size_t n_blocks,
            Shortlist* lists) const {
    alignas(64) int32_t sums[kMaxQueries * kMaxBlocks * kPanelRows];
    const Tile t = {packed_.panels + block * words_ * kPanelBytes, codes, ptrdiff_t(words_), int(group),
                    int(n_blocks),                                 sums};
    integer_kernel()(t);
    const auto at = [block](const float* p, size_t per_block) { return p ? p + block * per_block : nullptr; };
    const BlockFactors factors = {at(packed_.scales, kPanelRows), at(packed_.offsets, kPanelRows),
                                  at(packed_.bounds, 2)};
    const size_t first = block * kPanelRows;
    const size_t left = rows_.n - first;
    const uint64_t real = left >= 64 ? ~uint64_t(0) : (uint64_t(1) << left) - 1;
    for (size_t q = 0; q < n; ++q) {
      alignas(64) float upper[kMaxBlocks * kPanelRows];
      float slack[kMaxBlocks];
      uint64_t mask = real & kernels().bound(queries[q].estimate(), factors, sums + q * n_blocks * kPanelRows,
                                             int(n_blocks), lists[q].threshold(), upper, slack);
      for (; mask; mask &= mask - 1) {
        const int i = __builtin_ctzll(mask);
        const float twice = 2 * slack[i / kPanelRows];
        const float lower = std::isfinite(twice) ? upper[i] - twice : -std::numeric_limits<float>::infinity();
        if (upper[i] >= lists[q].threshold()) lists[q].add(upper[i], lower, uint32_t(first + i));
      }
    }
  }

  decltype(Kernels::dot) integer_kernel() const {
    if (rows_.metric == Metric::hamming) return kernels().bits;
    return rows_.metric == Metric::manhattan ? kernels().l1 : kernels().dot;
  }

  const Rows& rows_;
  const Packed& packed_;
  size_t words_;
};

void write(std::vector<Scored>& best, size_t k, int64_t* ids, float* scores) {
  constexpr double most = std::numeric_limits<float>::max();
  for (size_t i = 0; i < k; ++i) {
    const bool found = i < best.size();
    ids[i] = found ? best[i].row : -1;
    scores[i] = found ? float(std::clamp(best[i].score, -most, most)) : -std::numeric_limits<float>::infinity();
  }
}

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
  const Scan scan(rows, packed);
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
        made[q].rescore(found[chunk * plan.parts + part][q].entries(), best);
      const size_t row = chunk * plan.chunk + q;
      write(best.sorted(), k, ids + row * k, scores + row * k);
    }
  };
  const bool complete = parallel_for(found.size(), n_threads, poll, [&](size_t item, const GoOn& go_on) {
    const size_t chunk = item / plan.parts, part = item % plan.parts;
    std::vector<uint32_t> codes;
    std::vector<Query> made = queries_of(chunk, codes);
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
