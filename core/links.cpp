#include "links.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "columns.h"
#include "gathered.h"

namespace nearmost {
namespace {

constexpr float kRelief = 1.2f;  // a link is spared where another one leads so much nearer (squared)
constexpr float kReliefStep = 1.1f;
constexpr float kLeast = 1e-12f;  // distance of equal rows
constexpr size_t kMostConsidered = 160;
constexpr size_t kFirst = 24;          // links of a row before others lead back: more only make each choose twice
constexpr uint32_t kFewLeadThere = 2;  // links to a row, if that can be had
constexpr size_t kPart = 256;
constexpr float kTaken = std::numeric_limits<float>::infinity();

using Row = std::vector<uint32_t>;

// Chooses among candidates, nearest first, those that no other chosen one leads to: RobustPrune of Vamana (Subramanya
// et al. 2019), with the relief grown in steps as in DiskANN.
class Chooser {
 public:
  explicit Chooser(const Points& points) : points_(points), gathered_(points) {}

  void choose(const std::vector<Neighbor>& candidates, Row& chosen, size_t most) {
    const size_t m = candidates.size();
    chosen.clear();
    if (m == 0) return;
    gather(candidates);
    // Of each candidate: how many times nearer than the row itself the nearest chosen one lies.
    hidden_.assign(m, 0);
    for (float relief = 1; chosen.size() < most; relief = std::min(relief * kReliefStep, kRelief)) {
      for (size_t i = 0; i < m && chosen.size() < most; ++i)
        if (hidden_[i] <= relief) {
          chosen.push_back(candidates[i].row);
          take(i);
        }
      if (relief >= kRelief) break;
    }
  }

 private:
  void gather(const std::vector<Neighbor>& candidates) {
    const size_t m = candidates.size();
    gathered_.gather(m, [&](size_t i) { return candidates[i].row; });
    halves_.resize(m);
    distances_.resize(m);
    for (size_t i = 0; i < m; ++i) {
      halves_[i] = points_.half_squares[candidates[i].row];
      distances_[i] = candidates[i].distance;
    }
    known_.assign(gathered_.width() / kCrossRows, 0);
  }

  // The products of candidate i with those behind it.
  const float* products(size_t i) {
    uint8_t& known = known_[i / kCrossRows];
    if (!known) gathered_.multiply(i);
    known = 1;
    return gathered_.products(i);
  }

  void take(size_t i) {
    const float *with = products(i), *halves = halves_.data(), *distances = distances_.data();
    const float half = halves[i];
    float* hidden = hidden_.data();
    hidden[i] = kTaken;
    for (size_t j = i + 1; j < hidden_.size(); ++j) {
      const float apart = 2 * (half + halves[j]) - 2 * with[j];  // as Points::distance
      const float nearer = distances[j] / (apart > kLeast ? apart : kLeast);
      hidden[j] = hidden[j] > nearer ? hidden[j] : nearer;
    }
  }

  const Points& points_;
  Gathered gathered_;
  std::vector<float> halves_, distances_, hidden_;
  std::vector<uint8_t> known_;
};

class Linker {
 public:
  Linker(const Points& points, const uint32_t* entries, size_t n_entries, uint32_t* links)
      : points_(points), entries_(entries), n_entries_(n_entries), links_(links), counts_(points.n) {}

  bool run(const Neighbors& neighbors, int n_threads, const Poll& poll) {
    return choose(neighbors, n_threads, poll) && lead_back(n_threads, poll) && (repair(), true);
  }

 private:
  uint32_t* row(size_t i) { return links_ + i * kLinks; }
  void write(size_t i, const Row& chosen) {
    std::copy(chosen.begin(), chosen.end(), row(i));
    std::fill(row(i) + chosen.size(), row(i) + kLinks, uint32_t(i));
    counts_[i] = uint32_t(chosen.size());
  }
  bool leads(size_t from, uint32_t to) {
    return std::find(row(from), row(from) + counts_[from], to) != row(from) + counts_[from];
  }

  bool choose(const Neighbors& neighbors, int n_threads, const Poll& poll) {
    return parallel_parts(points_.n, kPart, n_threads, poll, [&](size_t from, size_t to) {
      Chooser chooser(points_);
      Row chosen;
      for (size_t i = from; i < to; ++i) {
        chooser.choose(neighbors.sorted(i), chosen, kFirst);
        write(i, chosen);
      }
    });
  }

  // Links lead both ways, where there is room; else the best of them are chosen.
  bool lead_back(int n_threads, const Poll& poll) {
    const size_t n = points_.n;
    std::vector<size_t> start(n + 1);
    for (size_t i = 0; i < n; ++i)
      for (size_t l = 0; l < counts_[i]; ++l) ++start[row(i)[l] + 1];
    std::partial_sum(start.begin(), start.end(), start.begin());
    Row from_where(start[n]);
    std::vector<size_t> at(start.begin(), start.end() - 1);
    for (size_t i = 0; i < n; ++i)
      for (size_t l = 0; l < counts_[i]; ++l) from_where[at[row(i)[l]]++] = uint32_t(i);
    return parallel_parts(n, kPart, n_threads, poll, [&](size_t from, size_t to) {
      Chooser chooser(points_);
      Row chosen;
      std::vector<Neighbor> candidates;
      for (size_t i = from; i < to; ++i) {
        chosen.assign(row(i), row(i) + counts_[i]);
        for (size_t j = start[i]; j < start[i + 1]; ++j)
          if (std::find(row(i), row(i) + counts_[i], from_where[j]) == row(i) + counts_[i])
            chosen.push_back(from_where[j]);
        if (chosen.size() > kLinks) {
          candidates.clear();
          for (const uint32_t other : chosen) points_.fetch(other);
          for (const uint32_t other : chosen) candidates.push_back({distance(uint32_t(i), other), other});
          std::sort(candidates.begin(), candidates.end());
          if (candidates.size() > kMostConsidered) candidates.resize(kMostConsidered);
          chooser.choose(candidates, chosen, kLinks);
        }
        write(i, chosen);
      }
    });
  }

  float distance(uint32_t a, uint32_t b) const {
    const float *x = points_.row(a), *y = points_.row(b);
    float lanes[16] = {};
    size_t k = 0;
    for (; k + 16 <= points_.dim; k += 16)
      for (size_t j = 0; j < 16; ++j) lanes[j] += (x[k + j] - y[k + j]) * (x[k + j] - y[k + j]);
    for (; k < points_.dim; ++k) lanes[0] += (x[k] - y[k]) * (x[k] - y[k]);
    return std::accumulate(lanes, lanes + 16, 0.0f);
  }

  // Some links lead to every row, and every row is reached from the entries.
  void repair() {
    led_to_.assign(points_.n, 0);
    for (size_t i = 0; i < points_.n; ++i)
      for (size_t l = 0; l < counts_[i]; ++l) ++led_to_[row(i)[l]];
    for (uint32_t i = 0; i < points_.n; ++i) {
      if (led_to_[i] >= kFewLeadThere) continue;
      std::vector<Neighbor> near;
      for (size_t l = 0; l < counts_[i]; ++l) near.push_back({distance(i, row(i)[l]), row(i)[l]});
      std::sort(near.begin(), near.end());
      for (size_t l = 0; l < near.size() && led_to_[i] < kFewLeadThere; ++l) lead(near[l].row, i);
    }
    reached_.assign(points_.n, 0);
    for (size_t e = 0; e < n_entries_; ++e) reach(entries_[e]);
    for (uint32_t i = 0; i < points_.n; ++i) {
      if (reached_[i]) continue;
      bool led = false;
      for (size_t l = 0; l < counts_[i] && !led; ++l) led = reached_[row(i)[l]] && lead(row(i)[l], i);
      for (size_t e = 0; e < n_entries_ && !led; ++e) led = lead(entries_[(i + e) % n_entries_], i);
      reach(i);
    }
  }

  // A new link; from a full row it takes the place of the farthest one whose row others lead to as well.
  bool lead(uint32_t from, uint32_t to) {
    if (from == to || leads(from, to)) return false;
    if (counts_[from] < kLinks) {
      row(from)[counts_[from]++] = to;
      ++led_to_[to];
      return true;
    }
    uint32_t* given_up = nullptr;
    float farthest = -1;
    for (uint32_t* l = row(from); l < row(from) + kLinks; ++l) {
      if (led_to_[*l] <= kFewLeadThere + 1) continue;
      const float apart = distance(from, *l);
      if (apart > farthest) {
        farthest = apart;
        given_up = l;
      }
    }
    if (!given_up) return false;
    --led_to_[*given_up];
    *given_up = to;
    ++led_to_[to];
    return true;
  }

  // Marks everything that links lead to from here.
  void reach(uint32_t from) {
    if (reached_[from]) return;
    reached_[from] = 1;
    for (Row left = {from}; !left.empty();) {
      const uint32_t at = left.back();
      left.pop_back();
      for (size_t l = 0; l < counts_[at]; ++l)
        if (!reached_[row(at)[l]]) {
          reached_[row(at)[l]] = 1;
          left.push_back(row(at)[l]);
        }
    }
  }

  const Points& points_;
  const uint32_t* entries_;
  const size_t n_entries_;
  uint32_t* links_;
  Row counts_, led_to_;
  std::vector<uint8_t> reached_;
};

}  // namespace

bool link(const Points& points, const Neighbors& neighbors, const uint32_t* entries, size_t n_entries, uint32_t* links,
          int n_threads, const Poll& poll) {
  return Linker(points, entries, n_entries, links).run(neighbors, n_threads, poll);
}

}  // namespace nearmost
