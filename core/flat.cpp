#include "flat.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "kernels.h"
#include "scan.h"
#include "topk.h"

namespace nearmost {
namespace {

constexpr size_t kSplitBytes = 1 << 20;  // a thread of its own is worth this much code
constexpr size_t kItemsPerThread = 8;    // so that threads end at about the same time

// Where one call reads and writes.
struct Call {
  const Rows& rows;
  const Packed& packed;
  double unit;
  const float* queries;
  size_t n_queries, k, wanted;
  int64_t* ids;
  float* scores;
  size_t n_threads;
  const Poll& poll;

  const float* query(size_t q) const { return queries + q * rows.dim; }
  void write_best(size_t q, TopK& best) const { nearmost::write_best(best.sorted(), k, ids + q * k, scores + q * k); }
};

// Many queries: each thread takes some, and looks through all the rows for them.
bool search_by_queries(const Call& call) {
  const size_t group = size_t(kernels().batch_queries), even = (call.n_queries + call.n_threads - 1) / call.n_threads;
  const size_t chunk = call.n_queries == 1 ? 1 : std::min(Scan::kQueries, (even + group - 1) / group * group);
  const size_t chunks = (call.n_queries + chunk - 1) / chunk,
               items = std::min(chunks, call.n_threads * kItemsPerThread);
  return parallel_for(items, int(call.n_threads), call.poll, [&](size_t item, const GoOn& go_on) {
    Scan scan(call.rows, call.packed, call.unit, call.wanted);
    for (size_t c = item * chunks / items; c < (item + 1) * chunks / items && go_on(); ++c) {
      const size_t first = c * chunk, n = std::min(chunk, call.n_queries - first);
      scan.take(call.query(first), n);
      scan.run(0, call.rows.blocks(), go_on);
      for (size_t q = 0; q < n && go_on(); ++q) call.write_best(first + q, scan.best(q, go_on));
    }
  });
}

// Few queries: each thread takes some of the rows, and scores what it finds.
bool search_by_rows(const Call& call, size_t parts) {
  const size_t blocks = call.rows.blocks();
  std::vector<std::unique_ptr<Scan>> scans(parts);
  const bool complete = parallel_for(parts, int(call.n_threads), call.poll, [&](size_t part, const GoOn& go_on) {
    scans[part] = std::make_unique<Scan>(call.rows, call.packed, call.unit, call.wanted);
    scans[part]->take(call.queries, call.n_queries);
    scans[part]->run(part * blocks / parts, (part + 1) * blocks / parts, go_on);
    for (size_t q = 0; q < call.n_queries; ++q) scans[part]->best(q, go_on);
  });
  TopK best;
  for (size_t q = 0; complete && q < call.n_queries; ++q) {
    best.start(call.wanted);
    for (const auto& scan : scans)
      for (const Scored& found : scan->best(q, [] { return true; }).items()) best.add(found);
    call.write_best(q, best);
  }
  return complete;
}

}  // namespace

bool search(const Rows& rows, const Packed& packed, double unit, const float* queries, size_t n_queries, size_t k,
            int64_t* ids, float* scores, int n_threads, const Poll& poll) {
  if (n_queries == 0 || k == 0) return true;
  const size_t threads = size_t(threads_for(n_threads));
  const Call call = {rows, packed, unit, queries, n_queries, k, std::min(k, rows.n), ids, scores, threads, poll};
  const size_t worth = rows.blocks() * rows.words() * kPanelBytes / kSplitBytes, parts = std::min(threads, worth);
  if (parts > 1 && n_queries < threads * size_t(kernels().batch_queries) && n_queries <= Scan::kQueries)
    return search_by_rows(call, parts);
  return search_by_queries(call);
}

}  // namespace nearmost
