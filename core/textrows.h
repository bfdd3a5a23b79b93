// Vectors as other programs write them: a line of text for each word, or a word and its floats in bytes. The caller
// owns every array, the text may hold anything, and nothing outside it is read.
#pragma once

#include <cstddef>
#include <cstdint>

#include "parallel.h"

namespace nearmost {

struct Bytes {
  const uint8_t* data;
  size_t n;
};

// Where a line, a word lies: text[start, stop).
struct Span {
  uint64_t start, stop;
};

enum class Fault { none, few_numbers, no_number, not_finite };

// The spans of up to `most` lines that are not blank, without their ends. Returns how many there are.
size_t find_lines(Bytes text, size_t most, Span* lines);

struct BadLine {
  size_t row;  // n where there is none
  Fault fault;
  uint64_t at;  // where in the text
};

// Reads lines of a word and dim numbers: numbers (n, dim), and in place of each line's span the word's. The numbers are
// the last dim fields, a word may hold spaces; a number is what is nearest in float64, rounded to float32. `bad` is the
// first line that cannot be read. False where poll stopped it.
bool parse_lines(Bytes text, Span* lines, size_t n, size_t dim, float* numbers, BadLine* bad, int n_threads,
                 const Poll& poll);

// Reads up to `most` records from text[start, n): a word, a space, dim little-endian floats, perhaps a line end.
// Returns how many are whole, and in *end where the first that is not begins.
size_t parse_records(Bytes text, size_t start, size_t most, size_t dim, Span* words, float* numbers, size_t* end);

// Copies the spans one after the other to out, offsets (n + 1,). Returns false where one lies outside the text.
bool gather(Bytes text, const Span* spans, size_t n, const uint64_t* offsets, uint8_t* out);

// Bytes that write_lines may need for a number and the space after it.
constexpr size_t kLongestNumber = 17;

// Writes each row as numbers that parse_lines reads as the same float32s, with few digits, after spaces: ends (n,) is
// where each row stops. `out` has room for n * dim * kLongestNumber bytes. Returns the bytes written.
size_t write_numbers(const float* rows, size_t n, size_t dim, uint8_t* out, uint64_t* ends);

}  // namespace nearmost
