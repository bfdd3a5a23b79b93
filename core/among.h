// Some rows alone, each scored exactly: what is cheapest for a few queries among few rows.
#pragma once

#include "flat.h"

namespace nearmost {

// ids and scores (n_queries, k): the best of rows which[0..n_which), row numbers below rows.n, in any order; -1 and
// -inf where there are fewer. Of `packed` only norms are read. False where poll stopped it.
bool search_among(const Rows& rows, const Packed& packed, const int64_t* which, size_t n_which, const float* queries,
                  size_t n_queries, size_t k, int64_t* ids, float* scores, int n_threads, const Poll& poll);

}  // namespace nearmost
