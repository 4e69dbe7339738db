#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "fakes/seeded_random.h"
#include "util/clock.h"

namespace campush::test {

/// A sound card whose crystal is off, and a reader that wakes up late: hours of it in a moment.
/// Shape: next_period() goes on by one period. The truth is straight from the start of the device on, so that the truth of every
///   sample is known.
struct simulated_card_options {
  uint32_t rate = 48'000, period = 480;
  double drift_ppm = 0;
  /// The crystal's warmth: it swings this much around its drift over a day.
  double swing_ppm = 0;
  duration usual_lateness{};  ///< mean of an exponential distribution
  uint32_t late_in_a_thousand = 0;
  duration great_lateness{};  ///< how late those are
  /// The driver was interrupted between count and clock.
  uint32_t mistimed_in_a_thousand = 0;
  duration mistimed{};
};

class simulated_sound_card {
 public:
  simulated_sound_card(const simulated_card_options& options, time_point start, uint32_t seed)
      : m_options(options), m_random(seed), m_truth_us(static_cast<double>(start.time_since_epoch().count())) {}

  /// The reader has been woken for the next period. The card counts in whole periods: who comes late sees what has been captured by then.
  void next_period() {
    m_position += m_options.period;
    m_truth_us += period_us();
    const duration late = lateness();
    const auto more = static_cast<uint64_t>(static_cast<double>(late.count()) / period_us());
    m_seen_position = std::max(m_seen_position, m_position + more * m_options.period);
    const duration stamped_late =
        m_random.between(0, 999) < m_options.mistimed_in_a_thousand ? m_options.mistimed : duration{};
    m_seen_at = std::max(m_seen_at, time_point(duration(std::llround(m_truth_us))) + late + stamped_late);
  }
  /// The device stands still: samples of this time are lost.
  void stop_for(duration length) {
    m_truth_us += static_cast<double>(length.count());
    m_seen_position = m_position;
  }

  uint64_t position() const { return m_position; }
  /// What the driver says: how much, and when that was.
  uint64_t seen_position() const { return m_seen_position; }
  time_point seen_at() const { return m_seen_at; }
  /// When sample position() was captured.
  time_point truth() const { return time_point(duration(std::llround(m_truth_us))); }
  double us_per_sample() const {
    constexpr double day_us = 86'400e6;
    const double swing = m_options.swing_ppm * std::sin(m_truth_us / day_us * 2 * 3.14159265358979);
    return 1e6 / (m_options.rate * (1 + (m_options.drift_ppm + swing) * 1e-6));
  }

 private:
  double period_us() const { return static_cast<double>(m_options.period) * us_per_sample(); }
  duration lateness() {
    const double share = (1.0 + static_cast<double>(m_random.between(0, 999'999))) / 1e6;
    const double usual = -std::log(share) * static_cast<double>(m_options.usual_lateness.count());
    const bool is_late = m_random.between(0, 999) < m_options.late_in_a_thousand;
    return duration(std::llround(usual)) + (is_late ? m_options.great_lateness : duration::zero());
  }

  const simulated_card_options m_options;
  seeded_random m_random;
  double m_truth_us;
  uint64_t m_position = 0, m_seen_position = 0;
  time_point m_seen_at{};
};

}  // namespace campush::test
