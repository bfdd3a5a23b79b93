// Random numbers that are the same everywhere: SplitMix64 (Steele, Lea and Flood 2014).
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace nearmost {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  size_t below(size_t n) { return size_t((next() >> 32) * uint64_t(n) >> 32); }  // n below 2^32
  // About normal: a sum of twelve, so that no function of libm can make it differ.
  float normal() {
    float sum = -6;
    for (int i = 0; i < 12; ++i) sum += float(next() >> 40) * 0x1p-24f;
    return sum;
  }

 private:
  uint64_t state_;
};

}  // namespace nearmost
