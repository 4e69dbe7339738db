#include "device/alsa/sample_clock.h"

#include <algorithm>
#include <cmath>

namespace campush {

namespace {

// A Kalman filter of two states, fed once a window. Units: microseconds, and microseconds a second (ppm) for the rate.
constexpr double square(double value) noexcept {
  return value * value;
}
/// How far the earliest observation of a window is from the truth.
constexpr double observation_variance = square(2'000);
/// The first observation after a start may be any wake-up.
constexpr double anchor_variance = square(20'000);
constexpr double first_rate_variance = square(100);
/// A crystal that warms up: 1 ppm a minute.
constexpr double rate_walk = 1.0 / 60;
constexpr double largest_drift_ppm = 1'000;
/// In standard deviations. What is later than that is a reader that did not get the processor.
constexpr double believable_lateness = 3;

constexpr double steepest_bend = 0.005;
/// After a start the first observation may be as late as a busy machine made it. What comes earlier is followed steeply, since
/// picture and sound are apart until then.
constexpr double young_s = 4, steepest_young_bend = 0.1, error_worth_haste_us = 10'000;
constexpr double lag_worth_a_new_lock_us = 10'000;
constexpr double lag_of_a_gap_us = 40'000;
constexpr double seconds_of_a_lag = 5;

}  // namespace

sample_clock::sample_clock(uint32_t nominal_rate) noexcept
    : m_nominal_us(1e6 / static_cast<double>(std::max(nominal_rate, 1u))), m_second_samples(1e6 / m_nominal_us) {
  m_truth.us_per_sample = m_nominal_us;
  m_rate_variance = first_rate_variance;
}

void sample_clock::observe(uint64_t position, time_point at) noexcept {
  if (!m_has_origin) {
    m_origin = at;
    m_has_origin = true;
  }
  const auto at_us = static_cast<double>((at - m_origin).count());
  if (!m_is_anchored) return anchor(position, at_us);
  if (position < m_window_start) return;
  const double residual = at_us - m_truth.at(position);
  m_earliest_us = m_has_earliest ? std::min(m_earliest_us, residual) : residual;
  m_has_earliest = true;
  if (static_cast<double>(position - m_window_start) >= m_second_samples) end_window(position);
}

void sample_clock::anchor(uint64_t position, double at_us) noexcept {
  m_is_anchored = true;
  m_truth.position = position;
  m_truth.us = at_us;
  m_phase_variance = anchor_variance;
  m_covariance = 0;
  m_lag_s = m_age_s = 0;
  m_window_start = position;
  m_has_earliest = false;
  m_output = m_truth;
  // What was told before the gap may reach beyond its end by the error of both: times do not go back.
  if (m_floor_us > m_output.at(m_before.position)) m_output.us += m_floor_us - m_output.at(m_before.position);
  m_before = m_output;
  steer(position);
}

void sample_clock::restart(uint64_t position) noexcept {
  if (!m_is_anchored) return;
  m_floor_us = (position < m_output.position ? m_before : m_output).at(position);
  m_before.position = position;
  m_is_anchored = false;
}

void sample_clock::end_window(uint64_t position) noexcept {
  const double seconds = static_cast<double>(position - m_window_start) / m_second_samples;
  m_age_s += seconds;
  const double residual = m_earliest_us;
  m_window_start = position;
  m_has_earliest = false;
  judge_lag(residual, seconds);
  if (m_lag_s >= seconds_of_a_lag && residual > lag_of_a_gap_us) {
    ++m_silent_gaps;
    restart(position);
    return anchor(position, m_truth.at(position) + residual);
  }
  correct(residual, seconds, position);
  steer(position);
}

/// An observation is never early: one that is says at once that the truth is not what was believed. One that is late says
/// so only when all of several seconds are.
void sample_clock::judge_lag(double residual_us, double seconds) noexcept {
  const bool was_settled = m_lag_s < seconds_of_a_lag;
  m_lag_s = residual_us > lag_worth_a_new_lock_us ? m_lag_s + seconds : 0;
  const bool is_early = residual_us < -lag_worth_a_new_lock_us;
  if (is_early || (was_settled && m_lag_s >= seconds_of_a_lag)) {
    m_phase_variance = std::max(m_phase_variance, anchor_variance);
    m_covariance = 0;
  }
}

void sample_clock::correct(double residual_us, double seconds, uint64_t position) noexcept {
  m_phase_variance += 2 * seconds * m_covariance + square(seconds) * m_rate_variance;
  m_covariance += seconds * m_rate_variance;
  m_rate_variance += seconds * rate_walk;
  const double total = m_phase_variance + observation_variance;
  const double phase_gain = m_phase_variance / total, rate_gain = m_covariance / total;
  m_rate_variance -= rate_gain * m_covariance;
  m_covariance -= phase_gain * m_covariance;
  m_phase_variance -= phase_gain * m_phase_variance;

  const double believed_us = std::min(residual_us, believable_lateness * std::sqrt(total));
  const double phase_us = m_truth.at(position) + phase_gain * believed_us;
  const double old_ppm = (m_truth.us_per_sample / m_nominal_us - 1) * 1e6;
  const double ppm = std::clamp(old_ppm + rate_gain * believed_us, -largest_drift_ppm, largest_drift_ppm);
  m_truth = {position, phase_us, m_nominal_us * (1 + ppm * 1e-6)};
}

/// The output meets the truth at the end of the next window if the bend allows it.
void sample_clock::steer(uint64_t position) noexcept {
  m_before = m_output;
  const double here = m_output.at(position);
  const double error = m_truth.at(position) - here;
  const bool is_hasty = m_age_s < young_s && error < -error_worth_haste_us;
  const double wanted = error / m_second_samples;
  const double steepest = (is_hasty ? steepest_young_bend : steepest_bend) * m_nominal_us;
  m_output = {position, here, m_truth.us_per_sample + std::clamp(wanted, -steepest, steepest)};
}

time_point sample_clock::time_of(uint64_t position) const noexcept {
  if (!m_has_origin) return {};
  const double us = (position < m_output.position ? m_before : m_output).at(position);
  return m_origin + duration(std::llround(us));
}

int32_t sample_clock::drift_ppm() const noexcept {
  return static_cast<int32_t>(std::lround((m_nominal_us / m_truth.us_per_sample - 1) * 1e6));
}

}  // namespace campush
