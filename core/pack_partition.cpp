// A partition's rows into 4-bit codes.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels.h"
#include "partition.h"

namespace nearmost {
namespace {

constexpr int kZero = 128;
constexpr size_t kListsPerItem = 64;

// List l as a query sees it.
void decode(const Panels& lists, size_t l, size_t dim, float* out) {
  const size_t words = (dim + 3) / 4;
  const uint8_t* panel = lists.codes + l / kPanelRows * words * kPanelBytes + l % kPanelRows * kWordBytes;
  for (size_t k = 0; k < dim; ++k)
    out[k] = lists.scales[l] * float(int(panel[k / kWordBytes * kPanelBytes + k % kWordBytes]) - kZero);
}

// codes: zeros up to a multiple of 8.
void place_codes(const uint8_t* codes, size_t halves, size_t lane, uint8_t* block) {
  for (size_t h = 0; h < halves; ++h) {
    uint32_t low, high;
    std::memcpy(&low, codes + h * 8, kWordBytes);
    std::memcpy(&high, codes + h * 8 + kWordBytes, kWordBytes);
    low |= high << 4;
    std::memcpy(block + h * kHalfBytes + lane * kWordBytes, &low, kWordBytes);
  }
}

class ListPacker {
 public:
  ListPacker(const Partition& p, const float* inside, const float* shift, const float* half_squares, float eta)
      : p_(p), inside_(inside), shift_(shift), half_squares_(half_squares), eta_(eta) {
    const size_t m = p.frame.turned;
    centroid_.resize(m);
    residual_.resize(m);
    direction_.resize(m);
    codes_.resize(p.halves() * 8);
  }

  void list(size_t l, uint8_t* blocks) {
    decode(p_.lists, l, p_.frame.turned, centroid_.data());
    const size_t bytes = p_.block_bytes();
    for (size_t b = p_.list_first[l]; b < p_.list_first[l + 1]; ++b) {
      uint8_t* block = blocks + b * bytes;
      std::memset(block, 0, bytes);
      float numbers[2][kListRows];
      for (size_t lane = 0; lane < kListRows; ++lane) {
        const uint32_t row = p_.slots[b * kListRows + lane];
        numbers[0][lane] = std::numeric_limits<float>::quiet_NaN();  // passes no comparison
        numbers[1][lane] = 0;
        if (row == kNoRow) continue;
        numbers[0][lane] = code(inside_ + row * p_.frame.turned);
        place_codes(codes_.data(), p_.halves(), lane, block);
        if (p_.offsets()) numbers[1][lane] = -(half_squares_[row] + p_.lists.biases[l]);
      }
      std::memcpy(block + p_.halves() * kHalfBytes, numbers, bytes - p_.halves() * kHalfBytes);
    }
  }

 private:
  float code(const float* row) {
    const size_t n = p_.coded;
    for (size_t k = 0; k < n; ++k) residual_[k] = row[k] - centroid_[k];
    if (shift_) aim(row, n);
    return kernels().encode(residual_.data(), shift_ ? direction_.data() : nullptr, ptrdiff_t(n), eta_, codes_.data());
  }

  // The direction of the row, of length 1.
  void aim(const float* row, size_t n) {
    constexpr size_t lanes = 16;
    float sums[lanes] = {}, squares = 0;
    for (size_t k = 0; k < n; ++k) direction_[k] = row[k] + shift_[k];
    for (size_t k = 0; k + lanes <= n; k += lanes)
      for (size_t j = 0; j < lanes; ++j) sums[j] += direction_[k + j] * direction_[k + j];
    for (size_t k = n / lanes * lanes; k < n; ++k) squares += direction_[k] * direction_[k];
    for (const float sum : sums) squares += sum;
    const float per_length = squares > 1e-20f ? 1 / std::sqrt(squares) : 0;
    for (size_t k = 0; k < n; ++k) direction_[k] *= per_length;
  }

  const Partition& p_;
  const float *inside_, *shift_, *half_squares_;
  const float eta_;
  std::vector<float> centroid_, residual_, direction_;
  std::vector<uint8_t> codes_;
};

}  // namespace

bool pack_lists(const Partition& partition, const float* inside, const float* shift, const float* half_squares,
                float eta, uint8_t* blocks, int n_threads, const Poll& poll) {
  const size_t lists = partition.lists.blocks * kPanelRows;
  return parallel_for((lists + kListsPerItem - 1) / kListsPerItem, n_threads, poll, [&](size_t item, const GoOn&) {
    ListPacker packer(partition, inside, shift, half_squares, eta);
    const size_t end = std::min(lists, (item + 1) * kListsPerItem);
    for (size_t l = item * kListsPerItem; l < end; ++l) packer.list(l, blocks);
  });
}

}  // namespace nearmost
