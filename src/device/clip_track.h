#pragma once

#include <cstdint>

namespace campush {

/// A length of time as an exact fraction of a microsecond count.
/// Units: numerator microseconds ÷ denominator.
struct exact_span {
  int64_t numerator_us = 0;
  int64_t denominator = 1;

  constexpr int64_t whole_us() const noexcept { return numerator_us / denominator; }
  constexpr int64_t remainder() const noexcept { return numerator_us % denominator; }
  constexpr exact_span times(int64_t count) const noexcept { return {numerator_us * count, denominator}; }
};
/// Compares by whole part and remainder: the full cross product of two long clips would overflow.
constexpr bool operator<(const exact_span& left, const exact_span& right) noexcept {
  if (left.whole_us() != right.whole_us()) return left.whole_us() < right.whole_us();
  return left.remainder() * right.denominator < right.remainder() * left.denominator;
}

/// The time line of one track of a clip: equal items, repeated. Both tracks of a clip are given the same loop length, so
/// that they stay together for ever: fractions of a microsecond are carried from loop to loop, never rounded away.
/// Units: microseconds since the clip began; at most 10^7 items of numerators up to 2 × 10^9.
/// Thread: capture-thread (a value type).
class clip_track {
 public:
  clip_track() noexcept = default;
  /// `start_us`: when the first item is due, in every loop.
  clip_track(int64_t count, exact_span item, int64_t start_us) noexcept
      : m_count(count), m_start_us(start_us), m_item(item) {}

  exact_span length() const noexcept { return m_item.times(m_count); }
  int64_t start_us() const noexcept { return m_start_us; }
  bool has_item() const noexcept { return m_index < m_count; }
  int64_t index() const noexcept { return m_index; }
  /// When the current item is due, or the one `ahead` items after it on the same loop's time line.
  int64_t due_us(int64_t ahead = 0) const noexcept {
    return m_start_us + m_loop_us + m_item.times(m_index + ahead).whole_us();
  }
  void next_item() noexcept { ++m_index; }
  void next_loop(exact_span loop) noexcept {
    m_index = 0;
    m_loop_us += loop.whole_us();
    m_loop_remainder += loop.remainder();
    if (m_loop_remainder < loop.denominator) return;
    m_loop_remainder -= loop.denominator;
    ++m_loop_us;
  }

 private:
  int64_t m_count = 0, m_index = 0, m_start_us = 0, m_loop_us = 0, m_loop_remainder = 0;
  exact_span m_item;
};

}  // namespace campush
