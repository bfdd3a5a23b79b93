// The slack, and the exact scores: for every instruction set the same additions in the same order. Included by each kernels_*.cpp
// after it has defined Lanes: eight float64 numbers with widen (from 8 floats), add, sub, mul, abs and store.
//
// A product of two float32 is exact in float64, and fused multiply-add is never used, so the results are equal to the
// last bit on every machine.

template <class Term>
static double exact_sum(const float* a, const float* b, ptrdiff_t n, Term term) {
  Lanes even = Lanes::zero(), odd = Lanes::zero();
  ptrdiff_t i = 0;
  for (; i + 16 <= n; i += 16) {
    even = even.add(term(Lanes::widen(a + i), Lanes::widen(b + i)));
    odd = odd.add(term(Lanes::widen(a + i + 8), Lanes::widen(b + i + 8)));
  }
  if (i < n) {
    float last_a[16] = {}, last_b[16] = {};
    for (ptrdiff_t j = 0; i + j < n; ++j) {
      last_a[j] = a[i + j];
      last_b[j] = b[i + j];
    }
    even = even.add(term(Lanes::widen(last_a), Lanes::widen(last_b)));
    odd = odd.add(term(Lanes::widen(last_a + 8), Lanes::widen(last_b + 8)));
  }
  double s[8];
  even.add(odd).store(s);
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

// Slack of one block: the same three numbers everywhere.
static float slack_of(const Estimate& e, const float* bounds) {
  return bounds ? e.per_norm * bounds[0] + e.per_error * bounds[1] + e.always : 0.0f;
}

static double exact_dot(const float* a, const float* b, ptrdiff_t n) {
  return exact_sum(a, b, n, [](Lanes x, Lanes y) { return x.mul(y); });
}

static double exact_squared(const float* a, const float* b, ptrdiff_t n) {
  return exact_sum(a, b, n, [](Lanes x, Lanes y) {
    const Lanes d = x.sub(y);
    return d.mul(d);
  });
}

static double exact_l1(const float* a, const float* b, ptrdiff_t n) {
  return exact_sum(a, b, n, [](Lanes x, Lanes y) { return x.sub(y).abs(); });
}
