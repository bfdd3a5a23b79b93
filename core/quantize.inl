// Numbers into 8-bit codes: plain loops that every compiler turns into vectors, with sixteen sums side by side so that
// the codes and sums are the same whatever the instruction set. Included by each kernels_*.cpp.

static Coded quantize(const float* values, ptrdiff_t n, double per_unit, int limit, int zero, uint8_t* codes) {
  constexpr ptrdiff_t lanes = 16;
  const ptrdiff_t whole = n / lanes * lanes;
  float peaks[lanes] = {};
  for (ptrdiff_t i = 0; i < whole; i += lanes)
    for (ptrdiff_t j = 0; j < lanes; ++j) {
      const float size = __builtin_fabsf(values[i + j]);
      peaks[j] = size > peaks[j] ? size : peaks[j];
    }
  float peak = 0;
  for (ptrdiff_t j = 0; j < lanes; ++j) peak = peaks[j] > peak ? peaks[j] : peak;
  for (ptrdiff_t i = whole; i < n; ++i) peak = __builtin_fabsf(values[i]) > peak ? __builtin_fabsf(values[i]) : peak;

  const float step = float(peak * per_unit / limit), most = float(limit);
  const float per_step = step > 1e-37f ? 1 / step : 0;  // codes of numbers too small for that are 0
  float lost[lanes] = {};
  int32_t sums[lanes] = {}, squares[lanes] = {};
  const auto block = [&](const float* v, uint8_t* out) {
    int32_t c[lanes];
    for (ptrdiff_t j = 0; j < lanes; ++j) {
      const float t = float(v[j] * per_unit);
      float x = t * per_step;
      x = x < most ? x : most;  // in this order a NaN, which only a damaged file can bring, becomes a code too
      x = x > -most ? x : -most;
      c[j] = int32_t(x + __builtin_copysignf(0.5f, x));
      const float left = t - step * float(c[j]);
      lost[j] += left * left;
    }
    for (ptrdiff_t j = 0; j < lanes; ++j) {
      sums[j] += c[j];
      squares[j] += c[j] * c[j];
      out[j] = uint8_t(c[j] + zero);
    }
  };
  for (ptrdiff_t i = 0; i < whole; i += lanes) block(values + i, codes + i);
  if (whole < n) {
    float last[lanes] = {};
    uint8_t last_codes[lanes];
    for (ptrdiff_t i = whole; i < n; ++i) last[i - whole] = values[i];
    block(last, last_codes);
    for (ptrdiff_t i = whole; i < n; ++i) codes[i] = last_codes[i - whole];
  }
  Coded coded = {step, 0, 0, 0};
  for (ptrdiff_t j = 0; j < lanes; ++j) {
    coded.sum += sums[j];
    coded.squares += squares[j];
    coded.lost += lost[j];
  }
  return coded;
}
