#include "partition.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "keeper.h"
#include "kernels.h"
#include "query.h"
#include "topk.h"

namespace nearmost {
namespace {

constexpr int kCodeLimit = 127;     // of a query's codes against 4-bit ones
constexpr size_t kGroup = 256;      // queries that are grouped by list
constexpr size_t kFewQueries = 64;  // below this each goes alone
constexpr size_t kAhead = 3;        // rows fetched before they are scored
constexpr size_t kLinesAhead = 24;

// A query in the coordinates of the partition, coded for the lists.
struct Coordinates {
  std::vector<uint8_t> spread;  // as Nibbles wants it
  size_t start = 0;             // of its first cache line
  float step = 0, bias = 0;
  const uint8_t* query() const { return spread.data() + start; }

  void lay(const Partition& p, const uint8_t* codes) {  // codes: halves * 8
    const size_t bytes = (p.halves() + 1) / 2 * 128;
    spread.assign(bytes + 63, 0);
    start = size_t(-reinterpret_cast<intptr_t>(spread.data()) & 63);
    for (size_t h = 0; h < p.halves(); ++h) {
      uint8_t* line = spread.data() + start + h / 2 * 128 + h % 2 * kHalfBytes;
      for (int row = 0; row < kListRows; ++row) {
        std::memcpy(line + row * kWordBytes, codes + h * 8, kWordBytes);
        std::memcpy(line + 64 + row * kWordBytes, codes + h * 8 + kWordBytes, kWordBytes);
      }
    }
  }
};

// Searches with buffers of its own: one a thread.
class Searcher {
 public:
  Searcher(const Partition& p, const Allowed& allowed)
      : p_(p), allowed_(allowed), most_(allowed.most(p.rows.n)), turning_(p.frame, p.axes) {
    cells_.resize(p.cells.blocks * kPanelRows);
  }

  void alone(const float* query, Effort effort, size_t k, int64_t* ids, float* scores) {
    const size_t wanted = std::min(k, most_);
    const size_t all_lists = p_.lists.blocks * kPanelRows, all_cells = cells_.size();
    TopK best;
    for (;;) {
      best.start(wanted);
      effort.lists = std::min(effort.lists, all_lists);
      effort.cells = std::min(effort.cells, all_cells);
      choose(query, effort, own_);
      rows_.start(std::max(effort.rows, wanted));
      const size_t n = lists_.size();
      for (size_t i = 0; i < std::min<size_t>(n, 2); ++i) fetch(lists_.ids()[i]);
      for (size_t i = 0; i < n; ++i) {
        if (i + 2 < n) fetch(lists_.ids()[i + 2]);
        scan(lists_.ids()[i], base_of(i), own_, rows_);
      }
      rescore(query, effort, rows_, best);
      if (best.full() || effort.estimate || (effort.lists == all_lists && effort.cells == all_cells)) break;
      effort = {effort.lists * 4, effort.cells * 4, effort.rows, false};  // too few rows lie there: look further
    }
    write_best(best.sorted(), k, ids, scores);
  }

  // Each query scans its nearest lists by itself, which sets its threshold; the others go list by list, so that a
  // list's codes are read once for several queries.
  void together(const float* queries, size_t n, const Effort& effort, size_t k, int64_t* ids, float* scores,
                const GoOn& go_on) {
    const size_t wanted = std::min(k, most_), dim = p_.rows.dim;
    coordinates_.resize(n);
    keepers_.resize(n);
    jobs_.clear();
    for (size_t q = 0; q < n && go_on(); ++q) {
      const size_t near = std::max<size_t>(1, choose(queries + q * dim, effort, coordinates_[q]) / 2);
      keepers_[q].start(std::max(effort.rows, wanted));
      for (size_t i = 0; i < lists_.size(); ++i) {
        const uint32_t list = lists_.ids()[i];
        if (i < near) {
          if (i + 1 < near && i + 1 < lists_.size()) fetch(lists_.ids()[i + 1]);
          scan(list, base_of(i), coordinates_[q], keepers_[q]);
        } else {
          jobs_.push_back({list, uint32_t(q), base_of(i)});
        }
      }
    }
    sort_jobs();
    for (size_t i = 0; i < sorted_.size(); ++i) {
      if (i + 4 < sorted_.size() && sorted_[i + 4].list != sorted_[i + 3].list) fetch(sorted_[i + 4].list);
      scan(sorted_[i].list, sorted_[i].base, coordinates_[sorted_[i].query], keepers_[sorted_[i].query]);
      if (i % 1024 == 0 && !go_on()) return;
    }
    for (size_t q = 0; q < n && go_on(); ++q) {
      best_.start(wanted);
      rescore(queries + q * dim, effort, keepers_[q], best_);
      if (best_.full() || effort.estimate)
        write_best(best_.sorted(), k, ids + q * k, scores + q * k);
      else
        alone(queries + q * dim, effort, k, ids + q * k, scores + q * k);
    }
  }

 private:
  struct Job {
    uint32_t list, query;
    float base;
  };

  // Leaves the best lists in lists_, the best eighth of them first; returns how many those are.
  size_t choose(const float* query, const Effort& effort, Coordinates& own) {
    const float* inside = turning_.turn(query);
    coded_.code(inside, p_.coded, kCodeLimit);
    own.step = coded_.coded().step;
    own.bias = 7.5f * float(coded_.coded().sum);
    own.lay(p_, coded_.codes());

    coded_.code(inside, p_.frame.turned, kPanelLimit);
    coded_.score(p_.cells, 0, p_.cells.blocks, cells_.data());
    const float least = kernels().cut(cells_.data(), cells_.size(), effort.cells);
    const float good = kernels().cut(cells_.data(), cells_.size(), std::max<size_t>(1, effort.cells / 4));
    lists_.start(std::min(effort.lists, p_.lists.blocks * kPanelRows));
    for (const bool first : {true, false})
      for (size_t g = 0; g < cells_.size(); ++g)
        if (first ? cells_[g] > good : cells_[g] > least && !(cells_[g] > good)) meet_cell(g);
    lists_.shrink();
    return lists_.best_first(std::max<size_t>(1, lists_.size() / 8));
  }

  void meet_cell(size_t cell) {
    constexpr size_t at_a_time = 4;
    const size_t end = std::min<size_t>(p_.cell_first[cell + 1], p_.lists.blocks);
    float scores[at_a_time * kPanelRows];
    for (size_t b = p_.cell_first[cell]; b < end; b += at_a_time) {
      const size_t to = std::min(end, b + at_a_time), n = (to - b) * kPanelRows;
      coded_.score(p_.lists, b, to, scores);
      const size_t found = kernels().select(scores, n, lists_.threshold(), lists_.ids_end());
      float* kept = lists_.scores_end();
      uint32_t* ids = lists_.ids_end();
      for (size_t i = 0; i < found; ++i) {
        kept[i] = scores[ids[i]];
        ids[i] += uint32_t(b * kPanelRows);
      }
      lists_.add(found);
    }
  }

  // What a list's score contributes to its rows' scores: for euclidean the row's own offset takes the bias back.
  float base_of(size_t i) {
    const float score = lists_.scores()[i];
    return p_.offsets() ? score : score - p_.lists.biases[lists_.ids()[i]];
  }

  size_t first_block(uint32_t list) const { return std::min<size_t>(p_.list_first[list], p_.n_blocks); }

  void fetch(uint32_t list) const {
    const uint8_t* from = p_.blocks + first_block(list) * p_.block_bytes();
    const uint8_t* end = p_.blocks + first_block(list + 1) * p_.block_bytes();
    for (size_t line = 0; line < kLinesAhead && from < end; ++line, from += 64) __builtin_prefetch(from);
  }

  void scan(uint32_t list, float base, const Coordinates& own, Keeper& keeper) const {
    constexpr size_t at_a_time = Keeper::kRoom / kListRows;
    const size_t end = first_block(list + 1);
    for (size_t b = first_block(list); b < end; b += at_a_time) {
      const size_t n = std::min(at_a_time, end - b);
      const Nibbles blocks = {p_.blocks + b * p_.block_bytes(),
                              ptrdiff_t(n),
                              ptrdiff_t(p_.halves()),
                              own.query(),
                              own.step,
                              own.bias,
                              base,
                              p_.offsets()};
      uint32_t* slots = keeper.ids_end();
      const size_t found = kernels().nibbles(blocks, keeper.threshold(), keeper.scores_end(), slots);
      size_t kept = 0;
      float* scores = keeper.scores_end();
      for (size_t i = 0; i < found; ++i) {
        const size_t slot = b * kListRows + slots[i];
        if (allowed_.marks && !may_be_found(p_.slots[slot])) continue;
        scores[kept] = scores[i];
        slots[kept++] = uint32_t(slot);
      }
      keeper.add(kept);
    }
  }

  bool may_be_found(uint32_t row) const { return row < p_.rows.n && allowed_.marks[row]; }

  void rescore(const float* query, const Effort& effort, Keeper& keeper, TopK& best) {
    keeper.settle();
    uint32_t* rows = keeper.ids();
    float* estimates = keeper.scores();
    size_t n = 0;
    for (size_t i = 0; i < keeper.size(); ++i) {
      const uint32_t row = p_.slots[rows[i]];
      if (row >= p_.rows.n) continue;  // of a damaged file
      rows[n] = row;
      estimates[n++] = estimates[i];
    }
    for (size_t i = 0; effort.estimate && i < n; ++i) best.add({estimates[i], int64_t(rows[i])});
    if (effort.estimate) return;
    exact_.resize(p_.rows.dim);
    row_.resize(p_.rows.dim);
    const Query exact(p_.rows, p_.packed, query, exact_.data(), row_.data());
    for (size_t i = 0; i < std::min(n, kAhead); ++i) exact.prefetch(rows[i]);
    for (size_t i = 0; i < n; ++i) {
      if (i + kAhead < n) exact.prefetch(rows[i + kAhead]);
      best.add({exact.score(rows[i]), int64_t(rows[i])});
    }
  }

  // By list, and within a list by query.
  void sort_jobs() {
    counts_.assign(p_.lists.blocks * kPanelRows + 1, 0);
    for (const Job& job : jobs_) ++counts_[job.list + 1];
    for (size_t l = 1; l < counts_.size(); ++l) counts_[l] += counts_[l - 1];
    sorted_.resize(jobs_.size());
    for (const Job& job : jobs_) sorted_[counts_[job.list]++] = job;
  }

  const Partition& p_;
  const Allowed& allowed_;
  const size_t most_;  // rows that may be found
  TopK best_;
  Turning turning_;
  CodedQuery coded_;
  std::vector<double> exact_;
  std::vector<float> row_, cells_;
  Keeper lists_, rows_;
  Coordinates own_;
  std::vector<Coordinates> coordinates_;
  std::vector<Keeper> keepers_;
  std::vector<Job> jobs_, sorted_;
  std::vector<uint32_t> counts_;
};

}  // namespace

bool search(const Partition& partition, const Effort& effort, const Allowed& allowed, const float* queries,
            size_t n_queries, size_t k, int64_t* ids, float* scores, int n_threads, const Poll& poll) {
  if (n_queries == 0 || k == 0) return true;
  const size_t dim = partition.rows.dim;
  if (n_queries < kFewQueries)
    return parallel_for(n_queries, n_threads, poll, [&](size_t q, const GoOn&) {
      Searcher(partition, allowed).alone(queries + q * dim, effort, k, ids + q * k, scores + q * k);
    });
  return parallel_for((n_queries + kGroup - 1) / kGroup, n_threads, poll, [&](size_t group, const GoOn& go_on) {
    const size_t q = group * kGroup;
    Searcher(partition, allowed)
        .together(queries + q * dim, std::min(kGroup, n_queries - q), effort, k, ids + q * k, scores + q * k, go_on);
  });
}

}  // namespace nearmost
