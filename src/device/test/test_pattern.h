#pragma once

#include <string>
#include <vector>

#include "codec/picture.h"
#include "device/test/time_strip.h"

namespace campush {

/// Draws the test pattern: colour bars, a name, the wall clock with milliseconds, bars that move, a field that flashes, and the time strip.
/// What stands still is drawn once; each picture changes only what moves.
/// Shape: yuv420, limited range, in memory of its own that lives as long as it does and is overwritten by draw(). Places are fractions of
///   the picture: docs/test_pattern.md.
/// Thread: one thread.
class test_pattern {
 public:
  /// Sides are even and at least 32.
  test_pattern(uint32_t width, uint32_t height, const std::string& name);
  const raw_picture& draw(wall_ms time, bool is_flashing);

 private:
  struct area {
    uint32_t left = 0, top = 0, width = 0, height = 0;
  };
  struct colour {
    uint8_t y = 0, cb = 0, cr = 0;
  };
  void fill(const area& where, uint8_t luma) noexcept;
  void fill(const area& where, const colour& with) noexcept;
  void draw_bars() noexcept;
  void draw_letter(char letter, const area& cell) noexcept;
  area cell_of(size_t index, uint32_t line) const noexcept;
  void draw_time(wall_ms time);
  void draw_moving_bars(wall_ms time) noexcept;
  void draw_strip(wall_ms time) noexcept;

  const uint32_t m_width, m_height, m_dot;
  std::vector<uint8_t> m_luma, m_cb, m_cr;
  raw_picture m_picture;
  std::string m_shown_time;
  uint64_t m_shown_bits = 0;
  bool m_has_strip = false;
};

/// "2026-11-20 16:34:05.123Z"
std::string wall_text(wall_ms time);

}  // namespace campush
