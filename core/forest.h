// The trees of an Annoy file, searched where they lie. docs/from-annoy.md says how they lie; the algorithm is that of
// Annoy, but candidates are counted once each. No byte is trusted: what points outside is left out, and no search
// visits more nodes than there are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "flat.h"
#include "parallel.h"

namespace nearmost {

// Where the parts of a node lie, in bytes from its start.
struct NodeShape {
  size_t children, values, bytes;
  size_t most_in_bucket() const { return (bytes - children) / sizeof(int32_t); }
};

// cosine is what Annoy calls angular. hamming has its bits in 64-bit words.
NodeShape node_shape(Metric metric, size_t dim);

struct Forest {
  Metric metric;
  size_t dim, n_nodes, n_items;
  const uint8_t* nodes;  // n_nodes of node_shape(metric, dim).bytes each, 4-byte aligned; items come first
  const int32_t* roots;
  size_t n_roots;
};

// The k nearest of at least `effort` items that the trees lead to, of all items where a third of them is wanted; fewer
// where fewer are found. Distances are those that Annoy speaks of, in float64. Returns how many, or -1 where poll
// stopped it.
ptrdiff_t search(const Forest& forest, const float* query, size_t effort, size_t k, int64_t* ids, double* distances,
                 const Poll& poll);

}  // namespace nearmost
