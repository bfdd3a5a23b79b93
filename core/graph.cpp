#include "graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "columns.h"
#include "kernels.h"
#include "query.h"
#include "topk.h"

namespace nearmost {
namespace {

constexpr size_t kGroup = 64;    // queries of one item of work
constexpr size_t kTogether = 4;  // walks of one thread that take turns, so that one's memory comes while others compute
constexpr size_t kAhead = 4;     // rows fetched before they are scored
constexpr size_t kMostOpened = 64;  // rows opened for each that is scored: only where very many are equally near
constexpr float kWeightLimit = 127;
constexpr int kMostShift = 6;

float half_width(float most) { return most > 1e-30f ? most : 1e-30f; }

// Walks for one query after another, with buffers of its own.
class Walker {
 public:
  Walker(const Graph& graph, const Reach& reach, const Allowed& allowed, size_t width)
      : g_(graph),
        reach_(reach),
        width_(width),
        wanted_(std::min(width, allowed.most(graph.rows.n))),
        turning_(graph.frame, graph.axes),
        weights_(2 * graph.digits.bytes() + kLine),
        worths_(2 * graph.digits.bytes()),
        seen_((graph.rows.n + 31) / 32),
        exact_(graph.rows.dim),
        row_(graph.rows.dim) {
    scored_ = std::max({reach.rows, reach.k, size_t(1)});
    w_ = {};
    w_.codes = g_.codes;
    w_.links = g_.links;
    w_.marks = allowed.marks;
    w_.n = uint32_t(g_.rows.n);
    w_.lines = g_.digits.lines;
    w_.offsets = g_.offsets();
    w_.margin = reach.margin;
    w_.k = std::clamp<size_t>(reach.k, 1, scored_);
    w_.room = (scored_ + 7) / 8 * 8;
    w_.most = kMostOpened * scored_;
    weights_start_ = weights_.data() + (size_t(-reinterpret_cast<intptr_t>(weights_.data())) & (kLine - 1));
    w_.weights = weights_start_;
    for (std::vector<int64_t>& sorted : sorted_) sorted.resize(w_.room + 1);
  }

  void start(const float* query, int64_t without, int64_t* ids, float* scores) {
    query_ = query;
    ids_ = ids;
    scores_ = scores;
    if (wanted_ == 0) return;
    weigh(turning_.turn(query));
    for (std::vector<int64_t>& sorted : sorted_) {
      std::fill(sorted.begin(), sorted.end(), kNoEntry);
      sorted[0] = INT64_MIN;
    }
    w_.best = sorted_[0].data() + 1;
    w_.spare = sorted_[1].data() + 1;
    w_.limit = kNoEntry;
    w_.n_met = w_.n_new = w_.n_open = w_.opened = 0;
    if (without >= 0) see(uint32_t(without));
    make_room(g_.n_entries);
    w_.n_new = 0;  // the row to go without is not scored
    for (size_t e = 0; e < g_.n_entries; ++e)
      if (see(g_.entries[e])) ++w_.n_new;
    kernels().meet(w_);
    w_.n_new = 0;
  }

  // One step of the walk; false where it has ended.
  bool step() {
    if (wanted_ == 0) return false;
    make_room(0);
    return kernels().open(w_);
  }
  void meet() {
    if (w_.n_new > 0) kernels().meet(w_);
  }

  // Between the end of the walk and finish(): the first rows' exact values are on their way.
  void fetch() {
    forget();
    exact_query_.emplace(g_.rows, g_.packed, query_, exact_.data(), row_.data());
    for (size_t i = 0; i < std::min(found(), kAhead); ++i) exact_query_->prefetch(row(i));
  }

  void finish() {
    const size_t n = found();
    best_.start(wanted_);
    for (size_t i = 0; i < n; ++i) {
      if (reach_.estimate) {
        best_.add({-double(w_.best[i] >> 32), int64_t(row(i))});
        continue;
      }
      if (i + kAhead < n) exact_query_->prefetch(row(i + kAhead));
      best_.add({exact_query_->score(row(i)), int64_t(row(i))});
    }
    write_best(best_.sorted(), width_, ids_, scores_);
  }

 private:
  uint32_t row(size_t i) const { return uint32_t(w_.best[i]); }

  size_t found() const {
    if (wanted_ == 0) return 0;
    const int64_t* end = w_.best + scored_;
    return size_t(std::lower_bound<const int64_t*>(w_.best, end, kNoEntry) - w_.best);
  }

  bool see(uint32_t row) {
    if (row >= w_.n || (seen_[row >> 5] >> (row & 31) & 1)) return false;
    make_room(0);
    seen_[row >> 5] |= 1u << (row & 31);
    w_.met[w_.n_met++] = row;
    return true;
  }

  void forget() {
    if (w_.n_met * 4 < seen_.size())
      for (size_t i = 0; i < w_.n_met; ++i) seen_[w_.met[i] >> 5] = 0;
    else
      std::fill(seen_.begin(), seen_.end(), 0);
  }

  void make_room(size_t more) {
    const size_t met = w_.n_met + more + kWalkRoom + 16, open = w_.n_open + std::max(more, w_.n_new) + kWalkRoom;
    if (met_.size() < met) met_.resize(2 * met);
    if (open_.size() < open) open_.resize(2 * open);
    w_.seen = seen_.data();
    w_.met = met_.data();
    w_.open = open_.data();
  }

  // The weights of digits: what a step of each adds to the product, on two scales a power of two apart.
  void weigh(const float* turned) {
    const Digits& d = g_.digits;
    const size_t half = d.bytes(), dim = g_.frame.turned;
    float most[2] = {0, 0};
    for (size_t place = 0; place < 2 * half; ++place) {
      const uint32_t k = d.places[place] >> 1;
      const float worth = k < dim ? turned[k] * d.steps[k] * (d.places[place] & 1 ? 16.0f : 1.0f) : 0;
      worths_[place] = worth;
      most[place >= half] = std::max(most[place >= half], std::fabs(worth));
    }
    const float low = half_width(most[0]), high = half_width(most[1]);
    w_.shift = 0;
    while (w_.shift < kMostShift && low * float(2 << w_.shift) <= high) ++w_.shift;
    const float per_high = kWeightLimit / std::max(high, low * float(1 << w_.shift));
    const float per_low = per_high * float(1 << w_.shift);
    for (size_t place = 0; place < 2 * half; ++place) {
      float weight = worths_[place] * (place < half ? per_low : per_high);
      weight = weight < kWeightLimit ? weight : kWeightLimit;  // in this order NaN, of a damaged file, is a number too
      weight = weight > -kWeightLimit ? weight : -kWeightLimit;
      weights_start_[place] = int8_t(int(weight + std::copysign(0.5f, weight)));
    }
    double apart = 0, origin = 0;
    for (size_t k = 0; k < dim; ++k) apart += double(turned[k]) * d.lows[k];
    const std::vector<float>& inner = turning_.inner();
    for (size_t k = 0; k < inner.size(); ++k) origin += double(inner[k]) * (g_.offsets() ? inner[k] : g_.frame.mean[k]);
    w_.origin = float(g_.offsets() ? origin - 2 * apart : 2 - 2 * (origin + apart));
    w_.step = 2 / per_low;
    w_.per_key = g_.offsets() ? per_low / 2 : 0;
  }

  const Graph& g_;
  const Reach& reach_;
  const size_t width_, wanted_;  // places for answers, and answers that there are
  size_t scored_ = 0;
  Turning turning_;
  std::vector<int8_t> weights_;
  int8_t* weights_start_;
  std::vector<float> worths_;
  std::vector<uint32_t> seen_, met_;
  std::vector<int64_t> sorted_[2], open_;
  std::vector<double> exact_;
  std::vector<float> row_;
  std::optional<Query> exact_query_;
  TopK best_;
  Walk w_;
  const float* query_ = nullptr;
  int64_t* ids_ = nullptr;
  float* scores_ = nullptr;
};

}  // namespace

bool pack_codes(const Digits& digits, const float* inside, const float* half_squares, size_t n, size_t turned,
                uint8_t* codes, int n_threads, const Poll& poll) {
  const size_t bytes = digits.bytes();
  return parallel_parts(n, 1024, n_threads, poll, [&](size_t from, size_t to) {
    std::vector<uint8_t> whole(turned);
    std::vector<float> per_step(turned), most(turned);
    for (size_t place = 0; place < 2 * bytes; ++place) {
      const uint32_t k = digits.places[place] >> 1;
      if (k < turned) most[k] = std::max(most[k], digits.places[place] & 1 ? 255.0f : 15.0f);
    }
    for (size_t k = 0; k < turned; ++k) per_step[k] = digits.steps[k] > 0 ? 1 / digits.steps[k] : 0;
    for (size_t i = from; i < to; ++i) {
      const float* row = inside + i * turned;
      uint8_t* code = codes + i * bytes;
      std::memset(code, 0, bytes);
      for (size_t k = 0; k < turned; ++k)
        whole[k] = uint8_t(std::clamp((row[k] - digits.lows[k]) * per_step[k] + 0.5f, 0.0f, most[k]));
      for (size_t place = 0; place < 2 * bytes; ++place) {
        const uint32_t k = digits.places[place] >> 1;
        if (k >= turned) continue;
        const int digit = digits.places[place] & 1 ? whole[k] >> 4 : whole[k] & 15;
        code[place % bytes] |= uint8_t(place < bytes ? digit : digit << 4);
      }
      const float square = half_squares ? half_squares[i] * 2 : 0;
      if (half_squares) std::memcpy(code + bytes - sizeof square, &square, sizeof square);
    }
  });
}

bool search(const Graph& graph, const Reach& reach, const Allowed& allowed, const float* queries, size_t n_queries,
            size_t width, int64_t* ids, float* scores, int n_threads, const Poll& poll) {
  if (n_queries == 0 || width == 0) return true;
  const auto start = [&](Walker& walker, size_t q) {
    walker.start(queries + q * graph.rows.dim, reach.without ? reach.without[q] : -1, ids + q * width,
                 scores + q * width);
  };
  return parallel_for((n_queries + kGroup - 1) / kGroup, n_threads, poll, [&](size_t group, const GoOn& go_on) {
    size_t next = group * kGroup;
    const size_t end = std::min(n_queries, next + kGroup);
    enum class Turn { walks, scores, rests };
    std::vector<Walker> walkers;
    std::vector<Turn> turns;
    walkers.reserve(kTogether);
    for (; next < end && walkers.size() < kTogether; ++next) {
      walkers.emplace_back(graph, reach, allowed, width);
      turns.push_back(Turn::walks);
      start(walkers.back(), next);
    }
    for (size_t busy = walkers.size(); busy > 0 && go_on();)
      for (size_t i = 0; i < walkers.size(); ++i) {
        Walker& walker = walkers[i];
        if (turns[i] == Turn::walks) {
          walker.meet();
        } else if (turns[i] == Turn::scores) {
          walker.finish();
          turns[i] = next < end ? Turn::walks : Turn::rests;
          if (next < end)
            start(walker, next++);
          else
            --busy;
        }
        if (turns[i] == Turn::walks && !walker.step()) {
          walker.fetch();
          turns[i] = Turn::scores;
        }
      }
  });
}

}  // namespace nearmost
