#pragma once

#include <array>
#include <cstdint>

namespace campush {

/// A letter of 5 by 7 dots: a row a byte, bit 4 is its left dot.
using glyph = std::array<uint8_t, 7>;
inline constexpr uint32_t glyph_width = 5, glyph_height = 7;

/// Digits, Latin capitals (small letters are shown as capitals) and the signs of times and names; a question mark for others.
const glyph& glyph_of(char letter) noexcept;

}  // namespace campush
