// The rows that a search may find.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace nearmost {

// Those with a mark; marks null for all.
struct Allowed {
  const uint8_t* marks = nullptr;  // (n,)
  size_t count = 0;                // of the marked rows
  size_t most(size_t n_rows) const { return marks ? std::min(count, n_rows) : n_rows; }
};

}  // namespace nearmost
