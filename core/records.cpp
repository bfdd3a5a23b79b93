#include "records.h"

#include <algorithm>
#include <cstring>

#include "kernels.h"

namespace nearmost {
namespace {

constexpr size_t kHead = 12;  // a length and its checksum
constexpr size_t kTail = 4;
constexpr uint32_t kMask = 0xa282ead8;

template <class T>
T number_at(const uint8_t* from) {
  T number;
  std::memcpy(&number, from, sizeof number);
  return number;
}

// Turned and shifted, so that the checksum of bytes that hold a checksum is no special number.
uint32_t masked_crc(const uint8_t* bytes, size_t n) {
  const uint32_t crc = kernels().crc32c(0, bytes, n);
  return (crc >> 15 | crc << 17) + kMask;
}

enum Wire { varint = 0, eight_bytes = 1, sized = 2, four_bytes = 5 };

// One field of a message after the other.
struct Message {
  const uint8_t* at;
  const uint8_t* end;
  uint64_t number = 0, wire = 0, value = 0;
  const uint8_t* body = nullptr;  // of a field that is sized or has four or eight bytes: [body, at)

  bool more() const { return at < end; }

  bool read(uint64_t* out) {
    *out = 0;
    for (int shift = 0; shift < 64 && at < end; shift += 7) {
      const uint8_t byte = *at++;
      *out |= uint64_t(byte & 127) << shift;
      if (byte < 128) return true;
    }
    return false;
  }

  bool next() {
    uint64_t tag;
    if (!read(&tag)) return false;
    number = tag >> 3;
    wire = tag & 7;
    if (number == 0) return false;
    if (wire == varint) return read(&value);
    uint64_t length = wire == eight_bytes ? 8 : wire == four_bytes ? 4 : 0;
    if (wire == sized && !read(&length)) return false;
    if ((wire != eight_bytes && wire != four_bytes && wire != sized) || length > uint64_t(end - at)) return false;
    body = at;
    at += length;
    return true;
  }

  bool is(uint64_t wanted) const { return number == wanted && wire == sized; }
  Message inside() const { return {body, at}; }
};

Message message_of(Bytes bytes, uint64_t start, uint64_t stop) {
  stop = std::min<uint64_t>(stop, bytes.n);
  start = std::min(start, stop);
  return {bytes.data + start, bytes.data + stop};
}

Span span_of(Bytes bytes, const Message& message) {
  return {uint64_t(message.at - bytes.data), uint64_t(message.end - bytes.data)};
}

// Feature: one of the three kinds of list. A list in two pieces, which no program writes, is refused, not half read.
bool read_feature(Bytes bytes, Message feature, List* list) {
  while (feature.more()) {
    if (!feature.next()) return false;
    if (feature.wire != sized || feature.number > 3) continue;
    if (list->kind == feature.number) return false;
    const Span values = span_of(bytes, feature.inside());
    *list = {feature.number, values.start, values.stop};
  }
  return true;
}

// Example, Features and the entries of its map: calls take(Feature) for each.
template <class Take>
bool each_feature(Bytes bytes, Span record, const Take& take) {
  for (Message example = message_of(bytes, record.start, record.stop); example.more();) {
    if (!example.next()) return false;
    if (!example.is(1)) continue;
    for (Message features = example.inside(); features.more();) {
      if (!features.next()) return false;
      if (!features.is(1)) continue;
      Feature found = {{0, 0}, {0, 0, 0}};
      for (Message entry = features.inside(); entry.more();) {
        if (!entry.next()) return false;
        if (entry.is(1)) found.name = span_of(bytes, entry.inside());
        if (entry.is(2) && !read_feature(bytes, entry.inside(), &found.list)) return false;
      }
      take(found);
    }
  }
  return true;
}

// Calls take(body, length) for each string and for each run of floats, and one(number) for each whole number.
template <class Take, class One>
bool each_value(Bytes bytes, const List& list, const Take& take, const One& one) {
  for (Message values = message_of(bytes, list.start, list.stop); values.more();) {
    if (!values.next()) return false;
    if (values.number != 1) continue;
    const size_t length = values.wire == varint ? 0 : size_t(values.at - values.body);
    if (list.kind == 1) {
      if (values.wire == sized) take(values.body, length);
    } else if (list.kind == 2) {
      if (length % 4 != 0 || (values.wire != sized && values.wire != four_bytes)) return false;
      take(values.body, length);
    } else if (values.wire == varint) {
      one(values.value);
    } else {
      if (values.wire != sized) return false;
      uint64_t value;
      for (Message packed = values.inside(); packed.more(); one(value))
        if (!packed.read(&value)) return false;
    }
  }
  return true;
}

}  // namespace

size_t find_records(Bytes bytes, size_t start, size_t most, Span* records, size_t* end, Torn* torn) {
  size_t n = 0, at = start;
  *torn = Torn::none;
  while (n < most && bytes.n - at >= kHead + kTail) {
    const uint8_t* const head = bytes.data + at;
    if (masked_crc(head, 8) != number_at<uint32_t>(head + 8)) *torn = Torn::length;
    const uint64_t length = number_at<uint64_t>(head);
    if (*torn != Torn::none || length > bytes.n - at - kHead - kTail) break;
    if (masked_crc(head + kHead, length) != number_at<uint32_t>(head + kHead + length)) {
      *torn = Torn::bytes;
      break;
    }
    records[n++] = {at + kHead, at + kHead + length};
    at += kHead + length + kTail;
  }
  *end = at;
  return n;
}

int64_t list_features(Bytes bytes, Span record, size_t room, Feature* features) {
  size_t n = 0;
  const bool whole = each_feature(bytes, record, [&](const Feature& feature) {
    if (n < room) features[n] = feature;
    ++n;
  });
  return whole ? int64_t(n) : -1;
}

size_t find_feature(Bytes bytes, const Span* records, size_t n, Bytes name, List* lists) {
  for (size_t i = 0; i < n; ++i) {
    lists[i] = {0, 0, 0};
    const bool whole = each_feature(bytes, records[i], [&](const Feature& feature) {
      const size_t length = size_t(feature.name.stop - feature.name.start);
      if (length == name.n && (length == 0 || std::memcmp(bytes.data + feature.name.start, name.data, length) == 0))
        lists[i] = feature.list;
    });
    if (!whole) return i;
  }
  return n;
}

size_t count_values(Bytes bytes, const List* lists, size_t n, uint64_t* counts) {
  for (size_t i = 0; i < n; ++i) {
    uint64_t count = 0;
    const size_t size = lists[i].kind == 2 ? 4 : 0;
    const auto some = [&](const uint8_t*, size_t length) { count += size == 0 ? 1 : length / size; };
    if (!each_value(bytes, lists[i], some, [&](uint64_t) { ++count; })) return i;
    counts[i] = count;
  }
  return n;
}

bool take_floats(Bytes bytes, const List* lists, size_t n, size_t dim, float* rows) {
  for (size_t i = 0; i < n; ++i) {
    size_t count = 0;
    float* const row = rows + i * dim;
    const auto floats = [&](const uint8_t* at, size_t length) {
      if (length / 4 <= dim && count <= dim - length / 4 && length > 0) std::memcpy(row + count, at, length);
      count += length / 4;
    };
    const auto integer = [&](uint64_t value) {
      if (count < dim) row[count] = float(int64_t(value));
      ++count;
    };
    const bool whole = lists[i].kind >= 2 && each_value(bytes, lists[i], floats, integer);
    if (!whole || count != dim) return false;
  }
  return true;
}

bool take_integers(Bytes bytes, const List* lists, size_t n, int64_t* values) {
  for (size_t i = 0; i < n; ++i) {
    size_t count = 0;
    const auto put = [&](uint64_t value) {
      values[i] = int64_t(value);
      ++count;
    };
    if (lists[i].kind != 3 || !each_value(bytes, lists[i], [](auto...) {}, put) || count != 1) return false;
  }
  return true;
}

bool take_strings(Bytes bytes, const List* lists, size_t n, Span* strings) {
  for (size_t i = 0; i < n; ++i) {
    size_t count = 0;
    const auto put = [&](const uint8_t* body, size_t length) {
      const uint64_t start = uint64_t(body - bytes.data);
      strings[i] = {start, start + length};
      ++count;
    };
    if (lists[i].kind != 1 || !each_value(bytes, lists[i], put, [](uint64_t) {}) || count != 1) return false;
  }
  return true;
}

}  // namespace nearmost
