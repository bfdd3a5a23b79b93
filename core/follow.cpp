#include "follow.h"

#include <algorithm>
#include <atomic>

#include "columns.h"
#include "meeting.h"

namespace nearmost {
namespace {

constexpr size_t kPart = 960;
constexpr size_t kAsked = 64, kTrue = 10;  // rows by which links are judged, and how many of the nearest of each
constexpr size_t kBlock = 1024;

using Ids = std::vector<uint32_t>;

// Appends those of a row's links that are rows.
void add_linked(const uint32_t* links, size_t row, size_t n, Ids& ids) {
  for (const uint32_t* l = links + row * kLinks; l < links + (row + 1) * kLinks; ++l)
    if (*l < n) ids.push_back(*l);
}

// Without those that stand there twice; they come into order.
void make_distinct(Ids& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

// The rows nearest to each of four, nearest first, themselves left out.
class Nearest {
 public:
  explicit Nearest(const Points& points) : points_(points) {}

  void find(const uint32_t* asked, std::vector<Neighbor>* found) {
    const float* rows[kCrossRows];
    for (int r = 0; r < kCrossRows; ++r) {
      rows[r] = points_.row(asked[r]);
      found[r].clear();
    }
    for (size_t from = 0; from < points_.n; from += kBlock) {
      for (size_t j = 0; j < kBlock; ++j) others_[j] = points_.row(std::min(from + j, points_.n - 1));
      kernels().cross({rows, others_, ptrdiff_t(kBlock), ptrdiff_t(points_.dim), products_, ptrdiff_t(kBlock)});
      for (int r = 0; r < kCrossRows; ++r)
        for (size_t j = 0; j < std::min(kBlock, points_.n - from); ++j)
          keep(found[r], asked[r], uint32_t(from + j), products_[size_t(r) * kBlock + j]);
    }
  }

 private:
  void keep(std::vector<Neighbor>& found, uint32_t asked, uint32_t row, float product) const {
    const Neighbor neighbor = {points_.distance(asked, row, product), row};
    if (row == asked || (found.size() == kTrue && !(neighbor < found.back()))) return;
    if (found.size() == kTrue) found.pop_back();
    found.insert(std::upper_bound(found.begin(), found.end(), neighbor), neighbor);
  }

  const Points& points_;
  const float* others_[kBlock];
  float products_[kCrossRows * kBlock];
};

}  // namespace

double reached_by_links(const Points& points, const uint32_t* links, int n_threads, const Poll& poll) {
  std::atomic<size_t> wanted{0}, reached{0};
  const size_t n = points.n;
  const bool done = n > 0 && parallel_for(kAsked / kCrossRows, n_threads, poll, [&](size_t item, const GoOn&) {
                      uint32_t asked[kCrossRows];
                      for (size_t r = 0; r < kCrossRows; ++r) asked[r] = uint32_t((item * kCrossRows + r) * n / kAsked);
                      std::vector<Neighbor> nearest[kCrossRows];
                      Nearest(points).find(asked, nearest);
                      for (size_t r = 0; r < kCrossRows; ++r) {
                        Ids one, two;
                        add_linked(links, asked[r], n, one);
                        two = one;
                        for (const uint32_t row : one) add_linked(links, row, n, two);
                        make_distinct(two);
                        wanted += nearest[r].size();
                        for (const Neighbor& neighbor : nearest[r])
                          reached += std::binary_search(two.begin(), two.end(), neighbor.row);
                      }
                    });
  return done && wanted > 0 ? double(reached) / double(wanted) : 0;
}

bool follow_links(const Points& points, const uint32_t* links, size_t nearest, Neighbors& out, int n_threads,
                  const Poll& poll) {
  return parallel_parts(points.n, kPart, n_threads, poll, [&](size_t from, size_t to) {
    Meeting meeting(points, nearest, out);
    Ids ids, next;
    const auto fetch = [&](size_t row) {
      next.assign(1, uint32_t(row));
      add_linked(links, row, points.n, next);
      make_distinct(next);
      for (const uint32_t each : next) points.fetch(each);
    };
    fetch(from);
    for (size_t i = from; i < to; ++i) {
      ids.swap(next);
      if (i + 1 < to) fetch(i + 1);
      meeting.meet(ids.data(), ids.size());
    }
  });
}

}  // namespace nearmost
