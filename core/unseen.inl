// Those of a row's links that are rows and not seen yet, one by one. Included where no instruction set does better.

static inline size_t list_unseen(const Walk& w, const uint32_t* links, uint32_t* out) {
  size_t found = 0;
  for (int i = 0; i < kLinks; ++i) {
    const uint32_t row = links[i];
    out[found] = row;
    found += row < w.n && (w.seen[row >> 5] >> (row & 31) & 1) == 0;
  }
  return found;
}
