#pragma once

#include <array>

#include "device/alsa/sample_clock.h"
#include "fakes/simulated_sound_card.h"

namespace campush::test {

/// What an hour of a simulated day came to: a block's time against the truth, in milliseconds.
struct hour_of_sound {
  double largest_ms = 0, at_end_ms = 0;
  int32_t drift_ppm = 0;
};
struct day_of_sound {
  std::array<hour_of_sound, 24> hours{};
  double uncorrected_ms = 0;  ///< what counting samples alone would be off by at the end
  double largest_step_back_us = 0;
  double largest_bend = 0;        ///< of one period against its length, 6 s after a start and later
  double largest_start_bend = 0;  ///< before that
};

/// A day of capture. Every two hours, in the middle of one, the device overruns and loses a third of a second; at noon the machine's
/// sound is suspended for a second. The first 10 s, while the clock settles, count to no hour.
inline day_of_sound run_day_of_sound(const simulated_card_options& options, uint32_t seed) {
  const time_point start{std::chrono::hours(1)};
  simulated_sound_card card(options, start, seed);
  sample_clock clock(options.rate);
  day_of_sound out;
  const uint64_t periods_an_hour = 3600ull * options.rate / options.period;
  const uint64_t settling = 10ull * options.rate / options.period;
  const uint64_t starting = 6ull * options.rate / options.period;
  time_point last{};
  duration lost{};
  uint64_t last_start = 0;
  for (uint64_t period = 0; period < 24 * periods_an_hour; ++period) {
    const bool is_overrun = period % (2 * periods_an_hour) == periods_an_hour / 2;
    const bool is_suspended = period == 12 * periods_an_hour;
    if (is_overrun || is_suspended) {
      const duration length = is_suspended ? std::chrono::milliseconds(1000) : std::chrono::milliseconds(333);
      card.stop_for(length);
      lost += length;
      last_start = period;
      clock.restart(card.position());
    }
    const time_point truth_of_block = card.truth();
    const uint64_t block = card.position();
    card.next_period();
    clock.observe(card.seen_position(), card.seen_at());
    const time_point told = clock.time_of(block);
    const auto moved = static_cast<double>((told - last).count());
    const double expected = 1e6 * options.period / options.rate;
    if (last != time_point{}) out.largest_step_back_us = std::max(out.largest_step_back_us, -moved);
    if (last != time_point{} && !is_overrun && !is_suspended) {
      double& largest = period - last_start < starting ? out.largest_start_bend : out.largest_bend;
      largest = std::max(largest, std::abs(moved / expected - 1));
    }
    last = told;
    if (period < settling) continue;
    hour_of_sound& hour = out.hours[period / periods_an_hour];
    hour.at_end_ms = static_cast<double>((told - truth_of_block).count()) / 1000;
    hour.largest_ms = std::max(hour.largest_ms, std::abs(hour.at_end_ms));
    hour.drift_ppm = clock.drift_ppm();
    const double counted_us = static_cast<double>(block) * 1e6 / options.rate;
    out.uncorrected_ms = (static_cast<double>((start + lost - truth_of_block).count()) + counted_us) / 1000;
  }
  return out;
}

}  // namespace campush::test
