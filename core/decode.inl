// Numbers of a few types into float32, each exactly. Included by each kernels_*.cpp after halves(from, n, to), which
// decodes as many float16 as its registers take at a time and returns how many those were.

static float from_half(uint16_t half) {
  const uint32_t sign = uint32_t(half & 0x8000) << 16, magnitude = half & 0x7fff;
  uint32_t bits = sign | ((magnitude << 13) + (112u << 23));            // another bias of the exponent
  if (magnitude >= 0x7c00) bits = sign | 0x7f800000 | magnitude << 13;  // infinity and NaN
  float number;
  if (magnitude < 0x0400) {  // zero, or subnormal: a multiple of 2^-24
    number = float(magnitude) * 0x1p-24f;
    return sign ? -number : number;
  }
  __builtin_memcpy(&number, &bits, sizeof number);
  return number;
}

static void decode(Number number, const uint8_t* from, ptrdiff_t n, float* to) {
  switch (number) {
    case Number::float32:
      __builtin_memcpy(to, from, size_t(n) * sizeof(float));
      return;
    case Number::float16:
      for (ptrdiff_t i = halves(from, n, to); i < n; ++i) {
        uint16_t half;
        __builtin_memcpy(&half, from + 2 * i, sizeof half);
        to[i] = from_half(half);
      }
      return;
    case Number::uint8:
      for (ptrdiff_t i = 0; i < n; ++i) to[i] = float(from[i]);
      return;
    case Number::int8:
      for (ptrdiff_t i = 0; i < n; ++i) to[i] = float(reinterpret_cast<const int8_t*>(from)[i]);
      return;
    case Number::bits:
      for (ptrdiff_t i = 0; i < n; ++i) to[i] = float(from[i / 8] >> (i % 8) & 1);
      return;
  }
}
