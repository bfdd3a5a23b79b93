// TFRecord files for Python. Shapes are checked here; whatever the bytes hold, and wherever spans point, is safe.
#include <tuple>

#include "bind.h"
#include "records.h"

namespace nearmost {
namespace {

using Text = Array<const uint8_t, 1>;
using Table = Array<uint64_t, 2>;
using Places = Array<const uint64_t, 2>;

Bytes bytes_of(const Text& text) { return {text.data(), text.shape(0)}; }

template <class T, class A>
auto rows_as(const A& table) {
  require(table.shape(1) * sizeof(uint64_t) == sizeof(T), "nearmost: spans have another shape");
  using Kept = std::conditional_t<std::is_same_v<A, Places>, const T, T>;
  return reinterpret_cast<Kept*>(table.data());
}

std::tuple<size_t, size_t, int> find_all_records(const Text& bytes, size_t start, const Table& records) {
  require(start <= bytes.shape(0), "nearmost: start lies behind the bytes");
  Span* const out = rows_as<Span>(records);
  nb::gil_scoped_release free;
  size_t end = start;
  Torn torn = Torn::none;
  const size_t n = find_records(bytes_of(bytes), start, records.shape(0), out, &end, &torn);
  return {n, end, int(torn)};
}

int64_t list_all_features(const Text& bytes, uint64_t start, uint64_t stop, const Table& features) {
  return list_features(bytes_of(bytes), {start, stop}, features.shape(0), rows_as<Feature>(features));
}

size_t find_named_feature(const Text& bytes, const Places& records, const Text& name, const Table& lists) {
  require(records.shape(0) == lists.shape(0), "nearmost: records and lists do not fit together");
  const Span* const in = rows_as<Span>(records);
  List* const out = rows_as<List>(lists);
  nb::gil_scoped_release free;
  return find_feature(bytes_of(bytes), in, records.shape(0), bytes_of(name), out);
}

size_t count_all_values(const Text& bytes, const Places& lists, const Array<uint64_t, 1>& counts) {
  require(lists.shape(0) == counts.shape(0), "nearmost: lists and counts do not fit together");
  const List* const in = rows_as<List>(lists);
  nb::gil_scoped_release free;
  return count_values(bytes_of(bytes), in, lists.shape(0), counts.data());
}

void take_rows(const Text& bytes, const Places& lists, const Array<float, 2>& rows) {
  require(lists.shape(0) == rows.shape(0), "nearmost: lists and rows do not fit together");
  const List* const in = rows_as<List>(lists);
  bool fit;
  {
    nb::gil_scoped_release free;
    fit = take_floats(bytes_of(bytes), in, lists.shape(0), rows.shape(1), rows.data());
  }
  require(fit, "nearmost: a list has another number of values");
}

void take_numbers(const Text& bytes, const Places& lists, const Array<int64_t, 1>& values) {
  require(lists.shape(0) == values.shape(0), "nearmost: lists and values do not fit together");
  require(take_integers(bytes_of(bytes), rows_as<List>(lists), lists.shape(0), values.data()),
          "nearmost: a list has another number of values");
}

void take_texts(const Text& bytes, const Places& lists, const Table& strings) {
  require(lists.shape(0) == strings.shape(0), "nearmost: lists and strings do not fit together");
  require(take_strings(bytes_of(bytes), rows_as<List>(lists), lists.shape(0), rows_as<Span>(strings)),
          "nearmost: a list has another number of values");
}

}  // namespace

void bind_records(nb::module_& m) {
  m.def("find_records", &find_all_records, "bytes"_a, "start"_a, "records"_a);
  m.def("list_features", &list_all_features, "bytes"_a, "start"_a, "stop"_a, "features"_a);
  m.def("find_feature", &find_named_feature, "bytes"_a, "records"_a, "name"_a, "lists"_a);
  m.def("count_values", &count_all_values, "bytes"_a, "lists"_a, "counts"_a);
  m.def("take_floats", &take_rows, "bytes"_a, "lists"_a, "rows"_a);
  m.def("take_integers", &take_numbers, "bytes"_a, "lists"_a, "values"_a);
  m.def("take_strings", &take_texts, "bytes"_a, "lists"_a, "strings"_a);
}

}  // namespace nearmost
