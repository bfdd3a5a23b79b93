// The exact scores: for every instruction set the same additions in the same order. Included by each kernels_*.cpp
// after it has defined Lanes: eight float64 numbers with load, widen (from 8 floats), add, add_product, sub, mul, abs
// and store.
//
// A product of two float32 is exact in float64, so adding it fused or not gives the same bits; where a product is not
// exact, it is never fused. The results are therefore equal to the last bit on every machine.

template <class AddTerm>
static double exact_sum(const double* a, const float* b, ptrdiff_t n, AddTerm add_term) {
  constexpr ptrdiff_t chains = 4, width = 8 * chains;
  Lanes sums[chains];
#pragma GCC unroll 4
  for (ptrdiff_t c = 0; c < chains; ++c) sums[c] = Lanes::zero();
  ptrdiff_t i = 0;
  for (; i + width <= n; i += width)
#pragma GCC unroll 4
    for (ptrdiff_t c = 0; c < chains; ++c)
      sums[c] = add_term(sums[c], Lanes::load(a + i + 8 * c), Lanes::widen(b + i + 8 * c));
  if (i < n) {
    double last_a[width] = {};
    float last_b[width] = {};
    for (ptrdiff_t j = 0; i + j < n; ++j) {
      last_a[j] = a[i + j];
      last_b[j] = b[i + j];
    }
#pragma GCC unroll 4
    for (ptrdiff_t c = 0; c < chains; ++c)
      sums[c] = add_term(sums[c], Lanes::load(last_a + 8 * c), Lanes::widen(last_b + 8 * c));
  }
  double s[8];
  sums[0].add(sums[1]).add(sums[2].add(sums[3])).store(s);
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

static double exact_dot(const double* a, const float* b, ptrdiff_t n) {
  return exact_sum(a, b, n, [](Lanes sum, Lanes x, Lanes y) { return sum.add_product(x, y); });
}

static double exact_squared(const double* a, const float* b, ptrdiff_t n) {
  return exact_sum(a, b, n, [](Lanes sum, Lanes x, Lanes y) {
    const Lanes d = x.sub(y);
    return sum.add(d.mul(d));
  });
}

static double exact_l1(const double* a, const float* b, ptrdiff_t n) {
  return exact_sum(a, b, n, [](Lanes sum, Lanes x, Lanes y) { return sum.add(x.sub(y).abs()); });
}
