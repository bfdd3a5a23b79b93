// Vectors in 8-bit codes, in the flat kind's panels, that a query is multiplied with: centroids, and axes to turn by.
#pragma once

#include <vector>

#include "frame.h"
#include "kernels.h"

namespace nearmost {

// Vectors in panels: code + 128, times a scale. A score is product + bias.
template <bool writable>
struct PanelArrays {
  template <class T>
  using Pointer = std::conditional_t<writable, T*, const T*>;
  Pointer<uint8_t> codes;  // (blocks, words, 16, 4)
  Pointer<float> scales;   // (blocks, 16)
  Pointer<float> biases;   // (blocks, 16), or null for none
  size_t blocks;
};
using Panels = PanelArrays<false>;

constexpr int kPanelLimit = 63;  // of a query's codes against 8-bit ones: no instruction set saturates there

// Packs vectors (16 blocks, dim): biases become -weight |vector + shift|^2 (shift null: 0), or -1e30 where not used.
void pack_panels(const float* values, const uint8_t* used, const float* shift, float weight, size_t dim,
                 const PanelArrays<true>& out);

// Numbers of a query in 8-bit codes, used again for the next query.
class CodedQuery {
 public:
  void code(const float* values, size_t n, int limit);
  const uint8_t* codes() const {
    return reinterpret_cast<const uint8_t*>(words_.data());
  }  // zeros up to a multiple of 8
  const Coded& coded() const { return coded_; }

  // Scores of vectors [16 from, 16 to).
  void score(const Panels& panels, size_t from, size_t to, float* out) const;

 private:
  size_t n_ = 0;
  Coded coded_{};
  std::vector<uint32_t> words_;
};

// A query in the coordinates of a frame, turned where there are axes.
class Turning {
 public:
  Turning(const Frame& frame, const Panels& axes);

  // frame.turned numbers. Euclidean queries are centred, others not: the mean adds the same to every row's score.
  const float* turn(const float* query);

  // What the query is before it is turned: frame.inner() numbers.
  const std::vector<float>& inner() const { return inner_; }

 private:
  const Frame& frame_;
  const Panels& axes_;
  std::vector<double> wide_;
  std::vector<float> inner_, turned_;
  CodedQuery coded_;
};

}  // namespace nearmost
