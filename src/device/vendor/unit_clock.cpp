#include "device/vendor/unit_clock.h"

#include <algorithm>

namespace campush {

namespace {

constexpr int64_t us_per_ms = 1000;
constexpr int64_t longest_delay_us = 2000 * us_per_ms;
/// A picture cannot be taken after it arrived; so much is the two sides' rounding.
constexpr int64_t future_tolerance_us = 20 * us_per_ms;
constexpr int64_t drift_window_us = 5000 * us_per_ms;
constexpr int64_t drift_step_us = 1 * us_per_ms;
constexpr int64_t least_step_us = 1 * us_per_ms;
/// Further apart pts and dts are not a reordering but nonsense.
constexpr int64_t longest_reordering_us = 2000 * us_per_ms;
constexpr uint64_t settling_units = 3;

/// Sums of what a plug-in says and what the clock says stay far within 64 bits; a plug-in's own value need not.
constexpr int64_t bounded(int64_t us) noexcept {
  constexpr int64_t limit = INT64_MAX / 4;
  return std::clamp(us, -limit, limit);
}

time_point at(int64_t us) noexcept {
  return time_point(duration(us));
}

}  // namespace

void unit_clock::anchor(int64_t dts_us, int64_t arrival_us) noexcept {
  const int64_t delay = arrival_us - dts_us;
  const bool is_believable = delay >= -future_tolerance_us && delay <= longest_delay_us;
  m_offset_us = is_believable ? 0 : delay;
  m_is_anchored = true;
  m_least_delay_us = INT64_MAX;
  m_window_end_us = arrival_us + drift_window_us;
}

void unit_clock::follow_drift(int64_t delay_us, int64_t arrival_us) noexcept {
  m_least_delay_us = std::min(m_least_delay_us, delay_us);
  if (arrival_us < m_window_end_us) return;
  m_offset_us += std::min(m_least_delay_us, drift_step_us);
  m_least_delay_us = INT64_MAX;
  m_window_end_us = arrival_us + drift_window_us;
}

unit_clock::unit_times unit_clock::map(int64_t dts_us, int64_t pts_us, time_point arrival) noexcept {
  const int64_t arrival_us = arrival.time_since_epoch().count();
  const int64_t own_dts = bounded(dts_us);
  const bool is_settling = m_units < settling_units;
  ++m_units;
  if (!m_is_anchored) anchor(own_dts, arrival_us);
  int64_t delay = arrival_us - (own_dts + m_offset_us);
  if (delay < -longest_delay_us || delay > longest_delay_us) {
    if (!is_settling) ++m_corrections;
    anchor(own_dts, arrival_us);
    delay = arrival_us - (own_dts + m_offset_us);
  }
  if (m_offset_us != 0) {
    // Of a foreign clock nothing is known but that no unit arrives before it exists.
    if (delay < 0) m_offset_us += delay;
    follow_drift(std::max<int64_t>(delay, 0), arrival_us);
  }
  int64_t mapped = std::min(own_dts + m_offset_us, arrival_us);
  const int64_t composition = std::clamp<int64_t>(bounded(pts_us) - own_dts, 0, longest_reordering_us);
  const int64_t captured = std::min(mapped + composition, arrival_us);
  if (m_last_dts_us != INT64_MIN && mapped < m_last_dts_us + least_step_us) {
    if (!is_settling && mapped <= m_last_dts_us) ++m_corrections;
    mapped = m_last_dts_us + least_step_us;
  }
  m_last_dts_us = mapped;
  return {at(mapped), at(mapped + composition), at(captured)};
}

}  // namespace campush
