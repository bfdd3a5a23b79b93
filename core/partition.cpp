#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "candidates.h"
#include "keeper.h"
#include "kernels.h"
#include "partitions.h"
#include "topk.h"

namespace nearmost {
namespace {

constexpr int kCodeLimit = 127;     // of a query's codes against 4-bit ones
constexpr size_t kGroup = 256;      // queries that are grouped by list
constexpr size_t kFewQueries = 64;  // below this each goes alone
constexpr size_t kLinesAhead = 40;
constexpr size_t kListsAhead = 3;

// A query in the coordinates of the partition, coded for the lists.
struct Coordinates {
  std::vector<uint8_t> spread;  // as Nibbles wants it
  size_t start = 0;             // of its first cache line
  float step = 0, bias = 0;
  bool known = false;
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

// A query as each of the parts sees it.
struct Seen {
  const float* query = nullptr;
  std::vector<Coordinates> frames;  // one for each coordinate system
  std::vector<float> offsets;       // (parts,) what is added to their scores
};

// Searches with buffers of its own: one a thread.
class Searcher {
 public:
  Searcher(const Partitions& whole, const Allowed& allowed)
      : whole_(whole),
        lists_of_(whole.lists()),
        allowed_(allowed),
        most_(allowed.most(whole.n_rows())),
        turning_(lists_of_.frame, lists_of_.axes),
        turnings_(whole.n_frames()),
        cells_(lists_of_.cells.blocks * kPanelRows),
        candidates_(whole) {}

  void alone(const float* query, Effort effort, size_t k, int64_t* ids, float* scores) {
    const size_t wanted = std::min(k, most_);
    const size_t all_lists = n_lists(), all_cells = cells_.size();
    TopK best;
    for (;;) {
      best.start(wanted);
      effort.lists = std::min(effort.lists, all_lists);
      effort.cells = std::min(effort.cells, all_cells);
      choose(query, effort, own_);
      rows_.start(std::max(effort.rows, wanted));
      const size_t n = lists_.size();
      for (size_t i = 0; i < std::min(n, kListsAhead); ++i) fetch(lists_.ids()[i]);
      for (size_t i = 0; i < n; ++i) {
        if (i + kListsAhead < n) fetch(lists_.ids()[i + kListsAhead]);
        scan(lists_.ids()[i], lists_.scores()[i], own_, rows_);
      }
      candidates_.rescore(query, effort.estimate, rows_, best);
      if (best.full() || effort.estimate || (effort.lists == all_lists && effort.cells == all_cells)) break;
      effort = {effort.lists * 4, effort.cells * 4, effort.rows, false};  // too few rows lie there: look further
    }
    write_best(best.sorted(), k, ids, scores);
  }

  // Each query scans its nearest lists by itself, which sets its threshold; the others go list by list, so that a
  // list's codes are read once for several queries.
  void together(const float* queries, size_t n, const Effort& effort, size_t k, int64_t* ids, float* scores,
                const GoOn& go_on) {
    const size_t wanted = std::min(k, most_), dim = whole_.rows().dim;
    seen_.resize(n);
    keepers_.resize(n);
    jobs_.clear();
    for (size_t q = 0; q < n && go_on(); ++q) {
      const size_t near = std::max<size_t>(1, choose(queries + q * dim, effort, seen_[q]) / 2);
      keepers_[q].start(std::max(effort.rows, wanted));
      for (size_t i = 0; i < lists_.size(); ++i) {
        const uint32_t list = lists_.ids()[i];
        if (i < near) {
          if (i + 1 < near && i + 1 < lists_.size()) fetch(lists_.ids()[i + 1]);
          scan(list, lists_.scores()[i], seen_[q], keepers_[q]);
        } else {
          jobs_.push_back({list, uint32_t(q), lists_.scores()[i]});
        }
      }
    }
    sort_jobs();
    for (size_t i = 0; i < sorted_.size(); ++i) {
      if (i + 4 < sorted_.size() && sorted_[i + 4].list != sorted_[i + 3].list) fetch(sorted_[i + 4].list);
      scan(sorted_[i].list, sorted_[i].score, seen_[sorted_[i].query], keepers_[sorted_[i].query]);
      if (i % 1024 == 0 && !go_on()) return;
    }
    for (size_t q = 0; q < n && go_on(); ++q) {
      best_.start(wanted);
      candidates_.rescore(queries + q * dim, effort.estimate, keepers_[q], best_);
      if (best_.full() || effort.estimate)
        write_best(best_.sorted(), k, ids + q * k, scores + q * k);
      else
        alone(queries + q * dim, effort, k, ids + q * k, scores + q * k);
    }
  }

 private:
  struct Job {
    uint32_t list, query;
    float score;
  };

  size_t n_lists() const { return lists_of_.lists.blocks * kPanelRows; }

  // Leaves the best lists in lists_, the best eighth of them first; returns how many those are.
  size_t choose(const float* query, const Effort& effort, Seen& own) {
    const float* inside = turning_.turn(query);
    see(query, inside, own);
    coded_.code(inside, lists_of_.frame.turned, kPanelLimit);
    coded_.score(lists_of_.cells, 0, lists_of_.cells.blocks, cells_.data());
    const float least = kernels().cut(cells_.data(), cells_.size(), effort.cells);
    const float good = kernels().cut(cells_.data(), cells_.size(), std::max<size_t>(1, effort.cells / 4));
    lists_.start(std::min(effort.lists, n_lists()));
    for (const bool first : {true, false})
      for (size_t g = 0; g < cells_.size(); ++g)
        if (first ? cells_[g] > good : cells_[g] > least && !(cells_[g] > good)) meet_cell(g);
    lists_.shrink();
    return lists_.best_first(std::max<size_t>(1, lists_.size() / 8));
  }

  // The coordinates that are those of the lists at once, others when they are first wanted.
  void see(const float* query, const float* inside, Seen& own) {
    own.query = query;
    own.frames.resize(turnings_.size());
    for (Coordinates& each : own.frames) each.known = false;
    own.offsets.clear();
    for (const Part& part : whole_.parts()) {
      if (whole_.shares_frame(part) && !own.frames[part.frame].known) lay(part, inside, own.frames[part.frame]);
      own.offsets.push_back(Partitions::offset(part, query, turning_.inner().data()));
    }
  }

  void lay(const Part& part, const float* inside, Coordinates& own) {
    coded_.code(inside, part.partition->coded, kCodeLimit);
    own.step = coded_.coded().step;
    own.bias = 7.5f * float(coded_.coded().sum);
    own.lay(*part.partition, coded_.codes());
    own.known = true;
  }

  const Coordinates& coordinates(const Part& part, Seen& seen) {
    Coordinates& own = seen.frames[part.frame];
    if (own.known) return own;
    std::optional<Turning>& turning = turnings_[part.frame];
    if (!turning) turning.emplace(part.partition->frame, part.partition->axes);
    lay(part, turning->turn(seen.query), own);
    return own;
  }

  void meet_cell(size_t cell) {
    constexpr size_t at_a_time = 4;
    const size_t end = std::min<size_t>(lists_of_.cell_first[cell + 1], lists_of_.lists.blocks);
    float scores[at_a_time * kPanelRows];
    for (size_t b = lists_of_.cell_first[cell]; b < end; b += at_a_time) {
      const size_t to = std::min(end, b + at_a_time), n = (to - b) * kPanelRows;
      coded_.score(lists_of_.lists, b, to, scores);
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

  static size_t first_block(const Partition& p, uint32_t list) {
    return std::min<size_t>(p.list_first[list], p.n_blocks);
  }

  void fetch(uint32_t list) const {
    const Partition& p = *whole_.parts()[whole_.part_of_list(list)].partition;
    const uint32_t number = whole_.number_of_list(list);
    const uint8_t* from = p.blocks + first_block(p, number) * p.block_bytes();
    const uint8_t* end = p.blocks + first_block(p, number + 1) * p.block_bytes();
    for (size_t line = 0; line < kLinesAhead && from < end; ++line, from += 64) __builtin_prefetch(from);
  }

  void scan(uint32_t list, float score, Seen& seen, Keeper& keeper) {
    constexpr size_t at_a_time = Keeper::kRoom / kListRows;
    const size_t owner = whole_.part_of_list(list);
    const uint32_t number = whole_.number_of_list(list);
    const Part& part = whole_.parts()[owner];
    const Partition& p = *part.partition;
    const Coordinates& own = coordinates(part, seen);
    const float offset = seen.offsets[owner];
    // What the list's score contributes to its rows' scores: for euclidean the row's own offset takes the bias back.
    const float base = ((p.offsets() ? score : score - lists_of_.lists.biases[list]) - offset) / part.scale;
    const size_t end = first_block(p, number + 1);
    for (size_t b = first_block(p, number); b < end; b += at_a_time) {
      const size_t n = std::min(at_a_time, end - b);
      const Nibbles blocks = {p.blocks + b * p.block_bytes(),
                              ptrdiff_t(n),
                              ptrdiff_t(p.halves()),
                              own.query(),
                              own.step,
                              own.bias,
                              base,
                              p.offsets()};
      uint32_t* slots = keeper.ids_end();
      float* scores = keeper.scores_end();
      const size_t found = kernels().nibbles(blocks, (keeper.threshold() - offset) / part.scale, scores, slots);
      size_t kept = 0;
      for (size_t i = 0; i < found; ++i) {
        const size_t slot = b * kListRows + slots[i];
        if (allowed_.marks && !may_be_found(part, p.slots[slot])) continue;
        scores[kept] = scores[i] * part.scale + offset;
        slots[kept++] = part.first_slot + uint32_t(slot);
      }
      keeper.add(kept);
    }
  }

  bool may_be_found(const Part& part, uint32_t row) const {
    return row < part.partition->rows.n && allowed_.marks[size_t(part.first) + row];
  }

  // By list, and within a list by query.
  void sort_jobs() {
    counts_.assign(n_lists() + 1, 0);
    for (const Job& job : jobs_) ++counts_[job.list + 1];
    for (size_t l = 1; l < counts_.size(); ++l) counts_[l] += counts_[l - 1];
    sorted_.resize(jobs_.size());
    for (const Job& job : jobs_) sorted_[counts_[job.list]++] = job;
  }

  const Partitions& whole_;
  const Lists& lists_of_;
  const Allowed& allowed_;
  const size_t most_;  // rows that may be found
  TopK best_;
  Turning turning_;
  std::vector<std::optional<Turning>> turnings_;  // of the parts that see a query in another way
  CodedQuery coded_;
  std::vector<float> cells_;
  Candidates candidates_;
  Keeper lists_, rows_;
  Seen own_;
  std::vector<Seen> seen_;
  std::vector<Keeper> keepers_;
  std::vector<Job> jobs_, sorted_;
  std::vector<uint32_t> counts_;
};

}  // namespace

bool search(const Partitions& partitions, const Effort& effort, const Allowed& allowed, const float* queries,
            size_t n_queries, size_t k, int64_t* ids, float* scores, int n_threads, const Poll& poll) {
  if (n_queries == 0 || k == 0) return true;
  const size_t dim = partitions.rows().dim;
  if (n_queries < kFewQueries)
    return parallel_for(n_queries, n_threads, poll, [&](size_t q, const GoOn&) {
      Searcher(partitions, allowed).alone(queries + q * dim, effort, k, ids + q * k, scores + q * k);
    });
  return parallel_for((n_queries + kGroup - 1) / kGroup, n_threads, poll, [&](size_t group, const GoOn& go_on) {
    const size_t q = group * kGroup;
    Searcher(partitions, allowed)
        .together(queries + q * dim, std::min(kGroup, n_queries - q), effort, k, ids + q * k, scores + q * k, go_on);
  });
}

}  // namespace nearmost
