#include "scan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels.h"

namespace nearmost {
namespace {

constexpr size_t kPassBytes = 384 << 10;  // codes that stay in the second-level cache while every query meets them
constexpr size_t kPassBlocks = 256;
constexpr size_t kMostEntries = 8192;  // of one list, before they are scored
constexpr size_t kMaxBlocks = 4;       // of one tile
constexpr size_t kMaxQueries = 16;

decltype(Kernels::dot) integer_kernel(Metric metric) {
  if (metric == Metric::hamming) return kernels().bits;
  return metric == Metric::manhattan ? kernels().l1 : kernels().dot;
}

}  // namespace

Scan::Scan(const Rows& rows, const Packed& packed, double unit, size_t k)
    : rows_(rows), packed_(packed), unit_(unit), k_(k), words_(rows.words()), most_(std::max(kMostEntries, 16 * k)) {}

void Scan::take(const float* queries, size_t n) {
  const Kernels& kernel = kernels();
  group_ = n == 1 ? 1 : size_t(kernel.batch_queries);
  wide_ = n == 1 ? size_t(kernel.single_blocks) : size_t(kernel.batch_blocks);
  pass_ = std::clamp(kPassBytes / (words_ * kPanelBytes) / wide_ * wide_, wide_, kPassBlocks);
  upper_.resize(group_ * pass_ * kPanelRows);
  positions_.resize(pass_ * kPanelRows + kPanelRows);
  codes_.resize((n + group_ - 1) / group_ * group_ * words_);
  wide_values_.resize(n * rows_.dim);
  row_.resize(rows_.dim);
  if (lists_.size() < n) {
    lists_.resize(n);
    best_.resize(n);
  }
  queries_.clear();
  queries_.reserve(n);
  for (size_t q = 0; q < n; ++q) {
    queries_.emplace_back(rows_, packed_, unit_, queries + q * rows_.dim, codes_.data() + q * words_,
                          wide_values_.data() + q * rows_.dim, row_.data());
    lists_[q].start(k_);
    best_[q].start(k_);
  }
}

// In passes: bounds for the whole pass first, which also raise the threshold, then the few rows that reach it.
void Scan::run(size_t from, size_t to, const GoOn& go_on) {
  for (size_t start = from; start < to && go_on(); start += pass_) {
    const size_t end = std::min(to, start + pass_);
    for (size_t q = 0; q < queries_.size(); q += group_) {
      const size_t n = std::min(group_, queries_.size() - q);
      for (size_t b = start; b < end;) {
        const size_t n_blocks = b + wide_ <= end ? wide_ : 1;
        estimate(q, n, b, n_blocks, start);
        b += n_blocks;
      }
      for (size_t slot = 0; slot < n; ++slot) {
        collect(q + slot, slot, start, end);
        if (lists_[q + slot].size() > most_) score(q + slot, go_on);
      }
    }
  }
}

// Upper bounds of n_blocks blocks for queries [q, q + n).
void Scan::estimate(size_t q, size_t n, size_t block, size_t n_blocks, size_t start) {
  alignas(64) int32_t sums[kMaxQueries * kMaxBlocks * kPanelRows];
  integer_kernel(rows_.metric)({packed_.panels + block * words_ * kPanelBytes, codes_.data() + q * words_,
                                ptrdiff_t(words_), int(group_), int(n_blocks), sums});
  const auto at = [block](const float* p, size_t per_block) { return p ? p + block * per_block : nullptr; };
  const BlockFactors factors = {at(packed_.scales, kPanelRows), at(packed_.offsets, kPanelRows), at(packed_.bounds, 2)};
  const size_t lane = n_blocks == 1 ? block % kMaxBlocks * kPanelRows : 0;
  const size_t real = rows_.n - block * kPanelRows;
  const auto bound = kernels().bound;
  for (size_t slot = 0; slot < n; ++slot) {
    float* upper = upper_.data() + (slot * pass_ + block - start) * kPanelRows;
    const int32_t* own = sums + slot * n_blocks * kPanelRows;
    const Estimate& how = queries_[q + slot].estimate();
    if (real >= n_blocks * kPanelRows) {
      bound(how, factors, own, int(n_blocks), upper, lists_[q + slot].best() + lane);
    } else {  // the last rows of all: what pads their block must not count
      float unused[kMaxBlocks * kPanelRows] = {};
      bound(how, factors, own, int(n_blocks), upper, unused);
      std::fill(upper + real, upper + n_blocks * kPanelRows, -std::numeric_limits<float>::infinity());
    }
  }
}

// The rows of one pass that may still matter to one query.
void Scan::collect(size_t q, size_t slot, size_t start, size_t end) {
  Shortlist& list = lists_[q];
  list.raise_by_best();
  const float* upper = upper_.data() + slot * pass_ * kPanelRows;
  const size_t found = kernels().select(upper, (end - start) * kPanelRows, list.threshold(), positions_.data());
  for (size_t i = 0; i < found; ++i) {
    const size_t position = positions_[i], row = start * kPanelRows + position;
    if (row >= rows_.n) break;
    const float* bounds = packed_.bounds ? packed_.bounds + 2 * (row / kPanelRows) : nullptr;
    list.add({upper[position], uint32_t(row)}, list.by_entries() ? slack_of(queries_[q].estimate(), bounds) : 0);
  }
  list.raise_by_entries();
}

// Empties the list; where bounds say little, this is also what raises the threshold.
void Scan::score(size_t q, const GoOn& go_on) {
  std::vector<Shortlist::Entry>& entries = lists_[q].entries();
  queries_[q].rescore(entries, k_, best_[q], go_on);
  entries.clear();
  if (!best_[q].full()) return;
  const float least = float(queries_[q].rank_below(best_[q].last().score));
  lists_[q].raise(std::nextafter(least, -std::numeric_limits<float>::infinity()));
}

}  // namespace nearmost
