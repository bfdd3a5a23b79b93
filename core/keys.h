// The hash table that finds a key's row, in arrays of the caller. docs/format.md is the norm for what it holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace nearmost {

constexpr uint32_t kEmptySlot = 0xffffffffu;

// Strings one after the other: string i is data[offsets[i], offsets[i + 1]). Offsets are not trusted.
struct StringTable {
  const uint8_t* data;
  size_t n_bytes;
  const uint64_t* offsets;
  size_t n;
};

// Fills the slots. Returns the first two equal strings' rows, or {n, n} where all differ.
std::pair<size_t, size_t> hash_keys(const StringTable& keys, uint32_t* slots, size_t n_slots);

// Marks with 1 the rows to keep so that every key is left once, the first or the last of equal ones, with 0 the others.
void unique_keys(const StringTable& keys, uint32_t* slots, size_t n_slots, bool last, uint8_t* kept);

// The row of this key, or -1. Safe whatever the arrays hold.
int64_t find_key(const StringTable& keys, const uint32_t* slots, size_t n_slots, const uint8_t* key, size_t n_bytes);

}  // namespace nearmost
