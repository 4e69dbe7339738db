#include "device/test/time_strip.h"

namespace campush {

namespace {

constexpr int crc_bits = 16;
constexpr uint64_t largest_time = (uint64_t{1} << 48) - 1;
constexpr uint32_t middle_grey = 128;

/// CRC-16/CCITT-FALSE: polynomial 0x1021, begins with 0xffff, nothing reflected.
uint16_t checksum(uint64_t six_bytes) noexcept {
  uint32_t crc = 0xffff;
  for (int shift = 40; shift >= 0; shift -= 8) {
    crc ^= static_cast<uint32_t>(six_bytes >> shift & 0xff) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return static_cast<uint16_t>(crc);
}

/// Of the middle of a block: what an encoder smears is its border.
uint32_t mean_luma(byte_view luma, uint32_t stride, const strip_block& block) noexcept {
  const uint32_t margin_x = (block.right - block.left) / 4, margin_y = (block.bottom - block.top) / 4;
  uint64_t sum = 0, count = 0;
  for (uint32_t y = block.top + margin_y; y < block.bottom - margin_y; ++y) {
    for (uint32_t x = block.left + margin_x; x < block.right - margin_x; ++x, ++count)
      sum += luma[size_t{y} * stride + x];
  }
  return count > 0 ? static_cast<uint32_t>(sum / count) : 0;
}

}  // namespace

strip_block strip_block_at(uint32_t index, uint32_t width, uint32_t height) noexcept {
  const uint32_t column = index % strip_columns, row = index / strip_columns;
  const uint32_t strip_height = height / strip_height_divisor, strip_top = height - strip_height;
  return {width * column / strip_columns, strip_top + strip_height * row / strip_rows,
          width * (column + 1) / strip_columns, strip_top + strip_height * (row + 1) / strip_rows};
}

uint64_t strip_bits_of(wall_ms time) noexcept {
  const uint64_t value = static_cast<uint64_t>(time.count()) & largest_time;
  return value << crc_bits | checksum(value);
}

std::optional<wall_ms> time_of_strip_bits(uint64_t bits) noexcept {
  const uint64_t value = bits >> crc_bits;
  if ((bits & 0xffff) != checksum(value)) return std::nullopt;
  return wall_ms(static_cast<int64_t>(value));
}

std::optional<wall_ms> read_time_strip(byte_view luma, uint32_t stride, uint32_t width, uint32_t height) noexcept {
  const bool is_whole = width > 0 && height > 0 && stride >= width && luma.size() >= size_t{stride} * height;
  if (!is_whole) return std::nullopt;
  uint64_t bits = 0;
  for (uint32_t i = 0; i < strip_columns * strip_rows; ++i) {
    const bool is_white = mean_luma(luma, stride, strip_block_at(i, width, height)) >= middle_grey;
    bits = bits << 1 | (is_white ? 1 : 0);
  }
  return time_of_strip_bits(bits);
}

}  // namespace campush
