// The threshold that k of 64 lanes reach: plain loops that every compiler turns into vectors. Included by each
// kernels_*.cpp.

static float reached_by(const float* best, int32_t k) {
  constexpr int lanes = 64, halvings = 10;
  float low = best[0], high = best[0];
  for (int i = 1; i < lanes; ++i) {
    low = best[i] < low ? best[i] : low;
    high = best[i] > high ? best[i] : high;
  }
  if (!(low > -3e38f)) return low;  // lanes that no row has met
  for (int halving = 0; halving < halvings; ++halving) {
    const float middle = low + (high - low) / 2;
    int32_t reached = 0;
    for (int i = 0; i < lanes; ++i) reached += best[i] >= middle;
    (reached >= k ? low : high) = middle;
  }
  return low;
}
