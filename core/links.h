// The links of a graph, chosen from the rows near each row.
#pragma once

#include "neighbors.h"
#include "walk.h"

namespace nearmost {

// Fills links (n, kLinks), each row's own number where it has fewer, so that every row can be reached from an entry.
// The same for any number of threads. False where poll stopped it.
bool link(const Points& points, const Neighbors& neighbors, const uint32_t* entries, size_t n_entries, uint32_t* links,
          int n_threads, const Poll& poll);

}  // namespace nearmost
