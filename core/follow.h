// Rows that moved, and links between them from before: old neighbors and theirs are likely to be near still. A round of
// NN-descent (Dong et al. 2011) that starts from a graph. Links come from a file: numbers of no row are passed over.
#pragma once

#include "neighbors.h"
#include "walk.h"

namespace nearmost {

constexpr double kEnoughReached = 0.78;  // for links to be worth following

// Of the rows nearest to some rows, the share that two steps along the links (n, kLinks) reach; 0 where poll stopped
// it.
double reached_by_links(const Points& points, const uint32_t* links, int n_threads, const Poll& poll);

// The rows near each row among those that are linked to one row. The same for any number of threads. False where poll
// stopped it.
bool follow_links(const Points& points, const uint32_t* links, size_t nearest, Neighbors& out, int n_threads,
                  const Poll& poll);

}  // namespace nearmost
