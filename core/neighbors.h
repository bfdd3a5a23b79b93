// For each row some rows near it, nearly the nearest: what a graph's links are chosen from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "parallel.h"

namespace nearmost {

// The leading dim of each row's numbers (n, stride) in the coordinates of an index, and half their squares.
struct Points {
  const float* values;
  size_t n, dim, stride;
  std::vector<float> half_squares;
  Points(const float* values, size_t n, size_t dim, size_t stride);
  const float* row(size_t i) const { return values + i * stride; }
  // Soon to be read.
  void fetch(size_t i) const {
    const char* at = reinterpret_cast<const char*>(row(i));
    for (size_t k = 0; k < dim * sizeof(float); k += 64) __builtin_prefetch(at + k, 0, 2);
  }
  // Squared distance of two rows with this product: the same bits whichever comes first.
  float distance(uint32_t a, uint32_t b, float product) const {
    const float apart = 2 * (half_squares[a] + half_squares[b]) - 2 * product;
    return apart > 0 ? apart : 0;
  }
};

struct Neighbor {
  float distance;
  uint32_t row;
  bool operator<(const Neighbor& o) const { return distance != o.distance ? distance < o.distance : row < o.row; }
};

// How the rows are divided: at each level some rows are leaders, and each row goes to its nearest ones.
struct Division {
  size_t first, second;  // leaders that a row goes to at the first two levels; one below
  size_t leaf;           // so few rows are all compared with each other
  size_t nearest;        // of a leaf, that a row and they remember of each other
  uint64_t seed;
};

// Up to kKept different rows near each row.
class Neighbors {
 public:
  static constexpr size_t kKept = 48;
  explicit Neighbors(size_t n) : kept_(n * kKept), counts_(n), locks_(kLocks) {}
  // Nearest first.
  std::vector<Neighbor> sorted(size_t row) const;
  // Soon to be added to.
  void fetch(size_t row) const {
    __builtin_prefetch(&counts_[row], 1);
    const char* at = reinterpret_cast<const char*>(&kept_[row * kKept]);
    for (size_t k = 0; k < kKept * sizeof(Neighbor); k += 64) __builtin_prefetch(at + k, 1);
  }
  // Keeps the nearest, whatever the order in which they come, from any thread.
  void add(size_t row, Neighbor neighbor);

 private:
  static constexpr size_t kLocks = 1024;
  std::vector<Neighbor> kept_;  // of each row a heap, the farthest first, once it is full
  std::vector<uint32_t> counts_;
  std::vector<std::mutex> locks_;
};

// The same for any number of threads. False where poll stopped it.
bool find_neighbors(const Points& points, const Division& division, Neighbors& out, int n_threads, const Poll& poll);

}  // namespace nearmost
