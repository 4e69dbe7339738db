#include "device/test/test_tone.h"

#include <algorithm>
#include <cmath>

namespace campush {

namespace {

constexpr int64_t us_per_second = 1'000'000;
/// It swells and fades so long, so that it does not click.
constexpr double ramp_us = 3000;
constexpr double loudness = 12'000;
constexpr double two_pi = 6.283185307179586;

}  // namespace

int16_t test_tone::sample_at(int64_t us_into_second) const noexcept {
  const int64_t length = tone_length.count();
  if (us_into_second >= length) return 0;
  const auto from_edge = static_cast<double>(std::min(us_into_second, length - us_into_second));
  const double envelope = std::min(1.0, from_edge / ramp_us);
  const double angle = two_pi * m_hertz * static_cast<double>(us_into_second) / us_per_second;
  return static_cast<int16_t>(std::lround(loudness * envelope * std::sin(angle)));
}

void test_tone::fill(int16_t* samples, uint32_t frames, int64_t wall_us) const noexcept {
  for (uint32_t i = 0; i < frames; ++i) {
    const int64_t at = wall_us + int64_t{i} * us_per_second / m_sample_rate;
    std::fill_n(samples + size_t{i} * m_channels, m_channels, sample_at(at % us_per_second));
  }
}

}  // namespace campush
