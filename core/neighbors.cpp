#include "neighbors.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>

#include "columns.h"
#include "random.h"

namespace nearmost {
namespace {

constexpr size_t kLocks = 1024, kPart = 960;
constexpr size_t kLeastLeaf = 32;  // fewer are put together with others
constexpr size_t kMostLeaders = 1000, kRowsPerLeader = 100;
constexpr int kDeepest = 30;

using Ids = std::vector<uint32_t>;

// A hash of a row that does not depend on where it stands.
uint64_t hash(uint64_t seed, uint64_t row) { return Random(seed ^ Random(row).next()).next(); }

// The `wanted` greatest of n numbers, a multiple of 16; the first of equal ones.
class Greatest {
 public:
  explicit Greatest(size_t n) : positions_(n + 16) {}

  const std::vector<uint32_t>& of(const float* numbers, size_t n, size_t wanted) {
    float lanes[16];
    std::copy(numbers, numbers + 16, lanes);
    for (size_t i = 16; i < n; i += 16)
      for (size_t j = 0; j < 16; ++j) lanes[j] = numbers[i + j] > lanes[j] ? numbers[i + j] : lanes[j];
    std::sort(lanes, lanes + 16, std::greater<>());  // that many lanes reach it, so that many numbers do
    const size_t found = kernels().select(numbers, n, lanes[std::min<size_t>(wanted, 16) - 1], positions_.data());
    best_.assign(positions_.begin(), positions_.begin() + ptrdiff_t(found));
    const auto before = [&](uint32_t a, uint32_t b) {
      return numbers[a] != numbers[b] ? numbers[a] > numbers[b] : a < b;
    };
    if (found > wanted) {
      std::nth_element(best_.begin(), best_.begin() + ptrdiff_t(wanted) - 1, best_.end(), before);
      best_.resize(wanted);
    }
    std::sort(best_.begin(), best_.end(), before);
    return best_;
  }

 private:
  std::vector<uint32_t> positions_, best_;
};

class Divider {
 public:
  Divider(const Points& points, const Division& division, Neighbors& out)
      : points_(points), division_(division), out_(out), locks_(kLocks) {}

  bool run(int n_threads, const Poll& poll) {
    Ids all(points_.n);
    std::iota(all.begin(), all.end(), 0);
    if (all.size() <= division_.leaf) {
      leaf(all.data(), all.size());
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
    for (size_t from = 0; from < ids.size(); from += division_.leaf)
      leaf(ids.data() + from, std::min(division_.leaf, ids.size() - from));
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
        [&](size_t i, const float* scores) {
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

  // All rows of a leaf against each other.
  void leaf(const uint32_t* ids, size_t m) {
    if (m < 2) return;
    const size_t dim = points_.dim, wanted = std::min(division_.nearest, m - 1);
    std::vector<float> values(m * dim);
    for (size_t i = 0; i < m; ++i) std::copy_n(points_.row(ids[i]), dim, &values[i * dim]);
    const Columns columns(values.data(), m, dim, 0);
    const size_t width = columns.width();
    std::vector<float> halves(width, 1e30f), near(width);
    for (size_t i = 0; i < m; ++i) halves[i] = points_.half_squares[ids[i]];
    Greatest greatest(width);
    columns.score(
        0, m, [&](size_t i) { return &values[i * dim]; },
        [&](size_t i, const float* products) {
          for (size_t j = 0; j < width; ++j) near[j] = products[j] - halves[j];
          near[i] = -3e38f;
          for (const uint32_t j : greatest.of(near.data(), width, wanted)) {
            const uint32_t a = ids[i], b = ids[j];
            const float distance = points_.distance(a, b, products[j]);
            remember(a, {distance, b});
            remember(b, {distance, a});
          }
        });
  }

  void remember(uint32_t row, Neighbor neighbor) {
    const std::lock_guard lock(locks_[row % kLocks]);
    out_.add(row, neighbor);
  }

  const Points& points_;
  const Division& division_;
  Neighbors& out_;
  std::vector<std::mutex> locks_;
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
  Neighbor* kept = &kept_[row * kKept];
  uint32_t& count = counts_[row];
  if (count == kKept && !(neighbor < kept[0])) return;
  bool known = false;
  for (uint32_t i = 0; i < count; ++i) known |= kept[i].row == neighbor.row;
  if (known) return;
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
