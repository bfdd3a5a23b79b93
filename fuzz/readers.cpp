// libFuzzer over what reads arrays that came from a file: find_key and search must stand whatever those hold. Shapes
// are what Python has checked; every array lies in a block of its own, so that the sanitizer sees a read past its end.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "flat.h"
#include "kernels.h"
#include "keys.h"

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

void look(Source& source) {
  const Metric metric = Metric(source.below(5));
  const size_t dim = 1 + source.below(70), n = source.below(130), n_queries = 1 + source.below(9),
               k = source.below(150);
  auto values = source.array<float>(metric == Metric::hamming ? 0 : n * dim);
  const Rows rows = {metric, n, dim, metric == Metric::hamming ? nullptr : values.get()};
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Source source(data, size);
  if (source.byte() & 1)
    find(source);
  else
    look(source);
  return 0;
}
