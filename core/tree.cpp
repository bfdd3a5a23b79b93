#include "tree.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "columns.h"
#include "random.h"
#include "residuals.h"

namespace nearmost {
namespace {

constexpr size_t kPart = 1200;
constexpr size_t kRowsPerCell = 200;  // that the cells are trained on
constexpr int kCellRounds = 8, kListRounds = 6;
constexpr size_t kAhead = 3;       // rows fetched before they are added
constexpr size_t kShort = 128;     // numbers of a row up to which codes are not worth the memory
constexpr size_t kFewBlurred = 4;  // one row in so many that codes can hardly place
constexpr float kNone = -3e38f;

using Ids = std::vector<uint32_t>;

// What lies in each of several buckets, in the order in which it came.
struct Buckets {
  std::vector<size_t> start;
  Ids items;
  Buckets(const uint32_t* owner, size_t n, size_t count) : start(count + 1), items(n) {
    for (size_t i = 0; i < n; ++i) ++start[owner[i] + 1];
    std::partial_sum(start.begin(), start.end(), start.begin());
    std::vector<size_t> at(start.begin(), start.end() - 1);
    for (size_t i = 0; i < n; ++i) items[at[owner[i]]++] = uint32_t(i);
  }
  size_t size(size_t bucket) const { return start[bucket + 1] - start[bucket]; }
};

class Grower {
 public:
  Grower(const float* rows, size_t n, size_t dim, const uint8_t* held, uint8_t* codes, int n_threads, const Poll& poll)
      : rows_(rows),
        n_(n),
        dim_(dim),
        held_(held),
        residuals_(rows, n, dim, codes),
        n_threads_(n_threads),
        poll_(poll) {}

  bool run(const TreeShape& shape, const Tree& out) {
    Random random(shape.seed);
    const size_t cells = std::min(shape.cells, n_), width = std::min(shape.width, cells);
    std::fill(out.first, out.first + shape.cells + 1, 0);
    Ids all(n_);
    std::iota(all.begin(), all.end(), 0);
    const Ids some = sampled(trained(all), cells * kRowsPerCell, random);
    const auto nearest_of_some = [&](uint32_t* owner) {
      return nearest_exactly(some, out.cells, cells, owner, n_threads_, poll_);
    };
    if (!means(some, cells, kCellRounds, random.next(), out.cells, nearest_of_some)) return false;
    Ids nearest(n_ * width);
    scores_.resize(dim_ > kShort ? n_ * width : 0);
    exactly_.resize(cells, dim_ <= kShort);
    if (!nearest_cells(out.cells, cells, width, nearest.data())) return false;
    if (dim_ > kShort && !residuals_.code(out.cells, nearest.data(), width, n_threads_, poll_)) return false;
    if (!grow_lists(shape, cells, width, nearest, random.next(), out)) return false;
    const size_t lists = out.first[cells];
    std::fill(out.first + cells, out.first + shape.cells + 1, uint32_t(lists));
    const Buckets near_cells(nearest.data(), nearest.size(), cells);
    Ids().swap(nearest);
    for (int round = 0; round <= shape.rounds; ++round) {
      if (!assign(near_cells, cells, width, out)) return false;
      if (round < shape.rounds && !move_lists(lists, out)) return false;
    }
    return true;
  }

 private:
  const float* row(size_t i) const { return rows_ + i * dim_; }

  Ids trained(const Ids& ids) const {
    Ids kept;
    std::copy_if(ids.begin(), ids.end(), std::back_inserter(kept), [this](uint32_t i) { return !held_ || !held_[i]; });
    return kept.empty() ? ids : kept;
  }

  // Some of the ids, in their order.
  static Ids sampled(Ids ids, size_t count, Random& random) {
    if (count >= ids.size()) return ids;
    for (size_t i = 0; i < count; ++i) std::swap(ids[i], ids[i + random.below(ids.size() - i)]);
    ids.resize(count);
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  // k-means (Lloyd 1982) of some rows, started from k of them; an empty centroid takes half of the fullest one's place.
  // nearest(owner) fills in the centroid that each of the rows is nearest to, and is false where poll stopped it.
  template <class Nearest>
  bool means(const Ids& ids, size_t k, int rounds, uint64_t seed, float* centroids, const Nearest& nearest) const {
    Random random(seed);
    const Ids seeds = sampled(ids, k, random);
    for (size_t c = 0; c < k; ++c) std::copy_n(row(seeds[c % seeds.size()]), dim_, centroids + c * dim_);
    std::vector<uint32_t> owner(ids.size());
    for (int round = 0; round < rounds; ++round) {
      if (!nearest(owner.data())) return false;
      const Buckets members(owner.data(), owner.size(), k);
      std::vector<size_t> counts(k);
      for (size_t c = 0; c < k; ++c) {
        counts[c] = members.size(c);
        if (counts[c] > 0)
          mean(&members.items[members.start[c]], counts[c], centroids + c * dim_,
               [&](uint32_t i) { return row(ids[i]); });
      }
      for (size_t c = 0; c < k; ++c)
        if (counts[c] == 0) split_fullest(counts, c, centroids);
    }
    return true;
  }

  bool nearest_exactly(const Ids& ids, const float* centroids, size_t k, uint32_t* owner, int n_threads,
                       const Poll& poll) const {
    const Columns columns(centroids, k, dim_, 0.5f);
    return parallel_parts(ids.size(), kPart, n_threads, poll, [&](size_t from, size_t to) {
      Ids room(columns.width());
      columns.score(
          from, to, [&](size_t i) { return row(ids[i]); },
          [&](size_t i, const float* scores) { owner[i] = uint32_t(best_of(scores, columns.width(), room.data())); });
    });
  }

  void split_fullest(std::vector<size_t>& counts, size_t empty, float* centroids) const {
    const size_t full = size_t(std::max_element(counts.begin(), counts.end()) - counts.begin());
    for (size_t i = 0; i < dim_; ++i) {
      float& value = centroids[full * dim_ + i];
      const float apart = (i % 2 ? 1e-3f : -1e-3f) * value;
      centroids[empty * dim_ + i] = value + apart;
      value -= apart;
    }
    counts[empty] = counts[full] / 2;
    counts[full] -= counts[empty];
  }

  template <class Row>
  void mean(const uint32_t* items, size_t count, float* out, const Row& row_of) const {
    std::fill(out, out + dim_, 0.0f);
    for (size_t i = 0; i < count; ++i) {
      if (i + kAhead < count) fetch(row_of(items[i + kAhead]), dim_ * sizeof(float));
      const float* values = row_of(items[i]);
      for (size_t k = 0; k < dim_; ++k) out[k] += values[k];
    }
    for (size_t k = 0; k < dim_; ++k) out[k] /= float(count);
  }

  // (n, width), nearest first, and what they score.
  bool nearest_cells(const float* cells, size_t count, size_t width, uint32_t* nearest) {
    const Columns columns(cells, count, dim_, 0.5f);
    return parallel_parts(n_, kPart, n_threads_, poll_, [&](size_t from, size_t to) {
      Ids room(columns.width());
      columns.score(
          from, to, [&](size_t i) { return row(i); },
          [&](size_t i, float* scores) {
            for (size_t w = 0; w < width; ++w) {
              const size_t best = best_of(scores, columns.width(), room.data());
              nearest[i * width + w] = uint32_t(best);
              if (dim_ > kShort) scores_[i * width + w] = scores[best];
              scores[best] = kNone;
            }
          });
    });
  }

  bool grow_lists(const TreeShape& shape, size_t cells, size_t width, const Ids& nearest, uint64_t seed,
                  const Tree& out) {
    Ids own(n_);
    for (size_t i = 0; i < n_; ++i) own[i] = nearest[i * width];
    const Buckets members(own.data(), n_, cells);
    const size_t most = std::max<size_t>(8 * shape.lists / cells, 1);
    for (size_t g = 0; g < cells; ++g) {
      const size_t share = (members.size(g) * shape.lists + n_ / 2) / n_;
      const bool several = members.size(g) > 0 && !all_equal(&members.items[members.start[g]], members.size(g));
      const size_t count = members.size(g) == 0 ? 0 : several ? std::clamp<size_t>(share, 1, most) : 1;
      out.first[g + 1] = out.first[g] + uint32_t(count);
    }
    return parallel_for(cells, n_threads_, poll_, [&](size_t g, const GoOn&) {
      const size_t count = out.first[g + 1] - out.first[g];
      if (count == 0) return;
      const auto begin = members.items.begin();
      const Ids ids = trained({begin + ptrdiff_t(members.start[g]), begin + ptrdiff_t(members.start[g + 1])});
      float* lists = out.lists + out.first[g] * dim_;
      size_t blurred = 0;
      if (!exactly_[g]) {
        means(ids, count, kListRounds, seed + g, lists, [&](uint32_t* owner) {
          const NearLists near(lists, count, out.cells + g * dim_, nullptr, 0, dim_);
          blurred = 0;
          near.nearest(
              residuals_, 0, ids.size(), [&](size_t i) { return ids[i]; },
              [&](size_t i, size_t list, float score) {
                owner[i] = uint32_t(list);
                blurred += residuals_.blurred(ids[i], score);
              });
          return true;
        });
        exactly_[g] = count > 1 && blurred > ids.size() / kFewBlurred;
      }
      if (exactly_[g])
        means(ids, count, kListRounds, seed + g, lists,
              [&](uint32_t* owner) { return nearest_exactly(ids, lists, count, owner, 1, nullptr); });
    });
  }

  bool all_equal(const uint32_t* items, size_t count) const {
    for (size_t i = 1; i < count; ++i)
      if (!std::equal(row(items[i]), row(items[i]) + dim_, row(items[0]))) return false;
    return true;
  }

  // Each row's nearest list among those of its cells; of two that are equally near, the first.
  bool assign(const Buckets& near_cells, size_t cells, size_t width, const Tree& out) {
    std::vector<std::atomic<uint64_t>> nearest(n_);  // one number a row, whichever thread finds the better list
    const bool complete = parallel_for(cells, n_threads_, poll_, [&](size_t g, const GoOn&) {
      const size_t count = out.first[g + 1] - out.first[g];
      if (count == 0) return;
      const auto row_of = [&](size_t i) { return near_cells.items[i] / width; };
      const auto meet = [&](size_t i, size_t list, float score) {
        const uint64_t better = ranked(score, out.first[g] + uint32_t(list));
        std::atomic<uint64_t>& own = nearest[row_of(i)];
        for (uint64_t now = own.load(std::memory_order_relaxed);
             now < better && !own.compare_exchange_weak(now, better, std::memory_order_relaxed);) {
        }
      };
      const float* lists = out.lists + out.first[g] * dim_;
      const size_t from = near_cells.start[g], to = near_cells.start[g + 1];
      if (exactly_[g]) {
        const Columns columns(lists, count, dim_, 0.5f);
        Ids room(columns.width());
        columns.score(
            from, to, [&](size_t i) { return row(row_of(i)); },
            [&](size_t i, const float* scores) {
              const size_t best = best_of(scores, columns.width(), room.data());
              meet(i, best, scores[best]);
            });
        return;
      }
      const NearLists near(lists, count, out.cells + g * dim_, out.cells, cells, dim_);
      near.nearest(residuals_, from, to, row_of,
                   [&](size_t i, size_t list, float score) { meet(i, list, scores_[near_cells.items[i]] + score); });
    });
    for (size_t i = 0; complete && i < n_; ++i) {
      const uint64_t best = nearest[i].load(std::memory_order_relaxed);
      out.owner[i] = best > 0 ? ~uint32_t(best) : 0;
    }
    return complete;
  }

  // A number that grows with the score and, among equal scores, falls with the list.
  static uint64_t ranked(float score, uint32_t list) {
    uint32_t bits;
    std::memcpy(&bits, &score, sizeof bits);
    bits = bits >> 31 ? ~bits : bits | 0x80000000u;
    return uint64_t(bits) << 32 | uint32_t(~list);
  }

  bool move_lists(size_t lists, const Tree& out) {
    Ids ids(n_);
    std::iota(ids.begin(), ids.end(), 0);
    ids = trained(ids);
    Ids owner(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) owner[i] = out.owner[ids[i]];
    const Buckets members(owner.data(), owner.size(), lists);
    return parallel_parts(lists, 64, n_threads_, poll_, [&](size_t from, size_t to) {
      for (size_t l = from; l < to; ++l)
        if (members.size(l) > 0)
          mean(&members.items[members.start[l]], members.size(l), out.lists + l * dim_,
               [&](uint32_t i) { return row(ids[i]); });
    });
  }

  const float* rows_;
  const size_t n_, dim_;
  const uint8_t* held_;
  Residuals residuals_;
  std::vector<float> scores_;     // of each row's nearest cells
  std::vector<uint8_t> exactly_;  // cells whose rows are compared with lists in float32
  const int n_threads_;
  const Poll& poll_;
};

}  // namespace

bool grow(const float* rows, size_t n, size_t dim, const uint8_t* held, const TreeShape& shape, uint8_t* codes,
          const Tree& out, int n_threads, const Poll& poll) {
  return Grower(rows, n, dim, held, codes, n_threads, poll).run(shape, out);
}

}  // namespace nearmost
