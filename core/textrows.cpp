#include "textrows.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <vector>

namespace nearmost {
namespace {

constexpr size_t kLinesAtOnce = 512;
constexpr uint64_t kExact = uint64_t(1) << 53;
constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

bool blank(uint8_t c) { return c == ' ' || c == '\t'; }
constexpr uint64_t kTens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
bool digit(uint8_t c) { return uint8_t(c - '0') < 10; }

struct Number {
  float value;
  Fault fault;
  const uint8_t* end;
};

Number rounded(double value, const uint8_t* end) {
  const float number = float(value);
  return {number, std::isfinite(number) ? Fault::none : Fault::not_finite, end};
}

// What the quick way cannot tell exactly: a field that has a number's form, and the exponent that it names.
Number read_slowly(const uint8_t* from, const uint8_t* to, int64_t exponent) {
  if (*from == '+') ++from;
  double value = 0;
  const auto [end, error] =
      std::from_chars(reinterpret_cast<const char*>(from), reinterpret_cast<const char*>(to), value);
  if (error == std::errc::result_out_of_range) {  // too small is 0, too large an error: what is its first digit worth?
    const uint8_t* const point = std::find_if(from, to, [](uint8_t c) { return c == '.' || (c | 32) == 'e'; });
    const uint8_t* const lead = std::find_if(from, to, [](uint8_t c) { return c >= '1' && c <= '9'; });
    const bool small = exponent + (point - lead) < 0;
    return {*from == '-' ? -0.0f : 0.0f, small ? Fault::none : Fault::not_finite, to};
  }
  if (error != std::errc() || end != reinterpret_cast<const char*>(to)) return {0, Fault::no_number, from};
  return rounded(value, to);
}

// Where the digits from `at` end. They go into `digits` eight at a time where the text has eight bytes more: a branch a
// digit would be a branch mistaken a number.
const uint8_t* read_digits(const uint8_t* at, const uint8_t* stop, const uint8_t* text_end, uint64_t* digits) {
  if constexpr (std::endian::native == std::endian::little) {
    while (text_end - at >= 8) {
      uint64_t bytes;
      std::memcpy(&bytes, at, 8);
      bytes ^= 0x3030303030303030u;  // a digit is now 0 to 9
      const uint64_t others = ((bytes + 0x7676767676767676u) | bytes) & 0x8080808080808080u;
      const size_t n = std::min(size_t(std::countr_zero(others)) / 8, size_t(stop - at));
      if (n == 0) return at;
      bytes <<= 64 - 8 * n;  // zeros go in front
      bytes = bytes * 10 + (bytes >> 8);
      bytes = ((bytes & 0x000000ff000000ffu) * 0x000f424000000064u +
               ((bytes >> 16) & 0x000000ff000000ffu) * 0x0000271000000001u) >>
              32;
      *digits = *digits * kTens[n] + bytes;
      at += n;
      if (n < 8) return at;
    }
  }
  for (; at < stop && digit(*at); ++at) *digits = *digits * 10 + (*at - '0');
  return at;
}

// The number at `at`, which ends at a blank or at `stop`. Up to 2^53 times or over a power of ten up to 10^22 one
// operation on exact values rounds once, as it should (Clinger 1990); the rest goes the slow way.
Number read_number(const uint8_t* at, const uint8_t* stop, const uint8_t* text_end) {
  const uint8_t* const from = at;
  const bool minus = *at == '-';
  at += minus | (*at == '+');
  uint64_t digits = 0;
  int64_t power = 0, exponent = 0;
  const uint8_t* const first = at;
  for (; at < stop && digit(*at); ++at) digits = digits * 10 + (*at - '0');
  size_t n_digits = size_t(at - first);
  if (at < stop && *at == '.') {
    const uint8_t* const point = ++at;
    at = read_digits(at, stop, text_end, &digits);
    power = point - at;
    n_digits += size_t(at - point);
  }
  if (n_digits == 0) {
    const bool word = stop - at >= 3 && ((*at | 32) == 'n' || (*at | 32) == 'i');
    const bool named = word && (std::memcmp(at, "nan", 3) == 0 || std::memcmp(at, "NaN", 3) == 0 ||
                                std::memcmp(at, "inf", 3) == 0 || std::memcmp(at, "Inf", 3) == 0);
    return {0, named ? Fault::not_finite : Fault::no_number, from};
  }
  if (at < stop && (*at | 32) == 'e') {
    ++at;
    const bool down = at < stop && *at == '-';
    if (at < stop && (*at == '-' || *at == '+')) ++at;
    if (at == stop || !digit(*at)) return {0, Fault::no_number, from};
    for (; at < stop && digit(*at); ++at) exponent = std::min<int64_t>(exponent * 10 + (*at - '0'), 1 << 30);
    if (down) exponent = -exponent;
    power += exponent;
  }
  if (at < stop && !blank(*at)) return {0, Fault::no_number, from};
  if (n_digits > 19 || digits > kExact || power < -22 || power > 22) return read_slowly(from, at, exponent);
  const double value = power < 0 ? double(digits) / kPowers[-power] : double(digits) * kPowers[power];
  return rounded(std::copysign(value, minus ? -1.0 : 1.0), at);
}

struct Line {
  Fault fault;
  const uint8_t* at;
};

// A word without blanks, then just the numbers, as nearly every line is.
bool parse_plain(const uint8_t* start, const uint8_t* stop, size_t dim, float* numbers, Span* word, Bytes text) {
  const uint8_t* at = start;
  while (at < stop && !blank(*at)) ++at;
  *word = {uint64_t(start - text.data), uint64_t(at - text.data)};
  for (size_t i = 0; i < dim; ++i) {
    while (at < stop && blank(*at)) ++at;
    if (at == stop) return false;
    const Number number = read_number(at, stop, text.data + text.n);
    if (number.fault != Fault::none) return false;
    numbers[i] = number.value;
    at = number.end;
  }
  while (at < stop && blank(*at)) ++at;
  return at == stop;
}

// From the end: the last dim fields are the numbers, and what stands before them is the word.
Line parse_backwards(const uint8_t* start, const uint8_t* stop, size_t dim, float* numbers, Span* word, Bytes text) {
  const uint8_t* end = stop;
  for (size_t i = dim; i-- > 0;) {
    while (end > start && blank(end[-1])) --end;
    const uint8_t* from = end;
    while (from > start && !blank(from[-1])) --from;
    if (from == end || (from == start && !blank(*start))) return {Fault::few_numbers, start};
    const Number number = read_number(from, end, text.data + text.n);
    if (number.fault != Fault::none) return {number.fault, from};
    numbers[i] = number.value;
    end = from;
  }
  while (end > start && blank(end[-1])) --end;
  *word = {uint64_t(start - text.data), uint64_t(end - text.data)};
  return {Fault::none, stop};
}

}  // namespace

size_t find_lines(Bytes text, size_t most, Span* lines) {
  size_t n = 0;
  const uint8_t *at = text.data, *stop = text.data + text.n;
  while (at < stop && n < most) {
    const void* found = std::memchr(at, '\n', size_t(stop - at));
    const uint8_t* end = found ? static_cast<const uint8_t*>(found) : stop;
    const uint8_t* next = found ? end + 1 : stop;
    while (end > at && end[-1] == '\r') --end;
    if (!std::all_of(at, end, blank)) lines[n++] = {uint64_t(at - text.data), uint64_t(end - text.data)};
    at = next;
  }
  return n;
}

bool parse_lines(Bytes text, Span* lines, size_t n, size_t dim, float* numbers, BadLine* bad, int n_threads,
                 const Poll& poll) {
  const size_t n_parts = (n + kLinesAtOnce - 1) / kLinesAtOnce;
  std::vector<BadLine> found(n_parts, BadLine{n, Fault::none, 0});
  const bool complete = parallel_for(n_parts, n_threads, poll, [&](size_t part, const GoOn&) {
    for (size_t row = part * kLinesAtOnce; row < std::min(n, (part + 1) * kLinesAtOnce); ++row) {
      if (lines[row].start > lines[row].stop || lines[row].stop > text.n) {
        found[part] = {row, Fault::few_numbers, 0};
        return;
      }
      const uint8_t *start = text.data + lines[row].start, *stop = text.data + lines[row].stop;
      float* out = numbers + row * dim;
      if (parse_plain(start, stop, dim, out, &lines[row], text)) continue;
      const Line line = parse_backwards(start, stop, dim, out, &lines[row], text);
      if (line.fault != Fault::none) {
        found[part] = {row, line.fault, uint64_t(line.at - text.data)};
        return;
      }
    }
  });
  *bad = {n, Fault::none, 0};
  for (const BadLine& one : found)
    if (one.row < bad->row) *bad = one;
  return complete;
}

size_t parse_records(Bytes text, size_t start, size_t most, size_t dim, Span* words, float* numbers, size_t* end) {
  const size_t n_bytes = dim * sizeof(float);
  size_t n = 0, at = start;
  *end = at;
  while (n < most && at < text.n) {
    while (at < text.n && (text.data[at] == '\n' || text.data[at] == '\r')) ++at;  // some end each record with one
    const void* space = at < text.n ? std::memchr(text.data + at, ' ', text.n - at) : nullptr;
    if (!space) break;
    const size_t after = size_t(static_cast<const uint8_t*>(space) - text.data) + 1;
    if (text.n - after < n_bytes) break;
    words[n] = {at, after - 1};
    std::memcpy(numbers + n * dim, text.data + after, n_bytes);
    at = after + n_bytes;
    *end = at;
    ++n;
  }
  return n;
}

bool gather(Bytes text, const Span* spans, size_t n, const uint64_t* offsets, uint8_t* out) {
  for (size_t i = 0; i < n; ++i) {
    const uint64_t start = spans[i].start, stop = spans[i].stop;
    if (start > stop || stop > text.n || offsets[i + 1] - offsets[i] != stop - start) return false;
    if (stop > start) std::memcpy(out + offsets[i], text.data + start, stop - start);
  }
  return true;
}

size_t write_numbers(const float* rows, size_t n, size_t dim, uint8_t* out, uint64_t* ends) {
  char* at = reinterpret_cast<char*>(out);
  for (size_t row = 0; row < n; ++row) {
    for (size_t i = 0; i < dim; ++i) {
      const float number = rows[row * dim + i];
      char* const from = at + 1;
      *at = ' ';
      at = std::to_chars(from, from + kLongestNumber - 1, number).ptr;
      // 7.038531e-26 is so near the middle between two float32s that whoever reads it by way of float64 gets the other.
      const uint8_t* const end = reinterpret_cast<const uint8_t*>(at);
      if (read_number(reinterpret_cast<const uint8_t*>(from), end, end).value != number)
        at = std::to_chars(from, from + kLongestNumber - 1, number, std::chars_format::scientific, 8).ptr;
    }
    ends[row] = uint64_t(reinterpret_cast<uint8_t*>(at) - out);
  }
  return uint64_t(reinterpret_cast<uint8_t*>(at) - out);
}

}  // namespace nearmost
