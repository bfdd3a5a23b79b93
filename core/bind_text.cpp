// Vectors in text and in word2vec's bytes, for Python. Shapes are checked here; whatever the text holds is safe.
#include <tuple>

#include "bind.h"
#include "textrows.h"

namespace nearmost {
namespace {

using Text = Array<const uint8_t, 1>;
using Spans = Array<uint64_t, 2>;

Bytes bytes_of(const Text& text) { return {text.data(), text.shape(0)}; }

Span* spans_of(const Spans& spans) {
  require(spans.shape(1) == 2, "nearmost: spans have another shape");
  return reinterpret_cast<Span*>(spans.data());
}

size_t find_text_lines(const Text& text, const Spans& lines) {
  Span* const out = spans_of(lines);
  nb::gil_scoped_release free;
  return find_lines(bytes_of(text), lines.shape(0), out);
}

// The first bad line as (row, fault, position), or None.
std::optional<std::tuple<size_t, int, uint64_t>> parse_text_lines(const Text& text, const Spans& lines,
                                                                  const Array<float, 2>& rows, int n_threads,
                                                                  const Progress& progress) {
  const size_t n = rows.shape(0), dim = rows.shape(1);
  require(lines.shape(0) == n && dim > 0, "nearmost: lines and rows do not fit together");
  Span* const spans = spans_of(lines);
  BadLine bad{n, Fault::none, 0};
  run([&] { return parse_lines(bytes_of(text), spans, n, dim, rows.data(), &bad, n_threads, poll_with(progress)); });
  if (bad.row == n) return std::nullopt;
  return std::tuple(bad.row, int(bad.fault), bad.at);
}

std::pair<size_t, size_t> parse_word_records(const Text& text, size_t start, const Spans& words,
                                             const Array<float, 2>& rows) {
  require(words.shape(0) == rows.shape(0) && rows.shape(1) > 0 && start <= text.shape(0),
          "nearmost: words and rows do not fit together");
  Span* const spans = spans_of(words);
  nb::gil_scoped_release free;
  size_t end = start;
  const size_t n = parse_records(bytes_of(text), start, rows.shape(0), rows.shape(1), spans, rows.data(), &end);
  return {n, end};
}

void gather_spans(const Text& text, const Spans& spans, const Array<const uint64_t, 1>& offsets,
                  const Array<uint8_t, 1>& out) {
  const size_t n = spans.shape(0);
  require(offsets.shape(0) == n + 1 && offsets.data()[0] == 0 && offsets.data()[n] == out.shape(0),
          "nearmost: spans and offsets do not fit together");
  for (size_t i = 0; i < n; ++i)
    require(offsets.data()[i] <= offsets.data()[i + 1], "nearmost: offsets are out of order");
  require(gather(bytes_of(text), spans_of(spans), n, offsets.data(), out.data()), "nearmost: a span leaves the text");
}

size_t write_text_numbers(const Array<const float, 2>& rows, const Array<uint8_t, 1>& out,
                          const Array<uint64_t, 1>& ends) {
  const size_t n = rows.shape(0), dim = rows.shape(1);
  require(ends.shape(0) == n && out.shape(0) >= n * dim * kLongestNumber, "nearmost: too little room for the numbers");
  nb::gil_scoped_release free;
  return write_numbers(rows.data(), n, dim, out.data(), ends.data());
}

}  // namespace

void bind_text(nb::module_& m) {
  m.def("find_lines", &find_text_lines, "text"_a, "lines"_a);
  m.def("parse_lines", &parse_text_lines, "text"_a, "lines"_a, "rows"_a, "n_threads"_a, "progress"_a.none());
  m.def("parse_records", &parse_word_records, "text"_a, "start"_a, "words"_a, "rows"_a);
  m.def("gather", &gather_spans, "text"_a, "spans"_a, "offsets"_a, "out"_a);
  m.def("write_numbers", &write_text_numbers, "rows"_a, "out"_a, "ends"_a);
}

}  // namespace nearmost
