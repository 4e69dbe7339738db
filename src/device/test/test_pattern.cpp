#include "device/test/test_pattern.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "device/test/bitmap_font.h"

namespace campush {

namespace {

constexpr uint8_t black = 24, white = 226, dark = 48, bright = 200, neutral = 128;
/// How long a moving bar takes from the left side to the right one.
constexpr int64_t crossing_ms = 4000;
constexpr uint32_t moving_bars = 4;
/// The pictures' heights are cut into twelfths: colour bars 0 to 3, name and time 3 to 7, moving bars 7 to 10, strip 10 to 12.
constexpr uint32_t parts = 12, text_part = 3, moving_part = 7, strip_part = 10;
constexpr uint32_t cell_width = glyph_width + 1, cell_height = glyph_height + 2;
constexpr uint32_t widest_line = 26;

uint32_t dot_size(uint32_t width, uint32_t height) noexcept {
  const uint32_t by_width = width / (widest_line * cell_width);
  const uint32_t by_height = height * (moving_part - text_part) / parts / (2 * cell_height);
  return std::max(1u, std::min(by_width, by_height));
}

uint32_t even(uint32_t value) noexcept {
  return value & ~1u;
}

}  // namespace

std::string wall_text(wall_ms time) {
  const auto seconds = static_cast<time_t>(time.count() / 1000);
  tm parts_of_time{};
  ::gmtime_r(&seconds, &parts_of_time);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}Z", parts_of_time.tm_year + 1900,
                     parts_of_time.tm_mon + 1, parts_of_time.tm_mday, parts_of_time.tm_hour, parts_of_time.tm_min,
                     parts_of_time.tm_sec, time.count() % 1000);
}

test_pattern::test_pattern(uint32_t width, uint32_t height, const std::string& name)
    : m_width(width),
      m_height(height),
      m_dot(dot_size(width, height)),
      m_luma(size_t{width} * height, dark),
      m_cb(size_t{width} / 2 * (height / 2), neutral),
      m_cr(m_cb) {
  m_picture.shape = {pixel_format::yuv420, width, height, false};
  m_picture.planes = {m_luma, m_cb, m_cr};
  m_picture.strides = {width, width / 2, width / 2};
  draw_bars();
  for (size_t i = 0; i < std::min<size_t>(name.size(), widest_line); ++i) draw_letter(name[i], cell_of(i, 0));
}

void test_pattern::fill(const area& where, uint8_t luma) noexcept {
  for (uint32_t y = where.top; y < where.top + where.height; ++y) {
    std::memset(m_luma.data() + size_t{y} * m_width + where.left, luma, where.width);
  }
}

void test_pattern::fill(const area& where, const colour& with) noexcept {
  fill(where, with.y);
  for (uint32_t y = where.top / 2; y < (where.top + where.height) / 2; ++y) {
    const size_t first = size_t{y} * (m_width / 2) + where.left / 2;
    std::memset(m_cb.data() + first, with.cb, where.width / 2);
    std::memset(m_cr.data() + first, with.cr, where.width / 2);
  }
}

/// White, yellow, cyan, green, magenta, red, blue at 75 %, and the dark field that flashes (ITU-R BT.601).
void test_pattern::draw_bars() noexcept {
  constexpr colour bars[] = {{180, 128, 128}, {162, 44, 142}, {131, 156, 44}, {112, 72, 58},
                             {84, 184, 198},  {65, 100, 212}, {35, 212, 114}, {black, 128, 128}};
  constexpr uint32_t count = sizeof bars / sizeof bars[0];
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t left = even(m_width * i / count), right = even(m_width * (i + 1) / count);
    fill(area{left, 0, right - left, even(m_height * text_part / parts)}, bars[i]);
  }
}

test_pattern::area test_pattern::cell_of(size_t index, uint32_t line) const noexcept {
  const uint32_t left = m_dot * (1 + cell_width * static_cast<uint32_t>(index));
  const uint32_t top = m_height * text_part / parts + m_dot * (1 + cell_height * line);
  return {left, top, glyph_width * m_dot, glyph_height * m_dot};
}

/// Letters that would stand outside of a small picture are left out.
void test_pattern::draw_letter(char letter, const area& cell) noexcept {
  if (cell.left + cell.width > m_width || cell.top + cell.height > m_height * moving_part / parts) return;
  const glyph& shape = glyph_of(letter);
  for (uint32_t row = 0; row < glyph_height; ++row) {
    for (uint32_t column = 0; column < glyph_width; ++column) {
      const bool is_set = (shape[row] >> (glyph_width - 1 - column) & 1) != 0;
      fill(area{cell.left + column * m_dot, cell.top + row * m_dot, m_dot, m_dot}, is_set ? white : dark);
    }
  }
}

void test_pattern::draw_time(wall_ms time) {
  std::string text = wall_text(time);
  m_shown_time.resize(text.size(), '\0');
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != m_shown_time[i]) draw_letter(text[i], cell_of(i, 1));
  }
  m_shown_time = std::move(text);
}

void test_pattern::draw_moving_bars(wall_ms time) noexcept {
  const uint32_t top = m_height * moving_part / parts, bottom = m_height * strip_part / parts;
  fill(area{0, top, m_width, bottom - top}, dark);
  const auto moved = static_cast<uint32_t>((time.count() % crossing_ms) * m_width / crossing_ms);
  const uint32_t bar_width = m_width / (2 * moving_bars);
  for (uint32_t i = 0; i < moving_bars; ++i) {
    const uint32_t left = (moved + m_width * i / moving_bars) % m_width;
    const uint32_t first = std::min(bar_width, m_width - left);
    fill(area{left, top, first, bottom - top}, bright);
    if (first < bar_width) fill(area{0, top, bar_width - first, bottom - top}, bright);
  }
}

void test_pattern::draw_strip(wall_ms time) noexcept {
  const uint64_t bits = strip_bits_of(time);
  constexpr uint32_t count = strip_columns * strip_rows;
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t mask = uint64_t{1} << (count - 1 - i);
    if (m_has_strip && (bits & mask) == (m_shown_bits & mask)) continue;
    const strip_block block = strip_block_at(i, m_width, m_height);
    fill(area{block.left, block.top, block.right - block.left, block.bottom - block.top},
         (bits & mask) != 0 ? white : black);
  }
  m_shown_bits = bits;
  m_has_strip = true;
}

const raw_picture& test_pattern::draw(wall_ms time, bool is_flashing) {
  const uint32_t flash_left = even(m_width * 7 / 8);
  fill(area{flash_left, 0, m_width - flash_left, even(m_height * text_part / parts)}, is_flashing ? white : black);
  draw_time(time);
  draw_moving_bars(time);
  draw_strip(time);
  return m_picture;
}

}  // namespace campush
