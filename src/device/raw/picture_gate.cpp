#include "device/raw/picture_gate.h"

#include <algorithm>
#include <cmath>

namespace campush {

namespace {

/// Of the time between two pictures, what encoding may take before one is left out, and what it must fall below for more of them.
constexpr double full = 0.95, relaxed = 0.75;
constexpr duration try_more_after = std::chrono::seconds(10);
constexpr duration settle_time = std::chrono::seconds(1);
/// Longer than this between two pictures is a gap, not a rate.
constexpr duration longest_period = std::chrono::seconds(10);
constexpr uint32_t largest_divisor = 16;
constexpr int smoothing = 8;

duration smoothed(duration average, duration value) noexcept {
  return average == duration::zero() ? value : average + (value - average) / smoothing;
}

}  // namespace

void picture_gate::start(duration wanted_period, duration coming_period) noexcept {
  const uint64_t left_out = m_left_out;
  *this = {};
  m_left_out = left_out;
  m_period = wanted_period;
  m_declared = coming_period;
}

bool picture_gate::admits(time_point captured_at) noexcept {
  if (m_has_seen && captured_at > m_last_seen && captured_at - m_last_seen < longest_period) {
    m_coming = smoothed(m_coming, captured_at - m_last_seen);
  }
  m_has_seen = true;
  m_last_seen = captured_at;
  if (m_period > duration::zero()) {
    // Cameras stamp unevenly: a picture that is nearly due is the one.
    const bool is_far_back = captured_at + 2 * m_period < m_next;
    if (m_has_admitted && captured_at + m_period / 4 < m_next && !is_far_back) return false;
    const bool is_on_time = m_has_admitted && captured_at < m_next + m_period && !is_far_back;
    m_next = (is_on_time ? m_next : captured_at) + m_period;
  }
  m_has_admitted = true;
  m_phase = (m_phase + 1) % m_divisor;
  if (m_phase == 0) return true;
  ++m_left_out;
  return false;
}

void picture_gate::on_encoded(duration took, time_point now) noexcept {
  m_took = smoothed(m_took, took);
  // What is measured is too long where the encoder is so slow that pictures are missed.
  const duration period = std::max(m_period, m_declared > duration::zero() ? m_declared : m_coming);
  if (period == duration::zero()) return;
  const double share = static_cast<double>(m_took.count()) / static_cast<double>(period.count());
  const bool is_settled = m_changed_at == time_point{} || now - m_changed_at >= settle_time;
  if (share > full * m_divisor && is_settled && m_divisor < largest_divisor) {
    const auto needed = static_cast<uint32_t>(std::min<double>(std::ceil(share / full), largest_divisor));
    m_divisor = std::max(needed, m_divisor + 1);
    m_changed_at = now;
  } else if (m_divisor > 1 && share < relaxed * (m_divisor - 1) && now - m_changed_at >= try_more_after) {
    --m_divisor;
    m_changed_at = now;
  }
}

}  // namespace campush
