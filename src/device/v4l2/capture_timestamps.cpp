#include "device/v4l2/capture_timestamps.h"

#include <algorithm>
#include <cstdlib>

namespace campush {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr duration oldest_true_stamp = seconds(5);
/// The time of arrival was read before the driver was asked.
constexpr duration most_ahead = milliseconds(10);
constexpr int64_t jump_us = 1'000'000, jump_at_start_us = 50'000;
constexpr duration measuring_window = seconds(30);
/// A stamp beyond this cannot be added to anything.
constexpr int64_t largest_stamp_us = INT64_MAX / 4;

}  // namespace

time_point capture_timestamps::map(stamp_clock kind, int64_t stamp_us, time_point arrived_at) noexcept {
  const time_point stamp{duration(stamp_us)};
  const bool is_true = kind == stamp_clock::monotonic && stamp_us > 0 && stamp <= arrived_at + most_ahead &&
                       stamp >= arrived_at - oldest_true_stamp;
  if (is_true) m_mapped = 0;
  time_point time = is_true ? stamp : map_other(stamp_us, arrived_at);
  time = std::min(time, arrived_at);
  if (m_has_last) time = std::max(time, m_last + duration(1));
  m_has_last = true;
  m_last = time;
  return time;
}

time_point capture_timestamps::map_other(int64_t stamp_us, time_point arrived_at) noexcept {
  if (std::llabs(stamp_us) > largest_stamp_us) stamp_us = 0;
  const int64_t offset_us = arrived_at.time_since_epoch().count() - stamp_us;
  const int64_t jump = m_mapped <= 1 ? jump_at_start_us : jump_us;
  const bool goes_on = m_mapped > 0 && stamp_us > m_previous_stamp_us && std::llabs(offset_us - m_offset_us) <= jump;
  m_previous_stamp_us = stamp_us;
  if (!goes_on) {
    m_mapped = 1;
    m_offset_us = m_window_offset_us = offset_us;
    m_window_start = arrived_at;
    return arrived_at;
  }
  ++m_mapped;
  m_window_offset_us = std::min(m_window_offset_us, offset_us);
  m_offset_us = std::min(m_offset_us, offset_us);
  if (arrived_at - m_window_start >= measuring_window) {
    m_offset_us = m_window_offset_us;
    m_window_offset_us = offset_us;
    m_window_start = arrived_at;
  }
  return time_point(duration(stamp_us + m_offset_us));
}

}  // namespace campush
