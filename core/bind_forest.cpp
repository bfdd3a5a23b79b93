// The trees of an Annoy file, for Python. Shapes are checked here; what the bytes say, in forest.cpp.
#include "bind.h"
#include "forest.h"

namespace nearmost {
namespace {

Metric metric_of(int metric, size_t dim) {
  require(metric >= 0 && metric <= int(Metric::hamming) && dim > 0 && dim < size_t(1) << 31,
          "nearmost: metric or dim out of range");
  return Metric(metric);
}

nb::tuple shape_of(int metric, size_t dim) {
  const NodeShape shape = node_shape(metric_of(metric, dim), dim);
  return nb::make_tuple(shape.children, shape.values, shape.bytes);
}

size_t look(int metric, const Array<const uint8_t, 1>& nodes, size_t n_items, const Array<const int32_t, 1>& roots,
            const Array<const float, 1>& query, size_t effort, const Array<int64_t, 1>& ids,
            const Array<double, 1>& distances) {
  const size_t dim = query.shape(0), node_bytes = node_shape(metric_of(metric, dim), dim).bytes;
  const Forest forest = {Metric(metric), dim,           nodes.shape(0) / node_bytes, n_items, nodes.data(),
                         roots.data(),   roots.shape(0)};
  require(nodes.shape(0) % node_bytes == 0 && forest.n_nodes < size_t(1) << 31 && n_items <= forest.n_nodes &&
              reinterpret_cast<uintptr_t>(nodes.data()) % alignof(float) == 0,
          "nearmost: the nodes have another shape");
  require(ids.shape(0) == distances.shape(0), "nearmost: ids and distances do not fit together");
  ptrdiff_t found = 0;
  const Progress nobody;
  run([&] {
    found = search(forest, query.data(), effort, ids.shape(0), ids.data(), distances.data(), poll_with(nobody));
    return found >= 0;
  });
  return size_t(found);
}

}  // namespace

void bind_forest(nb::module_& m) {
  m.def("forest_shape", &shape_of, "metric"_a, "dim"_a);
  m.def("search_forest", &look, "metric"_a, "nodes"_a, "n_items"_a, "roots"_a, "query"_a, "effort"_a, "ids"_a,
        "distances"_a);
}

}  // namespace nearmost
