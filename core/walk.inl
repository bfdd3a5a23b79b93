// The steps of a walk, the same whatever the instruction set but for two bodies that come before:
//   sums_of_four(walk, rows, out): the weighted sums of four rows' digits
//   list_unseen(walk, links, out): those of a row's links that are rows and not seen yet; may write 16 beyond
// Included by each kernels_*.cpp. The rule that ends a walk is that of Adaptive Beam Search (Al-Jazzazi et al. 2025).

static inline int64_t entry_of(int32_t key, uint32_t row) { return int64_t(uint64_t(int64_t(key)) << 32 | row); }
static inline uint32_t row_of(int64_t entry) { return uint32_t(entry); }

static inline void fetch_links(const Walk& w, int64_t entry) {
  const char* at = reinterpret_cast<const char*>(w.links + size_t(row_of(entry)) * kLinks);
  __builtin_prefetch(at);
  __builtin_prefetch(at + kLine);
}

static inline void mark_new(Walk& w) {
  for (size_t i = w.n_met - w.n_new; i < w.n_met; ++i) {
    const uint32_t row = w.met[i];
    const char* code = reinterpret_cast<const char*>(w.codes + size_t(row) * size_t(w.lines) * kLine);
    for (int line = 0; line < w.lines; ++line) __builtin_prefetch(code + line * kLine);
    w.seen[row >> 5] |= 1u << (row & 31);
  }
}

// The heap: the nearest at its top.
static inline void push(Walk& w, int64_t entry) {
  size_t at = w.n_open++;
  while (at > 0) {
    const size_t above = (at - 1) / 2;
    if (w.open[above] <= entry) break;
    w.open[at] = w.open[above];
    at = above;
  }
  w.open[at] = entry;
}

static inline void pop(Walk& w) {
  const int64_t last = w.open[--w.n_open];
  size_t at = 0;
  for (size_t below; (below = 2 * at + 1) < w.n_open; at = below) {
    below += below + 1 < w.n_open && w.open[below + 1] < w.open[below];
    if (last <= w.open[below]) break;
    w.open[at] = w.open[below];
  }
  w.open[at] = last;
}

// Into its place among the best, in one pass without a branch; the last one falls out.
static inline void shift_in(const int64_t* __restrict from, int64_t* __restrict to, size_t room, int64_t entry) {
  for (size_t i = 0; i < room; ++i) {
    const int64_t before = from[ptrdiff_t(i) - 1], after = before > entry ? before : entry;
    to[i] = from[i] < after ? from[i] : after;
  }
}

static inline void insert(Walk& w, int64_t entry) {
  int64_t* to = w.spare;
  shift_in(w.best, to, w.room, entry);
  w.spare = w.best;
  w.best = to;
}

static inline void set_limit(Walk& w) {
  const int64_t kth = w.best[w.k - 1];
  if (kth == kNoEntry) return;
  float distance = w.origin + w.step * float(int32_t(kth >> 32));
  distance = distance > 0 ? distance : 0;
  const float widened = (1 + w.margin) * (1 + w.margin) * distance;
  float key = (widened - w.origin) / w.step;
  key = key < 2e9f ? key : 2e9f;
  key = key > -2e9f ? key : -2e9f;
  w.limit = entry_of(int32_t(key), 0xffffffffu);
}

// Keys of the rows met last; they take their places among the best and those to be opened.
static void meet(Walk& w) {
  int32_t sums[4];
  const uint32_t* rows = w.met + w.n_met - w.n_new;
  const int64_t before = w.best[w.k - 1];
  for (size_t i = 0; i < w.n_new; i += 4) {
    const size_t count = w.n_new - i < 4 ? w.n_new - i : 4;
    uint32_t four[4];
    for (size_t j = 0; j < 4; ++j) four[j] = rows[i + (j < count ? j : 0)];
    sums_of_four(w, four, sums);
    for (size_t j = 0; j < count; ++j) {
      int32_t key = -sums[j];
      if (w.offsets) {
        float offset;
        __builtin_memcpy(&offset, w.codes + (size_t(four[j]) + 1) * size_t(w.lines) * kLine - sizeof offset,
                         sizeof offset);
        float part = offset * w.per_key;
        part = part < 1e9f ? part : 1e9f;  // in this order a NaN, which only a damaged file can bring, is far away
        part = part > -1e9f ? part : -1e9f;
        key += int32_t(part);
      }
      const int64_t entry = entry_of(key, four[j]);
      if (entry <= w.limit) push(w, entry);
      if (entry < w.best[w.room - 1] && (w.marks == nullptr || w.marks[four[j]])) insert(w, entry);
    }
  }
  if (w.best[w.k - 1] != before) set_limit(w);
  if (w.n_open > 0) fetch_links(w, w.open[0]);
}

// Takes the nearest row that is still to be opened and lists its links that are new; false where the walk has ended.
static bool open(Walk& w) {
  if (w.n_open == 0 || w.open[0] > w.limit || (w.opened >= w.most && w.best[w.k - 1] != kNoEntry)) return false;
  const uint32_t row = row_of(w.open[0]);
  pop(w);
  ++w.opened;
  w.n_new = list_unseen(w, w.links + size_t(row) * kLinks, w.met + w.n_met);
  w.n_met += w.n_new;
  mark_new(w);
  if (w.n_open > 0) fetch_links(w, w.open[0]);
  return true;
}
