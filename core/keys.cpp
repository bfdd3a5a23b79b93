#include "keys.h"

#include <cstring>

namespace nearmost {
namespace {

// FNV-1a (Fowler, Noll and Vo), then the final mix of MurmurHash3 (Appleby) so that the high bits are good too.
uint64_t hash(const uint8_t* bytes, size_t n) {
  uint64_t h = 0xcbf29ce484222325u;
  for (size_t i = 0; i < n; ++i) h = (h ^ bytes[i]) * 0x100000001b3u;
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
  return h ^ (h >> 33);
}

// High bits spread over any number of slots (Lemire 2019).
size_t home(uint64_t hash, size_t n_slots) { return size_t((static_cast<unsigned __int128>(hash) * n_slots) >> 64); }

bool equal(const StringTable& keys, size_t row, const uint8_t* key, size_t n) {
  if (row >= keys.n) return false;
  const uint64_t start = keys.offsets[row], stop = keys.offsets[row + 1];
  return start <= stop && stop <= keys.n_bytes && stop - start == n &&
         (n == 0 || std::memcmp(keys.data + start, key, n) == 0);
}

}  // namespace

std::pair<size_t, size_t> hash_keys(const StringTable& keys, uint32_t* slots, size_t n_slots) {
  for (size_t i = 0; i < n_slots; ++i) slots[i] = kEmptySlot;
  for (size_t row = 0; row < keys.n; ++row) {
    const uint8_t* key = keys.data + keys.offsets[row];
    const size_t n = keys.offsets[row + 1] - keys.offsets[row];
    size_t slot = home(hash(key, n), n_slots);
    for (; slots[slot] != kEmptySlot; slot = slot + 1 == n_slots ? 0 : slot + 1)
      if (equal(keys, slots[slot], key, n)) return {slots[slot], row};
    slots[slot] = uint32_t(row);
  }
  return {keys.n, keys.n};
}

void unique_keys(const StringTable& keys, uint32_t* slots, size_t n_slots, bool last, uint8_t* kept) {
  for (size_t i = 0; i < n_slots; ++i) slots[i] = kEmptySlot;
  for (size_t row = 0; row < keys.n; ++row) {
    const uint8_t* key = keys.data + keys.offsets[row];
    const size_t n = keys.offsets[row + 1] - keys.offsets[row];
    size_t slot = home(hash(key, n), n_slots);
    while (slots[slot] != kEmptySlot && !equal(keys, slots[slot], key, n)) slot = slot + 1 == n_slots ? 0 : slot + 1;
    const bool seen = slots[slot] != kEmptySlot;
    kept[row] = last || !seen;
    if (last && seen) kept[slots[slot]] = 0;
    if (last || !seen) slots[slot] = uint32_t(row);
  }
}

int64_t find_key(const StringTable& keys, const uint32_t* slots, size_t n_slots, const uint8_t* key, size_t n_bytes) {
  if (n_slots == 0) return -1;
  size_t slot = home(hash(key, n_bytes), n_slots);
  for (size_t tried = 0; tried < n_slots && slots[slot] != kEmptySlot; ++tried) {
    if (equal(keys, slots[slot], key, n_bytes)) return int64_t(slots[slot]);
    slot = slot + 1 == n_slots ? 0 : slot + 1;
  }
  return -1;
}

}  // namespace nearmost
