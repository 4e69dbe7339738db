#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "util/byte_view.h"

namespace campush {

/// The wall clock as 64 black and white blocks in the lowest sixth of a picture, for programs to read: 4 rows of 16, row by row, the
/// highest bit first. White is 1. 48 bits: milliseconds since 1970 (UTC); 16 bits: CRC-16/CCITT-FALSE of those six bytes.
/// Source: docs/test_pattern.md, where the geometry stands for readers in other languages.
inline constexpr uint32_t strip_columns = 16, strip_rows = 4, strip_height_divisor = 6;

/// A block's place in a picture, in whole pixels; `right` and `bottom` are beyond it.
struct strip_block {
  uint32_t left = 0, top = 0, right = 0, bottom = 0;
};
strip_block strip_block_at(uint32_t index, uint32_t width, uint32_t height) noexcept;

using wall_ms = std::chrono::milliseconds;  ///< since 1970

uint64_t strip_bits_of(wall_ms time) noexcept;
/// None where the checksum is wrong.
std::optional<wall_ms> time_of_strip_bits(uint64_t bits) noexcept;

/// Reads the strip from the luma of a picture of any size. None where there is none.
std::optional<wall_ms> read_time_strip(byte_view luma, uint32_t stride, uint32_t width, uint32_t height) noexcept;

}  // namespace campush
