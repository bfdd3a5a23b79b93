// Integer products by matrix tiles (AMX), everything else as for AVX-512. A panel row is what a tile of the second
// operand wants: 16 words of one block are a tile as they lie in memory.
#include <immintrin.h>

#include "kernels.h"

namespace nearmost {
namespace {

constexpr int kBatchQueries = 16, kBatchBlocks = 4, kTileWords = 16;

// Tiles 0 to 3 are sums of 16 queries x 16 rows; 4 and 5 the operands of 16 words; 6 and 7 those of the words left
// over.
struct alignas(64) Shapes {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  explicit Shapes(int words_left) {
    for (int t = 0; t < 6; ++t) {
      row_bytes[t] = 64;
      rows[t] = 16;
    }
    if (words_left == 0) return;
    row_bytes[6] = uint16_t(words_left * kWordBytes);
    rows[6] = kBatchQueries;
    row_bytes[7] = 64;
    rows[7] = uint8_t(words_left);
  }
};

// A tile of any number of queries, from those that AVX-512 has bodies for.
void in_parts(const Tile& t, void (*body)(const Tile&)) {
  for (int q = 0; q < t.n_queries;) {
    const int n = t.n_queries - q >= kAvx512Kernels.batch_queries ? kAvx512Kernels.batch_queries : 1;
    body({t.panels, t.queries + q * t.words, t.words, n, t.n_blocks, t.sums + q * t.n_blocks * kPanelRows});
    q += n;
  }
}

void l1(const Tile& t) { in_parts(t, kAvx512Kernels.l1); }
void bits(const Tile& t) { in_parts(t, kAvx512Kernels.bits); }

// The numbers of tiles are pasted into the instructions, so they must be written out, and the two steps with them.
void dot(const Tile& t) {
  if (t.n_queries != kBatchQueries || t.n_blocks != kBatchBlocks) return in_parts(t, kAvx512Kernels.dot);
  const ptrdiff_t whole = t.words / kTileWords * kTileWords, stride = t.words * kPanelBytes;
  const Shapes shapes(int(t.words - whole));
  _tile_loadconfig(&shapes);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  const int query_stride = int(t.words) * kWordBytes;
  for (ptrdiff_t w = 0; w < whole; w += kTileWords) {
    const uint8_t* panel = t.panels + w * kPanelBytes;
    _tile_loadd(4, t.queries + w, query_stride);
    _tile_loadd(5, panel, kPanelBytes);
    _tile_dpbsud(0, 4, 5);
    _tile_loadd(5, panel + stride, kPanelBytes);
    _tile_dpbsud(1, 4, 5);
    _tile_loadd(5, panel + 2 * stride, kPanelBytes);
    _tile_dpbsud(2, 4, 5);
    _tile_loadd(5, panel + 3 * stride, kPanelBytes);
    _tile_dpbsud(3, 4, 5);
  }
  if (whole < t.words) {
    const uint8_t* panel = t.panels + whole * kPanelBytes;
    _tile_loadd(6, t.queries + whole, query_stride);
    _tile_loadd(7, panel, kPanelBytes);
    _tile_dpbsud(0, 6, 7);
    _tile_loadd(7, panel + stride, kPanelBytes);
    _tile_dpbsud(1, 6, 7);
    _tile_loadd(7, panel + 2 * stride, kPanelBytes);
    _tile_dpbsud(2, 6, 7);
    _tile_loadd(7, panel + 3 * stride, kPanelBytes);
    _tile_dpbsud(3, 6, 7);
  }
  constexpr int out = kBatchBlocks * kPanelRows * 4;
  _tile_stored(0, t.sums, out);
  _tile_stored(1, t.sums + kPanelRows, out);
  _tile_stored(2, t.sums + 2 * kPanelRows, out);
  _tile_stored(3, t.sums + 3 * kPanelRows, out);
  _tile_release();
}

}  // namespace

Kernels amx_kernels() {
  Kernels k = kAvx512Kernels;
  k.name = "amx";
  k.batch_queries = kBatchQueries;
  k.batch_blocks = kBatchBlocks;
  k.dot = dot;
  k.l1 = l1;
  k.bits = bits;
  return k;
}

}  // namespace nearmost
