#include "neighbors.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "columns.h"
#include "meeting.h"
#include "random.h"

namespace nearmost {
namespace {

constexpr size_t kPart = 960;
constexpr size_t kLeastLeaf = 32;  // fewer are put together with others
constexpr size_t kMostLeaders = 1000, kRowsPerLeader = 100;
constexpr int kDeepest = 30;

using Ids = std::vector<uint32_t>;

// A hash of a row that does not depend on where it stands.
uint64_t hash(uint64_t seed, uint64_t row) { return Random(seed ^ Random(row).next()).next(); }

class Divider {
 public:
  Divider(const Points& points, const Division& division, Neighbors& out)
      : points_(points), division_(division), out_(out) {}

  bool run(int n_threads, const Poll& poll) {
    Ids all(points_.n);
    std::iota(all.begin(), all.end(), 0);
    if (all.size() <= division_.leaf) {
      leaves(all);
      return true;
    }
    const Ids leaders = leaders_of(all, division_.seed);
    Ids nearest(all.size() * std::min(division_.first, leaders.size()));
    const size_t width = nearest.size() / all.size();
    const Columns columns = gathered(leaders);
    if (!parallel_parts(all.size(), kPart, n_threads, poll, [&](size_t from, size_t to) {
          nearest_leaders(columns, all.data() + from, to - from, width, nearest.data() + from * width);
        }))
      return false;
    std::vector<Ids> parts = split(all, leaders.size(), nearest, width);
    return parallel_for(parts.size(), n_threads, poll, [&](size_t i, const GoOn& go_on) {
      divide(std::move(parts[i]), 1, hash(division_.seed, i), go_on);
    });
  }

 private:
  void divide(Ids ids, int level, uint64_t seed, const GoOn& go_on) {
    if (ids.size() <= division_.leaf || level > kDeepest) return leaves(ids);
    const Ids leaders = leaders_of(ids, seed);
    const size_t width = std::min(level == 1 ? division_.second : 1, leaders.size());
    Ids nearest(ids.size() * width);
    nearest_leaders(gathered(leaders), ids.data(), ids.size(), width, nearest.data());
    std::vector<Ids> parts = split(ids, leaders.size(), nearest, width);
    for (size_t i = 0; i < parts.size() && go_on(); ++i) {
      if (parts[i].size() == ids.size())  // equal rows, which no leader tells apart
        leaves(parts[i]);
      else
        divide(std::move(parts[i]), level + 1, hash(seed, i), go_on);
    }
  }

  void leaves(const Ids& ids) {
    Meeting meeting(points_, division_.nearest, out_);
    for (size_t from = 0; from < ids.size(); from += division_.leaf)
      meeting.meet(ids.data() + from, std::min(division_.leaf, ids.size() - from));
  }

  Ids leaders_of(const Ids& ids, uint64_t seed) const {
    const size_t count = std::clamp<size_t>((ids.size() + kRowsPerLeader - 1) / kRowsPerLeader, 2, kMostLeaders);
    std::vector<std::pair<uint64_t, uint32_t>> drawn(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) drawn[i] = {hash(seed, ids[i]), ids[i]};
    std::partial_sort(drawn.begin(), drawn.begin() + ptrdiff_t(count), drawn.end());
    Ids leaders(count);
    for (size_t i = 0; i < count; ++i) leaders[i] = drawn[i].second;
    return leaders;
  }

  Columns gathered(const Ids& ids) const {
    std::vector<float> values(ids.size() * points_.dim);
    for (size_t i = 0; i < ids.size(); ++i) std::copy_n(points_.row(ids[i]), points_.dim, &values[i * points_.dim]);
    return Columns(values.data(), ids.size(), points_.dim, 0.5f);
  }

  void nearest_leaders(const Columns& columns, const uint32_t* ids, size_t n, size_t width, uint32_t* nearest) const {
    Greatest greatest(columns.width());
    columns.score(
        0, n, [&](size_t i) { return points_.row(ids[i]); },
        [&](size_t i, float* scores) {
          const Ids& best = greatest.of(scores, columns.width(), width);
          for (size_t w = 0; w < width; ++w) nearest[i * width + w] = best[w];
        });
  }

  // The rows of each leader; small parts are put together.
  std::vector<Ids> split(const Ids& ids, size_t n_leaders, const Ids& nearest, size_t width) const {
    std::vector<Ids> of_leader(n_leaders), parts;
    for (size_t i = 0; i < nearest.size(); ++i) of_leader[nearest[i]].push_back(ids[i / width]);
    Ids few;
    const auto close = [&] {
      std::sort(few.begin(), few.end());
      few.erase(std::unique(few.begin(), few.end()), few.end());
      if (few.size() > 1) parts.push_back(std::move(few));
      few.clear();
    };
    for (Ids& part : of_leader) {
      if (part.size() >= kLeastLeaf) {
        parts.push_back(std::move(part));
        continue;
      }
      few.insert(few.end(), part.begin(), part.end());
      if (few.size() >= kLeastLeaf) close();
    }
    close();
    return parts;
  }

  const Points& points_;
  const Division& division_;
  Neighbors& out_;
};

}  // namespace

Points::Points(const float* values, size_t n, size_t dim, size_t stride)
    : values(values), n(n), dim(dim), stride(stride), half_squares(n) {
  for (size_t i = 0; i < n; ++i) {
    float lanes[16] = {};
    const float* v = row(i);
    for (size_t k = 0; k < dim; ++k) lanes[k % 16] += v[k] * v[k];
    half_squares[i] = 0.5f * std::accumulate(lanes, lanes + 16, 0.0f);
  }
}

std::vector<Neighbor> Neighbors::sorted(size_t row) const {
  std::vector<Neighbor> found(&kept_[row * kKept], &kept_[row * kKept] + counts_[row]);
  std::sort(found.begin(), found.end());
  return found;
}

void Neighbors::add(size_t row, Neighbor neighbor) {
  const std::lock_guard lock(locks_[row % kLocks]);
  Neighbor* kept = &kept_[row * kKept];
  uint32_t& count = counts_[row];
  if (count == kKept && !(neighbor < kept[0])) return;
  for (uint32_t i = 0; i < count; ++i)
    if (kept[i].row == neighbor.row) return;
  if (count == kKept) {
    std::pop_heap(kept, kept + kKept);
    kept[kKept - 1] = neighbor;
    std::push_heap(kept, kept + kKept);
  } else {
    kept[count++] = neighbor;
    if (count == kKept) std::make_heap(kept, kept + kKept);
  }
}

bool find_neighbors(const Points& points, const Division& division, Neighbors& out, int n_threads, const Poll& poll) {
  return Divider(points, division, out).run(n_threads, poll);
}

}  // namespace nearmost
