// Products of rows with rows, in the same order of additions whatever the instruction set: sixteen sums over every
// sixteenth number, folded in halves. Included by each kernels_*.cpp after it has defined
//   PairSums: sixteen float32 sums with zero, load, load_some (zeros beyond), add_product and total
//   kPairRows: a divisor of kCrossRows, so that the sums of kPairRows x kPairRows pairs have registers

static inline void cross(const Cross& t) {
  constexpr int R = kPairRows;
  const ptrdiff_t whole = t.dim / 16 * 16;
  for (int i = 0; i < kCrossRows; i += R)
    for (ptrdiff_t j = 0; j < t.n; j += R) {
      PairSums sums[R][R];
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int c = 0; c < R; ++c) sums[r][c] = PairSums::zero();
      const auto add = [&](const auto& load) {
        PairSums b[R];
#pragma GCC unroll 4
        for (int c = 0; c < R; ++c) b[c] = load(t.others[j + c]);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
          const PairSums a = load(t.rows[i + r]);
#pragma GCC unroll 4
          for (int c = 0; c < R; ++c) sums[r][c] = sums[r][c].add_product(a, b[c]);
        }
      };
      for (ptrdiff_t k = 0; k < whole; k += 16) add([&](const float* row) { return PairSums::load(row + k); });
      if (whole < t.dim) add([&](const float* row) { return PairSums::load_some(row + whole, int(t.dim - whole)); });
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int c = 0; c < R; ++c) t.out[(i + r) * t.stride + j + c] = sums[r][c].total();
    }
}
