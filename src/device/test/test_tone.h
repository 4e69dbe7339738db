#pragma once

#include <cstdint>

#include "util/clock.h"

namespace campush {

/// How long the tone sounds, and the field flashes, from each full second of the wall clock on.
inline constexpr duration tone_length = std::chrono::milliseconds(100);

/// Makes the sound of the test pattern: a sine on each full second, silence between.
/// Units: wall times in microseconds since 1970; samples are interleaved, the same in all channels.
/// Thread: any-thread (a value type without state).
class test_tone {
 public:
  test_tone(uint32_t hertz, uint32_t sample_rate, uint32_t channels) noexcept
      : m_hertz(hertz), m_sample_rate(sample_rate), m_channels(channels) {}
  void fill(int16_t* samples, uint32_t frames, int64_t wall_us) const noexcept;

 private:
  int16_t sample_at(int64_t us_into_second) const noexcept;

  uint32_t m_hertz, m_sample_rate, m_channels;
};

}  // namespace campush
