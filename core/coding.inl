// The float32 arithmetic of partitions: plain loops, with sixteen sums side by side, so that codes and cuts are the
// same whatever the instruction set. Included by each kernels_*.cpp.

template <class Term>
static inline float sum_of(ptrdiff_t n, Term term) {
  constexpr ptrdiff_t lanes = 16;
  float sums[lanes] = {};
  ptrdiff_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (ptrdiff_t j = 0; j < lanes; ++j) sums[j] += term(i + j);
  for (ptrdiff_t j = 0; i + j < n; ++j) sums[j] += term(i + j);
  float total = 0;
  for (ptrdiff_t j = 0; j < lanes; ++j) total += sums[j];
  return total;
}

struct Two {
  float first, second;
};

// Two such sums side by side; add(i, first, second) adds term i to both.
template <class Add>
static inline Two sums_of(ptrdiff_t n, Add add) {
  constexpr ptrdiff_t lanes = 16;
  float first[lanes] = {}, second[lanes] = {};
  ptrdiff_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (ptrdiff_t j = 0; j < lanes; ++j) add(i + j, first[j], second[j]);
  for (ptrdiff_t j = 0; i + j < n; ++j) add(i + j, first[j], second[j]);
  Two total = {0, 0};
  for (ptrdiff_t j = 0; j < lanes; ++j) {
    total.first += first[j];
    total.second += second[j];
  }
  return total;
}

static inline float largest_of(const float* values, ptrdiff_t n) {
  constexpr ptrdiff_t lanes = 16;
  float most[lanes] = {};
  const auto meet = [&](ptrdiff_t i, ptrdiff_t j) {
    const float size = __builtin_fabsf(values[i]);
    most[j] = size > most[j] ? size : most[j];
  };
  ptrdiff_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (ptrdiff_t j = 0; j < lanes; ++j) meet(i + j, j);
  for (ptrdiff_t j = 0; i + j < n; ++j) meet(i + j, j);
  float peak = 0;
  for (ptrdiff_t j = 0; j < lanes; ++j) peak = most[j] > peak ? most[j] : peak;
  return peak;
}

static void scale(const int32_t* sums, size_t n, int32_t bias, float step, const float* scales, const float* offsets,
                  float* out) {
  for (size_t i = 0; i < n; i += 16)
    for (size_t j = i; j < i + 16; ++j) out[j] = float(sums[j] - bias) * (step * scales[j]);
  for (size_t i = 0; offsets && i < n; i += 16)
    for (size_t j = i; j < i + 16; ++j) out[j] += offsets[j];
}

typedef float Floats __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t Ints __attribute__((vector_size(64), aligned(4), may_alias));

// The first of the largest, as scale() has them, without writing them down. Sixteen side by side in the compiler's own
// vectors: of a loop over an array it would go to memory and back each time.
static Best best(const Panelled& p, int32_t bias, float step) {
  constexpr ptrdiff_t lanes = 16;
  Floats most = {};
  Ints at = {};
  most -= 3e38f;
  const int32_t* run = p.sums;
  for (ptrdiff_t start = 0; start < p.n; start += p.run, run += p.stride)
    for (ptrdiff_t b = 0; b < p.run; b += lanes) {
      const ptrdiff_t i = start + b;
      const Ints sums = *reinterpret_cast<const Ints*>(run + b) - bias;
      const Floats scales = step * *reinterpret_cast<const Floats*>(p.scales + i);
      const Floats scores =
          __builtin_convertvector(sums, Floats) * scales + *reinterpret_cast<const Floats*>(p.starts + i);
      const Ints here = Ints{} + int32_t(i);
      at = scores > most ? here : at;
      most = scores > most ? scores : most;
    }
  Best found = {most[0], at[0]};
  for (int32_t j = 1; j < lanes; ++j)
    if (most[j] > found.score || (most[j] == found.score && at[j] + j < found.position)) found = {most[j], at[j] + j};
  return found;
}

static inline size_t count_above(const float* scores, size_t n, float threshold) {
  uint32_t counts[16] = {}, rest = 0;
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (size_t j = 0; j < 16; ++j) counts[j] += scores[i + j] > threshold;
  for (; i < n; ++i) rest += scores[i] > threshold;
  for (uint32_t count : counts) rest += count;
  return rest;
}

// By halving the interval: exact order statistics would cost more than the few rows too many.
static float cut(const float* scores, size_t n, size_t k) {
  constexpr float nothing = -1e29f;  // what pads a panel scores less
  if (n <= k) return nothing;
  float lows[16], highs[16];
  for (int j = 0; j < 16; ++j) {
    lows[j] = 3e38f;
    highs[j] = -3e38f;
  }
  const auto meet = [&](size_t i, size_t j) {
    const float low = scores[i] > nothing ? scores[i] : 3e38f;
    lows[j] = low < lows[j] ? low : lows[j];
    highs[j] = scores[i] > highs[j] ? scores[i] : highs[j];
  };
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (size_t j = 0; j < 16; ++j) meet(i + j, j);
  for (size_t j = 0; i + j < n; ++j) meet(i + j, j);
  float low = lows[0], high = highs[0];
  for (int j = 1; j < 16; ++j) {
    low = lows[j] < low ? lows[j] : low;
    high = highs[j] > high ? highs[j] : high;
  }
  low -= 1e-6f * __builtin_fabsf(low) + 1e-20f;
  for (int halving = 0; halving < 14; ++halving) {
    const float middle = 0.5f * low + 0.5f * high;
    const size_t above = count_above(scores, n, middle);
    (above > k ? low : high) = middle;
    if (above >= k && above <= k + k / 16) return middle;
  }
  return low;
}

// The limits are set among integers: GCC makes branches of such limits among floats.
static inline int nearest_code(float x) {  // |x| below 32
  const int code = int(x + 32.0f) - 24;
  const int least = code > 0 ? code : 0;
  return least < 15 ? least : 15;
}

// A row's residual against its centroid, in steps of its own. The best of six clips; then each code moves to where
//   |e|^2 + eta <e, direction>^2
// is least, e being what is lost: an error along the row counts more, since the queries that look for it lie there
// (Guo et al., ScaNN, ICML 2020). direction is of length 1, or null for none.
static float encode(const float* residual, const float* direction, ptrdiff_t n, float eta, uint8_t* codes) {
  const float peak = largest_of(residual, n);
  if (!(peak > 1e-20f)) {
    for (ptrdiff_t i = 0; i < n; ++i) codes[i] = 8;
    return 0;
  }
  float most = -1, per_step = 1;
  constexpr float clips[] = {0.45f, 0.55f, 0.65f, 0.75f, 0.85f, 1.0f};
  for (const float clip : clips) {
    const float tried = 7.5f / (peak * clip);
    const Two found = sums_of(n, [&](ptrdiff_t i, float& along, float& squares) {
      const float level = float(nearest_code(residual[i] * tried)) - 7.5f;
      along += level * residual[i];
      squares += level * level;
    });
    if (found.first * found.first / found.second > most) {
      most = found.first * found.first / found.second;
      per_step = tried;
    }
  }
  for (ptrdiff_t i = 0; i < n; ++i) codes[i] = uint8_t(nearest_code(residual[i] * per_step));
  const auto level = [&](ptrdiff_t i) { return float(codes[i]) - 7.5f; };
  const float row = direction ? sum_of(n, [&](ptrdiff_t i) { return direction[i] * residual[i]; }) : 0;
  const auto best_factor = [&] {
    Two sums = sums_of(n, [&](ptrdiff_t i, float& along, float& squares) {
      along += level(i) * residual[i];
      squares += level(i) * level(i);
    });
    if (direction) {
      const float coded = sum_of(n, [&](ptrdiff_t i) { return direction[i] * level(i); });
      sums.first += eta * row * coded;
      sums.second += eta * coded * coded;
    }
    return sums.first / sums.second;
  };
  float factor = best_factor();
  for (int pass = 0; direction && pass < 2; ++pass) {
    float lost = sum_of(n, [&](ptrdiff_t i) { return direction[i] * (residual[i] - factor * level(i)); });
    const auto steps_to = [&](ptrdiff_t i) {
      const float error = residual[i] - factor * level(i) + eta * lost * direction[i];
      return error / (factor * (1 + eta * direction[i] * direction[i]));
    };
    const auto move = [&](ptrdiff_t i, float steps) {
      const float wanted = float(codes[i]) + (steps < 20.0f ? (steps > -20.0f ? steps : -20.0f) : 20.0f) + 0.5f;
      const int code = wanted < 0 ? 0 : wanted > 15 ? 15 : int(wanted);
      lost -= direction[i] * factor * float(code - int(codes[i]));
      codes[i] = uint8_t(code);
    };
    // One number after the other, as each move changes what is lost; but most stay where they are, so that sixteen are
    // looked at together, and again from the next one on where one of them moves.
    constexpr ptrdiff_t lanes = 16;
    ptrdiff_t i = 0;
    for (; i + lanes <= n; i += lanes)
      for (ptrdiff_t next = 0; next < lanes;) {
        float steps[lanes];
        int far = 0;
        for (ptrdiff_t j = 0; j < lanes; ++j) {
          steps[j] = steps_to(i + j);
          far |= int(__builtin_fabsf(steps[j]) > 0.5f) << j;
        }
        far &= -1 << next;
        if (far == 0) break;
        next = __builtin_ctz(unsigned(far));
        move(i + next, steps[next]);
        ++next;
      }
    for (; i < n; ++i)
      if (const float steps = steps_to(i); __builtin_fabsf(steps) > 0.5f) move(i, steps);
    factor = best_factor();
  }
  return factor;
}
