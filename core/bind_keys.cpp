// The Python side of strings and keys: what lies in flat arrays becomes str here, and only where it is asked for.
#include <algorithm>

#include "bind.h"
#include "keys.h"

namespace nearmost {
namespace {

StringTable table_of(const Array<const uint8_t, 1>& data, const Array<const uint64_t, 1>& offsets) {
  require(offsets.shape(0) > 0, "nearmost: offsets are empty");
  return {data.data(), data.shape(0), offsets.data(), offsets.shape(0) - 1};
}

StringTable checked(const Array<const uint8_t, 1>& data, const Array<const uint64_t, 1>& offsets, size_t n_slots) {
  const StringTable keys = table_of(data, offsets);
  require(keys.n < kEmptySlot && n_slots > keys.n, "nearmost: too few slots for the keys");
  for (size_t i = 0; i <= keys.n; ++i)
    require(keys.offsets[i] <= keys.n_bytes && (i == 0 || keys.offsets[i - 1] <= keys.offsets[i]),
            "nearmost: offsets are out of order");
  return keys;
}

std::optional<std::pair<size_t, size_t>> hash_strings(const Array<const uint8_t, 1>& data,
                                                      const Array<const uint64_t, 1>& offsets,
                                                      const Array<uint32_t, 1>& slots) {
  const StringTable keys = checked(data, offsets, slots.shape(0));
  const auto clash = hash_keys(keys, slots.data(), slots.shape(0));
  if (clash.first == keys.n) return std::nullopt;
  return clash;
}

void unique_strings(const Array<const uint8_t, 1>& data, const Array<const uint64_t, 1>& offsets,
                    const Array<uint32_t, 1>& slots, bool last, const Array<uint8_t, 1>& kept) {
  const StringTable keys = checked(data, offsets, slots.shape(0));
  require(kept.shape(0) == keys.n, "nearmost: kept and keys do not fit together");
  unique_keys(keys, slots.data(), slots.shape(0), last, kept.data());
}

// Holds the arrays, so that a look-up hands over a row or a key and nothing else: that is half of its time.
class BoundStrings {
 public:
  BoundStrings(const Array<const uint8_t, 1>& data, const Array<const uint64_t, 1>& offsets,
               const Maybe<const uint32_t, 1>& slots)
      : data_(data), offsets_(offsets), slots_(slots), table_(table_of(data, offsets)) {}

  nb::str get(int64_t row) const {
    if (!held(row)) throw nb::index_error("nearmost: no such row");
    const uint64_t start = table_.offsets[row], stop = table_.offsets[row + 1];
    require(start <= stop && stop <= table_.n_bytes, "nearmost: a string lies outside of the data");
    PyObject* text = PyUnicode_DecodeUTF8(reinterpret_cast<const char*>(table_.data) + start, stop - start, nullptr);
    if (text == nullptr) throw nb::python_error();
    return nb::steal<nb::str>(text);
  }

  // Rows lie all over the place: their lines are on the way before the first is read.
  nb::list take(const Array<const int64_t, 1>& rows) const {
    const int64_t* wanted = rows.data();
    const size_t n = rows.shape(0);
    nb::list texts;
    for (size_t from = 0; from < n; from += kTogether) {
      const size_t to = std::min(n, from + kTogether);
      for (size_t i = from; i < to; ++i) __builtin_prefetch(table_.offsets + (held(wanted[i]) ? wanted[i] : 0));
      for (size_t i = from; i < to; ++i)
        if (held(wanted[i]))
          __builtin_prefetch(table_.data + std::min<uint64_t>(table_.offsets[wanted[i]], table_.n_bytes));
      for (size_t i = from; i < to; ++i) texts.append(get(wanted[i]));
    }
    return texts;
  }

  int64_t find(const nb::str& key) const {
    require(bool(slots_), "nearmost: there are no slots to look in");
    Py_ssize_t n = 0;
    const char* bytes = PyUnicode_AsUTF8AndSize(key.ptr(), &n);
    if (bytes == nullptr) {  // half a character: no key holds one
      PyErr_Clear();
      return -1;
    }
    return find_key(table_, slots_->data(), slots_->shape(0), reinterpret_cast<const uint8_t*>(bytes), size_t(n));
  }

  void find_all(const nb::list& keys, const Array<int64_t, 1>& rows) const {
    require(keys.size() == rows.shape(0), "nearmost: keys and rows do not fit together");
    for (size_t i = 0; i < rows.shape(0); ++i) rows.data()[i] = find(nb::cast<nb::str>(keys[i]));
  }

 private:
  static constexpr size_t kTogether = 16;

  bool held(int64_t row) const { return row >= 0 && uint64_t(row) < table_.n; }

  Array<const uint8_t, 1> data_;
  Array<const uint64_t, 1> offsets_;
  Maybe<const uint32_t, 1> slots_;
  StringTable table_;
};

}  // namespace

void bind_keys(nb::module_& m) {
  m.def("hash_keys", &hash_strings, "data"_a, "offsets"_a, "slots"_a);
  m.def("unique_keys", &unique_strings, "data"_a, "offsets"_a, "slots"_a, "last"_a, "kept"_a);
  nb::class_<BoundStrings>(m, "StringTable")
      .def(nb::init<const Array<const uint8_t, 1>&, const Array<const uint64_t, 1>&, const Maybe<const uint32_t, 1>&>(),
           "data"_a, "offsets"_a, "slots"_a.none())
      .def("get", &BoundStrings::get, "row"_a)
      .def("take", &BoundStrings::take, "rows"_a)
      .def("find", &BoundStrings::find, "key"_a)
      .def("find_all", &BoundStrings::find_all, "keys"_a, "rows"_a);
}

}  // namespace nearmost
