#include "frame.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "columns.h"
#include "kernels.h"
#include "random.h"

namespace nearmost {
namespace {

constexpr size_t kSample = 20000, kPart = 1200, kMeanParts = 64;
constexpr int kRounds = 10;

float squares_of(const float* v, size_t n) {
  float sum = 0;
  for (size_t k = 0; k < n; ++k) sum += v[k] * v[k];
  return sum;
}

// Gram-Schmidt, twice over, of m rows of n numbers.
void orthonormalize(float* rows, size_t m, size_t n) {
  for (size_t i = 0; i < m; ++i) {
    float* v = rows + i * n;
    for (int again = 0; again < 2; ++again)
      for (size_t j = 0; j < i; ++j) {
        const float* u = rows + j * n;
        float sums[16] = {};
        for (size_t k = 0; k + 16 <= n; k += 16)
          for (size_t l = 0; l < 16; ++l) sums[l] += u[k + l] * v[k + l];
        float along = 0;
        for (const float sum : sums) along += sum;
        for (size_t k = n / 16 * 16; k < n; ++k) along += u[k] * v[k];
        for (size_t k = 0; k < n; ++k) v[k] -= along * u[k];
      }
    const float length = std::sqrt(squares_of(v, n));
    for (size_t k = 0; k < n; ++k) v[k] = length > 1e-15f ? v[k] / length : 0;
  }
}

// out (n, m) = a (n, dim) times the transpose of b (m, dim).
bool multiply(const float* a, size_t n, const float* b, size_t m, size_t dim, float* out, int n_threads,
              const Poll& poll) {
  const Columns columns(b, m, dim, 0);
  return parallel_parts(n, 48, n_threads, poll, [&](size_t from, size_t to) {
    columns.score(
        from, to, [&](size_t i) { return a + i * dim; },
        [&](size_t i, const float* products) { std::copy(products, products + m, out + i * m); });
  });
}

// Replaces m axes by a random rotation of them.
bool mix(float* axes, size_t m, size_t inner, Random& random, int n_threads) {
  if (m < 2) return true;
  std::vector<float> rotation(m * m), transposed(inner * m), mixed(m * inner);
  for (float& v : rotation) v = random.normal();
  orthonormalize(rotation.data(), m, m);
  for (size_t i = 0; i < m; ++i)
    for (size_t k = 0; k < inner; ++k) transposed[k * m + i] = axes[i * inner + k];
  if (!multiply(rotation.data(), m, transposed.data(), inner, m, mixed.data(), n_threads, nullptr)) return false;
  std::copy(mixed.begin(), mixed.end(), axes);
  return true;
}

}  // namespace

void place(const Frame& frame, const float* values, bool query, double* wide, float* out) {
  const size_t dim = frame.dim;
  double per_unit = 1 / frame.unit, squares = 0;
  if (frame.metric == Metric::cosine || frame.metric == Metric::dot) {
    std::copy(values, values + dim, wide);
    squares = kernels().exact_dot(wide, values, ptrdiff_t(dim));
    if (frame.metric == Metric::cosine || query) per_unit = squares > 0 ? 1 / std::sqrt(squares) : 0;
  }
  for (size_t k = 0; k < dim; ++k) out[k] = float(values[k] * per_unit);
  if (frame.metric == Metric::dot)
    out[dim] = query ? 0 : float(std::sqrt(std::max(0.0, 1 - squares * per_unit * per_unit)));
}

bool mean_of(const Frame& frame, const Rows& rows, float* mean, int n_threads, const Poll& poll) {
  const size_t inner = frame.inner(), part = std::max<size_t>(1, (rows.n + kMeanParts - 1) / kMeanParts);
  std::vector<double> sums(kMeanParts * inner);
  const bool complete = parallel_parts(rows.n, part, n_threads, poll, [&](size_t from, size_t to) {
    std::vector<double> wide(frame.dim);
    std::vector<float> placed(inner), room(frame.dim);
    for (size_t i = from; i < to; ++i) {
      place(frame, rows.read(i, room.data()), false, wide.data(), placed.data());
      for (size_t k = 0; k < inner; ++k) sums[from / part * inner + k] += placed[k];
    }
  });
  for (size_t k = 0; k < inner; ++k) {
    double sum = 0;
    for (size_t p = 0; p < kMeanParts; ++p) sum += sums[p * inner + k];
    mean[k] = rows.n > 0 ? float(sum / double(rows.n)) : 0;
  }
  return complete;
}

bool find_axes(const Frame& frame, const Rows& rows, bool mixed, uint64_t seed, float* axes, int n_threads,
               const Poll& poll) {
  const size_t inner = frame.inner(), m = frame.turned, n = rows.n, taken = std::min(n, kSample);
  Random random(seed);
  std::vector<float> sample(inner * taken), placed(inner), covariance(inner * inner), turned(m * inner),
      room(frame.dim);
  std::vector<double> wide(frame.dim);
  for (size_t i = 0; i < taken; ++i) {
    place(frame, rows.read(i * n / taken, room.data()), false, wide.data(), placed.data());
    for (size_t k = 0; k < inner; ++k) sample[k * taken + i] = placed[k] - frame.mean[k];
  }
  if (!multiply(sample.data(), inner, sample.data(), inner, taken, covariance.data(), n_threads, poll)) return false;
  for (size_t i = 0; i < m * inner; ++i) axes[i] = random.normal();
  orthonormalize(axes, m, inner);
  for (int round = 0; round < kRounds; ++round) {
    if (!multiply(axes, m, covariance.data(), inner, inner, turned.data(), n_threads, poll)) return false;
    std::copy(turned.begin(), turned.end(), axes);
    orthonormalize(axes, m, inner);
  }
  return !mixed || mix(axes, m, inner, random, n_threads);
}

bool turn(const Frame& frame, const float* axes, const Rows& rows, float* out, float* half_squares, int n_threads,
          const Poll& poll) {
  const size_t inner = frame.inner(), m = frame.turned;
  const Columns columns(axes ? axes : frame.mean, axes ? m : 0, inner, 0);
  return parallel_parts(rows.n, kPart, n_threads, poll, [&](size_t from, size_t to) {
    std::vector<float> placed(axes ? (to - from) * inner : 0), room(frame.dim);
    std::vector<double> wide(frame.dim);
    for (size_t i = from; i < to; ++i) {
      float* at = axes ? placed.data() + (i - from) * inner : out + i * m;
      place(frame, rows.read(i, room.data()), false, wide.data(), at);
      for (size_t k = 0; k < inner; ++k) at[k] -= frame.mean[k];
      if (half_squares) half_squares[i] = 0.5f * squares_of(at, inner);
    }
    if (axes)
      columns.score(
          0, to - from, [&](size_t i) { return placed.data() + i * inner; },
          [&](size_t i, const float* products) { std::copy(products, products + m, out + (from + i) * m); });
  });
}

void turn_mean(const Frame& frame, const float* axes, float* out) {
  const size_t inner = frame.inner();
  if (!axes) std::copy(frame.mean, frame.mean + inner, out);
  for (size_t i = 0; axes && i < frame.turned; ++i) {
    double sum = 0;
    for (size_t k = 0; k < inner; ++k) sum += double(axes[i * inner + k]) * frame.mean[k];
    out[i] = float(sum);
  }
}

}  // namespace nearmost
