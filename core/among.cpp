#include "among.h"

#include <algorithm>
#include <vector>

#include "query.h"
#include "topk.h"

namespace nearmost {
namespace {

constexpr size_t kAhead = 4;                // rows fetched before they are scored
constexpr size_t kBetweenQuestions = 4096;  // rows scored before asking whether to go on

}  // namespace

bool search_among(const Rows& rows, const Packed& packed, const int64_t* which, size_t n_which, const float* queries,
                  size_t n_queries, size_t k, int64_t* ids, float* scores, int n_threads, const Poll& poll) {
  return parallel_for(n_queries, n_threads, poll, [&](size_t q, const GoOn& go_on) {
    std::vector<double> wide(rows.dim);
    std::vector<float> room(rows.dim);
    const Query query(rows, packed, queries + q * rows.dim, wide.data(), room.data());
    TopK best;
    best.start(std::min(k, n_which));
    for (size_t i = 0; i < std::min(n_which, kAhead); ++i) query.prefetch(uint32_t(which[i]));
    for (size_t i = 0; i < n_which; ++i) {
      if (i % kBetweenQuestions == kBetweenQuestions - 1 && !go_on()) return;
      if (i + kAhead < n_which) query.prefetch(uint32_t(which[i + kAhead]));
      best.add({query.score(uint32_t(which[i])), which[i]});
    }
    write_best(best.sorted(), k, ids + q * k, scores + q * k);
  });
}

}  // namespace nearmost
