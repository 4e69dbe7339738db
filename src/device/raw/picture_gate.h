#pragma once

#include <cstdint>

#include "util/clock.h"

namespace campush {

/// Decides which pictures of a camera are encoded: as many a second as wanted, evenly spaced, and fewer where encoding takes longer than
/// the time between two of them. An encoder that got faster is given more again after 10 s.
/// Units: periods are the time between two pictures; zero: all that come.
/// Thread: one thread (capture-thread).
class picture_gate {
 public:
  /// Before the first picture, and again when the source was opened anew. `coming_period`: as the driver says it.
  void start(duration wanted_period, duration coming_period) noexcept;
  bool admits(time_point captured_at) noexcept;
  /// How long the picture that was admitted kept the encoder.
  void on_encoded(duration took, time_point now) noexcept;

  /// Pictures that would have been wanted and were left out for want of time.
  uint64_t left_out() const noexcept { return m_left_out; }
  /// One of so many is encoded; 1: every one that is wanted.
  uint32_t divisor() const noexcept { return m_divisor; }

 private:
  duration m_period{};    ///< wanted
  duration m_declared{};  ///< of what comes, zero: not known
  duration m_coming{};    ///< measured, smoothed
  duration m_took{};      ///< measured, smoothed
  time_point m_last_seen{}, m_next{}, m_changed_at{};
  bool m_has_seen = false, m_has_admitted = false;
  uint32_t m_divisor = 1, m_phase = 0;
  uint64_t m_left_out = 0;
};

}  // namespace campush
