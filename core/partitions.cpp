#include "partitions.h"

#include <algorithm>
#include <stdexcept>

namespace nearmost {
namespace {

constexpr double kLeastScale = 1e-12;  // of a file whose rows are so much shorter than another's, or that is damaged

bool is_plain(const Partition& p) { return p.frame.metric != Metric::euclidean && p.axes.blocks == 0; }

}  // namespace

Partitions::Partitions(const Partition& alone)
    : parts_{{&alone, 0}},
      lists_{alone.frame, alone.axes, alone.cells, alone.lists, alone.cell_first, nullptr, nullptr},
      n_frames_(1),
      n_rows_(alone.rows.n) {}

// In the unit U of the longest rows, with M = unit mean: cosine and dot rows score q.x = (unit / U) s + q.M / U, and
// euclidean ones -|q - x|^2 / 2 = (unit / U)^2 s - |q - M|^2 / 2. Among the lists, which are centred on a mean of their
// own, q.M and |q - M|^2 / 2 for that mean are left out, so that only what is small remains.
Partitions::Partitions(const std::vector<const Partition*>& partitions, const std::vector<int64_t>& firsts,
                       const Lists& lists)
    : lists_(lists) {
  const Frame& whole = lists.frame;
  const bool euclidean = whole.metric == Metric::euclidean;
  size_t slots = 0, plain = partitions.size();
  for (size_t i = 0; i < partitions.size(); ++i) {
    const Partition& p = *partitions[i];
    Part part = {&p, firsts[i]};
    part.first_slot = uint32_t(slots);
    slots += p.n_blocks * kListRows;
    n_rows_ += p.rows.n;
    if (slots >= kNoRow) throw std::length_error("nearmost: more slots than 32 bits can number");
    const bool same = is_plain(p) && plain < i && parts_[plain].partition->coded == p.coded;
    if (is_plain(p)) plain = std::min(plain, i);
    part.frame = same ? parts_[plain].frame : n_frames_++;
    const double unit = whole.metric == Metric::cosine ? 1 : std::max(p.frame.unit / whole.unit, kLeastScale);
    part.scale = float(euclidean ? unit * unit : unit);
    for (size_t k = 0; k < whole.inner(); ++k) {
      const double own = unit * p.frame.mean[k], others = whole.mean[k];
      part.shift.push_back((own - others) / (euclidean ? whole.unit : 1));
      if (euclidean) part.constant += (others * others - own * own) / 2;
    }
    parts_.push_back(std::move(part));
  }
}

bool Partitions::shares_frame(const Part& part) const { return !lists_.owners || is_plain(*part.partition); }

float Partitions::offset(const Part& part, const float* query, const float* inside) {
  const float* values = part.partition->frame.metric == Metric::euclidean ? query : inside;
  double sum = part.constant;
  for (size_t k = 0; k < part.shift.size(); ++k) sum += part.shift[k] * values[k];
  return float(sum);
}

}  // namespace nearmost
