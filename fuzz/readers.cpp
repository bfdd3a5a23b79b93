// libFuzzer over what reads arrays that came from a file: find_key and the searches must stand whatever those hold.
// Shapes are what Python has checked; every array lies in a block of its own, so that the sanitizer sees a read past
// its end.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "flat.h"
#include "graph.h"
#include "kernels.h"
#include "keys.h"
#include "partitions.h"
#include "records.h"
#include "textrows.h"

namespace {

using namespace nearmost;

// The fuzzer's bytes, over and over.
class Source {
 public:
  Source(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint8_t byte() { return size_ == 0 ? 0 : data_[at_++ % size_]; }
  size_t below(size_t n) { return n == 0 ? 0 : (size_t(byte()) << 8 | byte()) % n; }
  template <class T>
  std::unique_ptr<T[]> array(size_t n) {
    std::unique_ptr<T[]> made(new T[n]);
    uint8_t* bytes = reinterpret_cast<uint8_t*>(made.get());
    for (size_t i = 0; i < n * sizeof(T); ++i) bytes[i] = byte();
    return made;
  }

 private:
  const uint8_t* data_;
  size_t size_, at_ = 0;
};

void find(Source& source) {
  const size_t n = source.below(20), n_bytes = source.below(60), n_slots = source.below(40);
  auto data = source.array<uint8_t>(n_bytes);
  auto offsets = source.array<uint64_t>(n + 1);
  auto slots = source.array<uint32_t>(n_slots);
  const bool small = source.byte() & 1;  // near misses find more than numbers all over the place
  for (size_t i = 0; small && i <= n; ++i) offsets[i] %= n_bytes + 3;
  for (size_t i = 0; small && i < n_slots; ++i) slots[i] %= n + 3;
  const size_t length = source.below(12);
  auto key = source.array<uint8_t>(length);
  const int64_t row = find_key({data.get(), n_bytes, offsets.get(), n}, slots.get(), n_slots, key.get(), length);
  if (row < -1 || row >= int64_t(n)) __builtin_trap();
}

// Rows of any type of number, in bytes that may be anything.
struct AnyRows {
  std::unique_ptr<uint8_t[]> values;
  std::unique_ptr<float[]> scales;

  Rows of(Source& source, Metric metric, size_t n, size_t dim) {
    Rows rows = {metric, n, dim, nullptr, metric == Metric::hamming ? Number::bits : Number(source.below(4))};
    values = source.array<uint8_t>(n * rows.stride());
    scales = source.array<float>(n);
    rows.values = values.get();
    rows.scales = rows.number == Number::int8 && source.byte() & 1 ? scales.get() : nullptr;
    return rows;
  }
};

void look(Source& source) {
  const Metric metric = Metric(source.below(5));
  const size_t dim = 1 + source.below(70), n = source.below(130), n_queries = 1 + source.below(9),
               k = source.below(150);
  AnyRows any;
  Rows rows = any.of(source, metric, n, dim);
  if (metric == Metric::hamming) rows.values = nullptr;
  const size_t blocks = rows.blocks();
  auto panels = source.array<uint8_t>(blocks * rows.words() * kPanelBytes);
  auto norms = source.array<double>(n);
  auto scales = source.array<float>(blocks * kPanelRows), offsets = source.array<float>(blocks * kPanelRows);
  auto bounds = source.array<float>(blocks * 2);
  const bool products = metric == Metric::cosine || metric == Metric::euclidean || metric == Metric::dot;
  const Packed packed = {panels.get(), metric == Metric::cosine ? norms.get() : nullptr,
                         products ? scales.get() : nullptr, metric == Metric::euclidean ? offsets.get() : nullptr,
                         metric == Metric::hamming ? nullptr : bounds.get()};
  double unit;
  std::memcpy(&unit, source.array<uint8_t>(sizeof unit).get(), sizeof unit);
  unit = std::fabs(unit);
  if (!std::isfinite(unit) || unit == 0) unit = 1;
  auto queries = source.array<float>(n_queries * dim);
  for (size_t i = 0; i < n_queries * dim; ++i)
    if (!std::isfinite(queries[i])) queries[i] = 0;
  std::unique_ptr<int64_t[]> ids(new int64_t[n_queries * k]);
  std::unique_ptr<float[]> scores(new float[n_queries * k]);
  search(rows, packed, unit, queries.get(), n_queries, k, ids.get(), scores.get(), 1, nullptr);
  for (size_t i = 0; i < n_queries * k; ++i)
    if (ids[i] < -1 || ids[i] >= int64_t(n)) __builtin_trap();
}

// Offsets are in order, as the binding checks; nothing else is.
std::unique_ptr<uint32_t[]> offsets_of(Source& source, size_t owners, size_t n) {
  auto first = source.array<uint32_t>(owners + 1);
  for (size_t i = 0; i <= owners; ++i) first[i] %= uint32_t(n + 1);
  std::sort(first.get(), first.get() + owners + 1);
  return first;
}

void look_in_lists(Source& source) {
  Partition p = {};
  const Metric metric = Metric(source.below(5));
  const size_t dim = 1 + source.below(70), n = source.below(130), n_queries = 1 + source.below(90),
               k = source.below(40);
  AnyRows any;
  auto norms = source.array<double>(n);
  p.rows = any.of(source, metric, n, dim);
  p.packed.norms = metric == Metric::cosine ? norms.get() : nullptr;
  auto mean = source.array<float>(dim + 1);
  const bool own = metric == Metric::cosine || metric == Metric::dot;
  p.frame = {own ? metric : Metric::euclidean, dim, 0, 1.0, mean.get()};
  const size_t inner = p.frame.inner();
  const bool turned = source.byte() & 1;
  p.frame.turned = turned ? 1 + source.below(inner) : inner;
  p.coded = 1 + source.below(p.frame.turned);
  const size_t axes = turned ? (p.frame.turned + 15) / 16 : 0, cells = source.below(3), lists = source.below(5);
  const auto panels = [&](size_t blocks, size_t width, std::unique_ptr<uint8_t[]>& codes,
                          std::unique_ptr<float[]>& scales, std::unique_ptr<float[]>& biases) {
    codes = source.array<uint8_t>(blocks * ((width + 3) / 4) * kPanelBytes);
    scales = source.array<float>(blocks * kPanelRows);
    biases = source.array<float>(blocks * kPanelRows);
    return Panels{codes.get(), scales.get(), biases.get(), blocks};
  };
  std::unique_ptr<uint8_t[]> codes[3];
  std::unique_ptr<float[]> scales[3], biases[3];
  p.axes = panels(axes, inner, codes[0], scales[0], biases[0]);
  p.axes.biases = nullptr;
  p.cells = panels(cells, p.frame.turned, codes[1], scales[1], biases[1]);
  p.lists = panels(lists, p.frame.turned, codes[2], scales[2], biases[2]);
  p.n_blocks = source.below(20);
  auto cell_first = offsets_of(source, cells * kPanelRows, lists);
  auto list_first = offsets_of(source, lists * kPanelRows, p.n_blocks);
  p.cell_first = cell_first.get();
  p.list_first = list_first.get();
  auto blocks = source.array<uint8_t>(p.n_blocks * p.block_bytes());
  auto slots = source.array<uint32_t>(p.n_blocks * kListRows);
  if (source.byte() & 1)
    for (size_t i = 0; i < p.n_blocks * kListRows; ++i) slots[i] %= n + 3;
  p.blocks = blocks.get();
  p.slots = slots.get();
  auto queries = source.array<float>(n_queries * dim);
  for (size_t i = 0; i < n_queries * dim; ++i)
    if (!std::isfinite(queries[i])) queries[i] = 0;
  std::unique_ptr<int64_t[]> ids(new int64_t[n_queries * k]);
  std::unique_ptr<float[]> scores(new float[n_queries * k]);
  const Effort effort = {1 + source.below(90), 1 + source.below(40), source.below(100)};
  auto marks = source.array<uint8_t>(n);
  Allowed allowed = {source.byte() & 1 ? marks.get() : nullptr, 0};
  for (size_t i = 0; i < n; ++i) allowed.count += marks[i] != 0;
  search(Partitions(p), effort, allowed, queries.get(), n_queries, k, ids.get(), scores.get(), 1, nullptr);
  for (size_t i = 0; i < n_queries * k; ++i)
    if (ids[i] < -1 || ids[i] >= int64_t(n)) __builtin_trap();

  // The same partition twice, with another unit, and all lists in cells once more.
  Partition q = p;
  q.frame.unit = std::ldexp(1.0, int(source.below(60)) - 30);
  const size_t n_cells = source.below(3), n_lists = lists == 0 ? 0 : source.below(5);
  Lists whole = {};
  whole.frame = {p.frame.metric, dim, inner, std::max(1.0, q.frame.unit), mean.get()};
  std::unique_ptr<uint8_t[]> more_codes[2];
  std::unique_ptr<float[]> more_scales[2], more_biases[2];
  whole.cells = panels(n_cells, inner, more_codes[0], more_scales[0], more_biases[0]);
  whole.lists = panels(n_lists, inner, more_codes[1], more_scales[1], more_biases[1]);
  auto first = offsets_of(source, n_cells * kPanelRows, n_lists);
  auto owners = source.array<uint32_t>(n_lists * kPanelRows), numbers = source.array<uint32_t>(n_lists * kPanelRows);
  for (size_t i = 0; i < n_lists * kPanelRows; ++i) {
    owners[i] %= 2;
    numbers[i] %= uint32_t(lists * kPanelRows);
  }
  whole.cell_first = first.get();
  whole.owners = owners.get();
  whole.numbers = numbers.get();
  auto both = source.array<uint8_t>(2 * n);
  Allowed some = {allowed.marks ? both.get() : nullptr, 0};
  for (size_t i = 0; i < 2 * n; ++i) some.count += both[i] != 0;
  search(Partitions({&p, &q}, {0, int64_t(n)}, whole), effort, some, queries.get(), n_queries, k, ids.get(),
         scores.get(), 1, nullptr);
  for (size_t i = 0; i < n_queries * k; ++i)
    if (ids[i] < -1 || ids[i] >= int64_t(2 * n)) __builtin_trap();
}

void walk(Source& source) {
  Graph g = {};
  const Metric metric = Metric(source.below(3));
  const size_t dim = 1 + source.below(70), n = source.below(130), n_queries = 1 + source.below(9),
               width = source.below(40);
  auto values = source.array<float>(n * dim);
  auto norms = source.array<double>(n);
  g.rows = {metric, n, dim, values.get()};
  g.packed.norms = metric == Metric::cosine ? norms.get() : nullptr;
  auto mean = source.array<float>(dim + 1);
  g.frame = {metric, dim, 0, 1.0, mean.get()};
  const size_t inner = g.frame.inner();
  const bool turned = source.byte() & 1;
  g.frame.turned = turned ? 1 + source.below(inner) : inner;
  const size_t axes = turned ? (g.frame.turned + 15) / 16 : 0;
  auto axis_codes = source.array<uint8_t>(axes * ((inner + 3) / 4) * kPanelBytes);
  auto axis_scales = source.array<float>(axes * kPanelRows);
  g.axes = {axis_codes.get(), axis_scales.get(), nullptr, axes};
  auto lows = source.array<float>(g.frame.turned), steps = source.array<float>(g.frame.turned);
  g.digits = {lows.get(), steps.get(), nullptr, int(1 + source.below(size_t(kMostLines)))};
  const size_t bytes = g.digits.bytes();
  auto places = source.array<uint32_t>(2 * bytes);
  auto codes = source.array<uint8_t>(n * bytes);
  auto links = source.array<uint32_t>(n * kLinks);
  g.n_entries = source.below(n + 1);
  auto entries = source.array<uint32_t>(g.n_entries);
  if (source.byte() & 1) {  // near misses
    for (size_t i = 0; i < n * kLinks; ++i) links[i] %= n + 3;
    for (size_t i = 0; i < g.n_entries; ++i) entries[i] %= n + 3;
    for (size_t i = 0; i < 2 * bytes; ++i) places[i] %= 2 * g.frame.turned + 3;
  }
  g.digits.places = places.get();
  g.codes = codes.get();
  g.links = links.get();
  g.entries = entries.get();
  auto queries = source.array<float>(n_queries * dim);
  for (size_t i = 0; i < n_queries * dim; ++i)
    if (!std::isfinite(queries[i])) queries[i] = 0;
  auto marks = source.array<uint8_t>(n);
  Allowed allowed = {source.byte() & 1 ? marks.get() : nullptr, 0};
  for (size_t i = 0; i < n; ++i) allowed.count += marks[i] != 0;
  std::unique_ptr<int64_t[]> ids(new int64_t[n_queries * width]), without(new int64_t[n_queries]);
  std::unique_ptr<float[]> scores(new float[n_queries * width]);
  for (size_t i = 0; i < n_queries; ++i) without[i] = int64_t(source.below(n + 2)) - 1;
  const Reach reach = {float(source.below(400)) / 100, source.below(n + 1), source.below(n + 1),
                       bool(source.byte() & 1), source.byte() & 1 ? without.get() : nullptr};
  search(g, reach, allowed, queries.get(), n_queries, width, ids.get(), scores.get(), 1, nullptr);
  for (size_t i = 0; i < n_queries * width; ++i)
    if (ids[i] < -1 || ids[i] >= int64_t(n)) __builtin_trap();
}

// Text made of what numbers are made of, so that lines are often whole; what is read must be what strtod reads.
void read_text(Source& source) {
  static const char kLetters[] = "0123456789012345.. \n\n\te-+\rw";
  const size_t n = source.below(400), dim = 1 + source.below(4);
  auto text = source.array<uint8_t>(n);
  const bool numbers = source.byte() & 3;
  for (size_t i = 0; numbers && i < n; ++i) text[i] = uint8_t(kLetters[text[i] % (sizeof kLetters - 1)]);
  const Bytes bytes = {text.get(), n};
  const size_t most = n + 1;
  std::unique_ptr<Span[]> spans(new Span[most]);
  const size_t found = find_lines(bytes, source.byte() & 7 ? most : most / 2, spans.get());
  if (found > most) __builtin_trap();
  const std::vector<Span> lines(spans.get(), spans.get() + found);
  std::unique_ptr<float[]> rows(new float[found * dim]);
  BadLine bad;
  parse_lines(bytes, spans.get(), found, dim, rows.get(), &bad, 1, nullptr);
  for (size_t row = 0; row < bad.row; ++row) {
    if (spans[row].start > spans[row].stop || spans[row].stop > n) __builtin_trap();
    const char* end = reinterpret_cast<const char*>(text.get()) + lines[row].stop;
    const std::string rest(reinterpret_cast<const char*>(text.get()) + spans[row].stop, end);
    const char* at = rest.c_str();
    for (size_t i = 0; i < dim; ++i) {
      char* after;
      const float value = float(std::strtod(at, &after));
      if (after == at || std::memcmp(&value, &rows[row * dim + i], sizeof value) != 0) __builtin_trap();
      at = after;
    }
  }
  std::vector<uint64_t> offsets(bad.row + 1);
  for (size_t row = 0; row < bad.row; ++row) offsets[row + 1] = offsets[row] + spans[row].stop - spans[row].start;
  std::unique_ptr<uint8_t[]> words(new uint8_t[offsets[bad.row]]);
  if (!gather(bytes, spans.get(), bad.row, offsets.data(), words.get())) __builtin_trap();
  size_t stop;
  const size_t records = n / (4 * dim + 1);
  std::unique_ptr<Span[]> names(new Span[records]);
  std::unique_ptr<float[]> values(new float[records * dim]);
  if (parse_records(bytes, source.below(n + 1), records, dim, names.get(), values.get(), &stop) > records || stop > n)
    __builtin_trap();
}

// A TFRecord whose first record is sound, the bytes of a tf.Example or of anything, and lists that may point anywhere.
void read_records(Source& source) {
  static const uint8_t kWhole[] = {10, 21, 10, 19,  10, 1, 'v', 18,  14, 18, 12, 10,
                                   10, 0,  0,  128, 63, 0, 0,   128, 63, 8,  1};
  const size_t n = source.below(300);
  auto bytes = source.array<uint8_t>(n);
  for (size_t i = 0; source.byte() & 1 && i < n && i < sizeof kWhole; ++i) bytes[i] = kWhole[i];
  const Bytes all = {bytes.get(), n};
  auto spans = source.array<Span>(3);
  spans[0] = {0, n};
  spans[1] = {source.below(n + 2), source.below(n + 2)};
  const size_t room = source.below(4), length = source.below(3), dim = source.below(5);
  std::unique_ptr<Feature[]> features(new Feature[room]);
  list_features(all, spans[source.below(3)], room, features.get());
  auto name = source.array<uint8_t>(length);
  std::unique_ptr<List[]> lists(new List[3]);
  const size_t sound = find_feature(all, spans.get(), 3, {name.get(), length}, lists.get());
  for (size_t i = 0; i < 3; ++i) {
    if (i < sound && (lists[i].start > lists[i].stop || lists[i].stop > n)) __builtin_trap();
    if (i >= sound || source.byte() & 1) lists[i] = {source.below(5), source.below(n + 2), source.below(n + 2)};
  }
  uint64_t counts[3];
  count_values(all, lists.get(), 3, counts);
  std::unique_ptr<float[]> rows(new float[3 * dim]);
  take_floats(all, lists.get(), 3, dim, rows.get());
  int64_t values[3];
  take_integers(all, lists.get(), 3, values);
  std::unique_ptr<Span[]> strings(new Span[3]);
  for (size_t i = 0; i < 3; ++i)
    if (take_strings(all, &lists[i], 1, &strings[i]) && (strings[i].start > strings[i].stop || strings[i].stop > n))
      __builtin_trap();
  size_t end;
  Torn torn;
  const size_t start = source.below(n + 1);
  if (find_records(all, start, 3, spans.get(), &end, &torn) > 3 || end < start || end > n) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Source source(data, size);
  switch (source.byte() % 6) {
    case 0:
      find(source);
      break;
    case 1:
      look(source);
      break;
    case 2:
      look_in_lists(source);
      break;
    case 3:
      walk(source);
      break;
    case 4:
      read_text(source);
      break;
    default:
      read_records(source);
  }
  return 0;
}
