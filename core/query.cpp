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
constexpr double kUnusable = 3e38;          // beyond float32: the bound says nothing, and every row is scored

float safe(double x) {
  x *= kRoundUp;
  return x < kUnusable ? float(x) : std::numeric_limits<float>::infinity();
}

}  // namespace

Query::Query(const Rows& rows, const Packed& packed, double unit, const float* values, uint32_t* codes)
    : rows_(rows), packed_(packed), values_(values), unit_(unit) {
  std::memset(codes, 0, rows.words() * kWordBytes);
  uint8_t* bytes = reinterpret_cast<uint8_t*>(codes);
  if (rows.metric == Metric::hamming) {
    pack_bits(values, rows.dim, bytes);
    estimate_.weight = -1;
  } else if (rows.metric == Metric::manhattan) {
    prepare_manhattan(bytes);
  } else {
    prepare_products(bytes);
  }
}

// t = q / m is coded as step * c; then |t.x - step scale (c.c_x)| <= |t - step c| |x^| + |t| |x - x^| (Cauchy-Schwarz).
void Query::prepare_products(uint8_t* codes) {
  const ptrdiff_t dim = ptrdiff_t(rows_.dim);
  norm_ = std::sqrt(kernels().exact_dot(values_, values_, dim));
  largest_ = rows_.metric == Metric::euclidean ? std::max(norm_, unit_) : norm_;
  if (!(largest_ > 0)) largest_ = 1;
  float peak = 0;
  for (ptrdiff_t i = 0; i < dim; ++i) peak = std::max(peak, std::fabs(values_[i]));
  const int limit = kernels().query_limit;
  const double per_largest = 1 / largest_, step = peak * per_largest / limit, per_step = step > 0 ? 1 / step : 0;
  double lost = 0;
  int32_t sum = 0;
  for (ptrdiff_t i = 0; i < dim; ++i) {
    const double t = values_[i] * per_largest;
    const double x = std::clamp(t * per_step, -double(limit), double(limit));
    const int c = int(x + (x < 0 ? -0.5 : 0.5));
    codes[i] = uint8_t(int8_t(c));
    sum += c;
    lost += (t - step * c) * (t - step * c);
  }
  lost = std::sqrt(lost);
  const double length = norm_ * per_largest, offset_weight = unit_ / largest_;
  const bool offsets = rows_.metric == Metric::euclidean;
  estimate_.bias = 128 * sum;
  estimate_.weight = float(step);
  estimate_.offset_weight = offsets ? float(offset_weight) : 0;
  estimate_.per_norm = safe(lost + kFloatError * (length + lost) + 0x1p-23 * length);
  estimate_.per_error = safe(length);
  estimate_.always = offsets ? safe(kFloatError * offset_weight) : 0;
}

// In units: | |q - x|_1 - |c - c_x|_1 | <= |q - c|_1 + |x - c_x|_1.
void Query::prepare_manhattan(uint8_t* codes) {
  double lost = 0;
  for (size_t i = 0; i < rows_.dim; ++i) {
    const double t = values_[i] / unit_, c = std::clamp(std::nearbyint(t), -128.0, 127.0);
    codes[i] = uint8_t(int(c) + 128);
    lost += std::fabs(t - c);
  }
  for (size_t i = rows_.dim; i < rows_.words() * kWordBytes; ++i) codes[i] = 128;
  estimate_.weight = -1;
  estimate_.per_error = safe(1);
  estimate_.always = safe(lost + kFloatError * (lost + 256.0 * double(rows_.dim)));
}

double Query::score(uint32_t row, float upper) const {
  const ptrdiff_t dim = ptrdiff_t(rows_.dim);
  const float* x = rows_.values + size_t(row) * rows_.dim;
  switch (rows_.metric) {
    case Metric::cosine: {
      const double lengths = norm_ * packed_.norms[row];
      return lengths > 0 ? kernels().exact_dot(values_, x, dim) / lengths : 0;
    }
    case Metric::euclidean:
      return -std::sqrt(kernels().exact_squared(values_, x, dim));
    case Metric::dot:
      return kernels().exact_dot(values_, x, dim);
    case Metric::manhattan:
      return -kernels().exact_l1(values_, x, dim);
    case Metric::hamming:
      break;
  }
  return upper;  // the count itself
}

// A number that no row with a better score than this one can have its rank, and so its upper bound, below.
double Query::rank_below(double score) const {
  switch (rows_.metric) {
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

void Query::rescore(std::vector<Shortlist::Entry>& entries, TopK& best) const {
  const auto later = [](const Shortlist::Entry& a, const Shortlist::Entry& b) {
    return a.upper != b.upper ? a.upper < b.upper : a.row > b.row;
  };
  std::make_heap(entries.begin(), entries.end(), later);
  for (auto end = entries.end(); end != entries.begin();) {
    std::pop_heap(entries.begin(), end, later);
    const Shortlist::Entry entry = *--end;
    if (best.full() && entry.upper < rank_below(best.last().score)) return;
    best.add({score(entry.row, entry.upper), int64_t(entry.row)});
  }
}

}  // namespace nearmost
