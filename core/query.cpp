#include "query.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace nearmost {
namespace {

constexpr double kRoundUp = 1 + 0x1p-18;    // makes a bound computed in float64 safe as a float32
constexpr double kFloatError = 0x1p-20;     // of the few float32 operations that make an estimate, with room to spare
constexpr double kDoubleError = 0x1p-44;    // of the float64 operations that make a score, with room to spare
constexpr double kUnderflow = 1e-30;        // of products of float32 that vanish; ranks are about 1
constexpr size_t kBetweenQuestions = 4096;  // rows scored before asking whether to go on
constexpr double kUnusable = 3e38;          // beyond float32: the bound says nothing, and every row is scored

float safe(double x) {
  x *= kRoundUp;
  return x < kUnusable ? float(x) : std::numeric_limits<float>::infinity();
}

}  // namespace

Query::Query(const Rows& rows, const Packed& packed, double unit, const float* values, uint32_t* codes, double* wide,
             float* room)
    : rows_(&rows), packed_(&packed), values_(wide), room_(room), unit_(unit) {
  std::copy(values, values + rows.dim, wide);
  std::memset(codes, 0, rows.words() * kWordBytes);
  uint8_t* bytes = reinterpret_cast<uint8_t*>(codes);
  if (rows.metric == Metric::hamming) {
    pack_bits(values, rows.dim, bytes);
    estimate_.weight = -1;
  } else if (rows.metric == Metric::manhattan) {
    prepare_manhattan(bytes);
  } else {
    prepare_products(values, bytes);
  }
}

Query::Query(const Rows& rows, const Packed& packed, const float* values, double* wide, float* room)
    : rows_(&rows), packed_(&packed), values_(wide), room_(room), unit_(1) {
  std::copy(values, values + rows.dim, wide);
  norm_ = std::sqrt(kernels().exact_dot(values_, values, ptrdiff_t(rows.dim)));
}

// t = q / m is coded as step * c; then |t.x - step scale (c.c_x)| <= |t - step c| |x^| + |t| |x - x^| (Cauchy-Schwarz).
void Query::prepare_products(const float* values, uint8_t* codes) {
  const ptrdiff_t dim = ptrdiff_t(rows_->dim);
  norm_ = std::sqrt(kernels().exact_dot(values_, values, dim));
  largest_ = rows_->metric == Metric::euclidean ? std::max(norm_, unit_) : norm_;
  if (!(largest_ > 0)) largest_ = 1;
  const Coded coded = kernels().quantize(values, dim, 1 / largest_, kernels().query_limit, 0, codes);
  const double length = norm_ / largest_, lost = lost_by(coded, rows_->dim, length), offset_weight = unit_ / largest_;
  const bool offsets = rows_->metric == Metric::euclidean;
  estimate_.bias = 128 * coded.sum;
  estimate_.weight = coded.step;
  estimate_.offset_weight = offsets ? float(offset_weight) : 0;
  estimate_.per_norm = safe(lost + kFloatError * (length + lost));
  estimate_.per_error = safe(length);
  // A query far longer than the rows: its scores tie in float64, and a tie must not be decided by the estimate.
  const double ties = offsets ? kFloatError * offset_weight + kDoubleError * (norm_ / unit_ + 1) : 0;
  estimate_.always = safe(kUnderflow + ties);
}

// In units: | |q - x|_1 - |c - c_x|_1 | <= |q - c|_1 + |x - c_x|_1.
void Query::prepare_manhattan(uint8_t* codes) {
  double lost = 0;
  for (size_t i = 0; i < rows_->dim; ++i) {
    const double t = values_[i] / unit_, c = std::clamp(std::nearbyint(t), -128.0, 127.0);
    codes[i] = uint8_t(int(c) + 128);
    lost += std::fabs(t - c);
  }
  for (size_t i = rows_->dim; i < rows_->words() * kWordBytes; ++i) codes[i] = 128;
  estimate_.weight = -1;
  estimate_.per_error = safe(1);
  estimate_.always = safe(lost + kFloatError * (lost + 256.0 * double(rows_->dim)));
}

void Query::prefetch(uint32_t row) const {
  const uint8_t* x = rows_->bytes(row);
  const size_t lines = std::min<size_t>(rows_->stride() / 64 + 1, 24);
  for (size_t i = 0; i < lines; ++i) __builtin_prefetch(x + i * 64);
  if (packed_->norms) __builtin_prefetch(packed_->norms + row);
}

double Query::score(uint32_t row, float upper) const {
  if (!rows_->values) return upper;  // the count itself
  const ptrdiff_t dim = ptrdiff_t(rows_->dim);
  const float* x = rows_->read(row, room_);
  switch (rows_->metric) {
    case Metric::cosine: {
      const double lengths = norm_ * packed_->norms[row];
      return lengths > 0 ? kernels().exact_dot(values_, x, dim) / lengths : 0;
    }
    case Metric::euclidean:
      return 0.0 - std::sqrt(kernels().exact_squared(values_, x, dim));  // never -0
    case Metric::dot:
      return kernels().exact_dot(values_, x, dim);
    case Metric::hamming:  // of 0 and 1
      return 0.0 - kernels().exact_squared(values_, x, dim);
    default:
      return 0.0 - kernels().exact_l1(values_, x, dim);
  }
}

// A number that no row with a better score than this one can have its rank, and so its upper bound, below.
double Query::rank_below(double score) const {
  switch (rows_->metric) {
    case Metric::euclidean: {
      const double scale = 2 * unit_ * largest_, squared = score * score, own = norm_ * norm_;
      return (own - squared - kDoubleError * (own + squared)) / scale;
    }
    case Metric::dot:
      return score / (largest_ * unit_);
    case Metric::manhattan:
      return score / unit_;
    default:
      return score;
  }
}

void Query::rescore(std::vector<Shortlist::Entry>& entries, size_t k, TopK& best, const GoOn& go_on) const {
  const auto middle = entries.begin() + ptrdiff_t(std::min(k, entries.size()));
  if (middle != entries.end())
    std::nth_element(entries.begin(), middle, entries.end(),
                     [](const Shortlist::Entry& a, const Shortlist::Entry& b) { return a.upper > b.upper; });
  double least = best.full() ? rank_below(best.last().score) : -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < entries.size(); ++i) {  // the k most promising first: after them, few can do better
    const Shortlist::Entry entry = entries[i];
    if (i % kBetweenQuestions == kBetweenQuestions - 1 && !go_on()) return;
    if (entry.upper < least) continue;
    if (rows_->values && i + 1 < entries.size()) prefetch(entries[i + 1].row);
    best.add({score(entry.row, entry.upper), int64_t(entry.row)});
    if (best.full()) least = rank_below(best.last().score);
  }
}

}  // namespace nearmost
