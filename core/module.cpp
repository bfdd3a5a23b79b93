// The Python module: a table of contents, of which the bind_*.cpp hold parts. Arrays come checked; shapes are checked
// again here, since a wrong one would be read past its end.
#include <nanobind/stl/optional.h>

#include <cmath>

#include "among.h"
#include "bind.h"
#include "flat.h"
#include "kernels.h"
#include "keys.h"

namespace nearmost {
namespace {

template <bool writable, class T>
using In = std::conditional_t<writable, T, const T>;

template <bool writable>
PackedArrays<writable> packed_of(const Rows& rows, const Array<In<writable, uint8_t>, 4>& panels,
                                 const Maybe<In<writable, double>, 1>& norms,
                                 const Maybe<In<writable, float>, 2>& scales,
                                 const Maybe<In<writable, float>, 2>& offsets,
                                 const Maybe<In<writable, float>, 2>& bounds) {
  const size_t blocks = rows.blocks();
  require(panels.shape(0) == blocks && panels.shape(1) == rows.words() && panels.shape(2) == kPanelRows &&
              panels.shape(3) == kWordBytes,
          "nearmost: panels have another shape");
  const Metric m = rows.metric;
  const bool products = m == Metric::cosine || m == Metric::euclidean || m == Metric::dot;
  require(bool(norms) == (m == Metric::cosine) && bool(scales) == products &&
              bool(offsets) == (m == Metric::euclidean) && bool(bounds) == (m != Metric::hamming),
          "nearmost: the packed arrays are not those of the metric");
  return {panels.data(), pointer(norms, {rows.n}), pointer(scales, {blocks, kPanelRows}),
          pointer(offsets, {blocks, kPanelRows}), pointer(bounds, {blocks, 2})};
}

double pack_rows(int metric, size_t dim, const AnyRows& values, const Maybe<const float, 1>& row_scales,
                 const Array<uint8_t, 4>& panels, const Maybe<double, 1>& norms, const Maybe<float, 2>& scales,
                 const Maybe<float, 2>& offsets, const Maybe<float, 2>& bounds, int n_threads,
                 const Progress& progress) {
  const Rows rows = rows_of(metric, dim, values, row_scales);
  const Packing out = packed_of<true>(rows, panels, norms, scales, offsets, bounds);
  double unit = 1;
  run([&] { return pack(rows, out, &unit, n_threads, poll_with(progress)); });
  return unit;
}

void search_rows(int metric, size_t n, size_t dim, const std::optional<AnyRows>& values,
                 const Maybe<const float, 1>& row_scales, const Array<const uint8_t, 4>& panels,
                 const Maybe<const double, 1>& norms, const Maybe<const float, 2>& scales,
                 const Maybe<const float, 2>& offsets, const Maybe<const float, 2>& bounds, double unit,
                 const Array<const float, 2>& queries, const Array<int64_t, 2>& ids, const Array<float, 2>& scores,
                 int n_threads, const Progress& progress) {
  require(bool(values) == (metric != int(Metric::hamming)), "nearmost: the rows are missing, or not wanted");
  require(n < kEmptySlot && (!values || values->shape(0) == n) && (values || (dim > 0 && dim <= 65536)),
          "nearmost: dim or row count out of range");
  const Rows rows = values ? rows_of(metric, dim, *values, row_scales) : Rows{Metric::hamming, n, dim, nullptr};
  const Packed packed = packed_of<false>(rows, panels, norms, scales, offsets, bounds);
  const size_t q = queries.shape(0), k = ids.shape(1);
  require(queries.shape(1) == dim && ids.shape(0) == q && scores.shape(0) == q && scores.shape(1) == k,
          "nearmost: queries, ids and scores do not fit together");
  run([&] {
    return search(rows, packed, unit, queries.data(), q, k, ids.data(), scores.data(), n_threads, poll_with(progress));
  });
}

void search_some(int metric, size_t dim, const AnyRows& values, const Maybe<const float, 1>& row_scales,
                 const Maybe<const double, 1>& norms, const Array<const int64_t, 1>& which,
                 const Array<const float, 2>& queries, const Array<int64_t, 2>& ids, const Array<float, 2>& scores,
                 int n_threads, const Progress& progress) {
  const Rows rows = rows_of(metric, dim, values, row_scales);
  const size_t q = queries.shape(0), k = ids.shape(1), n = which.shape(0);
  require(bool(norms) == (rows.metric == Metric::cosine), "nearmost: norms are missing, or not wanted");
  require(queries.shape(1) == dim && ids.shape(0) == q && scores.shape(0) == q && scores.shape(1) == k,
          "nearmost: queries, ids and scores do not fit together");
  for (size_t i = 0; i < n; ++i)
    require(which.data()[i] >= 0 && size_t(which.data()[i]) < rows.n, "nearmost: there is no such row");
  Packed packed = {};
  packed.norms = pointer(norms, {rows.n});
  run([&] {
    return search_among(rows, packed, which.data(), n, queries.data(), q, k, ids.data(), scores.data(), n_threads,
                        poll_with(progress));
  });
}

uint32_t checksum(const Array<const uint8_t, 1>& bytes, uint32_t start) {
  nb::gil_scoped_release free;
  return kernels().crc32c(start, bytes.data(), bytes.shape(0));
}

// A sum is finite only where every number is; sixteen of them, so that it takes no time.
bool all_finite(const Array<const float, 1>& numbers) {
  double sums[16] = {};
  const size_t n = numbers.shape(0);
  for (size_t i = 0; i + 16 <= n; i += 16)
    for (size_t j = 0; j < 16; ++j) sums[j] += numbers.data()[i + j];
  for (size_t i = n / 16 * 16; i < n; ++i) sums[0] += numbers.data()[i];
  double sum = 0;
  for (const double part : sums) sum += part;
  return std::isfinite(sum);
}

}  // namespace

NB_MODULE(_core, m) {
  nb::set_leak_warnings(false);  // an index may well live as long as the interpreter does
  m.doc() = "Arithmetic on arrays that the caller owns.";
  m.def("isa", [] { return kernels().name; });
  m.def("crc32c", &checksum, "bytes"_a, "start"_a = 0);
  m.def("all_finite", &all_finite, "numbers"_a);
  m.def("pack", &pack_rows, "metric"_a, "dim"_a, "rows"_a, "row_scales"_a.none(), "panels"_a, "norms"_a.none(),
        "scales"_a.none(), "offsets"_a.none(), "bounds"_a.none(), "n_threads"_a, "progress"_a.none());
  m.def("search", &search_rows, "metric"_a, "n_rows"_a, "dim"_a, "rows"_a.none(), "row_scales"_a.none(), "panels"_a,
        "norms"_a.none(), "scales"_a.none(), "offsets"_a.none(), "bounds"_a.none(), "unit"_a, "queries"_a, "ids"_a,
        "scores"_a, "n_threads"_a, "progress"_a.none());
  m.def("search_among", &search_some, "metric"_a, "dim"_a, "rows"_a, "row_scales"_a.none(), "norms"_a.none(), "which"_a,
        "queries"_a, "ids"_a, "scores"_a, "n_threads"_a, "progress"_a.none());
  bind_keys(m);
  bind_partition(m);
  bind_graph(m);
  bind_text(m);
  bind_forest(m);
  bind_records(m);
}

}  // namespace nearmost
