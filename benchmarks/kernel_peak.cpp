// How close the integer matrix kernel comes to what this processor can do: multiply-accumulates per second of the
// kernel on operands in the first-level cache, against the same instructions on registers alone.
//
//   g++ -O3 -std=c++20 -DNEARMOST_X86 -Icore benchmarks/kernel_peak.cpp build/*/libnearmost_arithmetic.a -pthread
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

#include "kernels.h"

namespace {

constexpr int kRepeats = 40;

double best_seconds(const std::function<void()>& work) {
  double best = 1e9;
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

constexpr long kSteps = 1 << 19;
volatile int sink;

__attribute__((target("avx512f,avx512bw,avx512vnni"))) void registers_avx512() {
  __m512i s[24];
#pragma GCC unroll 24
  for (int i = 0; i < 24; ++i) s[i] = _mm512_setzero_si512();
  const __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
  for (long step = 0; step < kSteps; ++step) {
#pragma GCC unroll 24
    for (int i = 0; i < 24; ++i) {
      s[i] = _mm512_dpbusd_epi32(s[i], a, b);
      asm volatile("" : "+v"(s[i]));  // or equal sums would be computed once
    }
  }
  __m512i all = s[0];
#pragma GCC unroll 24
  for (int i = 1; i < 24; ++i) all = _mm512_add_epi32(all, s[i]);
  sink = _mm512_reduce_add_epi32(all);
}

__attribute__((target("avx2"))) void registers_avx2() {
  __m256i s[10];
#pragma GCC unroll 10
  for (int i = 0; i < 10; ++i) s[i] = _mm256_setzero_si256();
  __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  const __m256i ones = _mm256_set1_epi16(1);
  for (long step = 0; step < kSteps; ++step) {
    asm volatile("" : "+x"(a), "+x"(b));
#pragma GCC unroll 10
    for (int i = 0; i < 10; ++i) {
      asm volatile("" : "+x"(b));  // each product is computed anew
      s[i] = _mm256_add_epi32(s[i], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
    }
  }
  __m256i all = s[0];
#pragma GCC unroll 10
  for (int i = 1; i < 10; ++i) all = _mm256_add_epi32(all, s[i]);
  sink = _mm256_extract_epi32(all, 0);
}

}  // namespace

int main() {
  using namespace nearmost;
  const Kernels& k = kernels();
  const bool wide = k.query_limit == 127 && k.batch_queries > 1;
  for (const long dim : {100L, 384L, 768L}) {
    const long words = dim / 4, tiles = (1 << 22) / (dim * k.batch_queries);
    std::vector<uint8_t> room(size_t(words) * kPanelBytes * k.batch_blocks + 63, 200);
    const uint8_t* panels = room.data() + (-reinterpret_cast<uintptr_t>(room.data()) & 63);  // as in a mapped file
    std::vector<uint32_t> queries(size_t(words) * k.batch_queries, 0x01020304);
    std::vector<int32_t> sums(size_t(k.batch_queries) * k.batch_blocks * kPanelRows);
    const Tile tile = {panels, queries.data(), words, k.batch_queries, k.batch_blocks, sums.data()};
    const double seconds = best_seconds([&] {
      for (long i = 0; i < tiles; ++i) k.dot(tile);
    });
    const double macs = double(tiles) * double(dim) * k.batch_queries * k.batch_blocks * kPanelRows;
    std::printf("%s tile %dx%d dim %ld: %.1f GMAC/s\n", k.name, k.batch_queries, k.batch_blocks * kPanelRows, dim,
                macs / seconds / 1e9);
  }
  if (k.batch_queries != 4 && k.batch_queries != 6) return 0;  // generic has no such peak, and tiles another one
  const double seconds = best_seconds(wide ? registers_avx512 : registers_avx2);
  std::printf("%s registers alone: %.1f GMAC/s\n", k.name, double(kSteps) * (wide ? 24 * 64 : 10 * 32) / seconds / 1e9);
}
