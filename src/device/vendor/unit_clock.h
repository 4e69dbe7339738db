#pragma once

#include "media/media_frame.h"

namespace campush {

/// Puts the timestamps of a plug-in on the program's monotonic clock, whatever clock they come from.
/// Shape: a timestamp within 2 s before its arrival is believed as it is. Any other clock is anchored at the arrival of a unit; its drift
///   is followed by the least delay seen in every 5 s, by at most 1 ms at a time. A jump of over 2 s against the time of arrival
///   anchors anew, without a word for the first 3 units (drivers hand out a stale buffer first). dts grows by at least 1 ms from unit to unit.
/// Units: timestamps of the plug-in in microseconds of any clock.
/// Thread: capture-thread (a value type).
class unit_clock {
 public:
  struct unit_times {
    time_point dts{}, pts{};
    time_point captured{};
  };
  /// `dts_us` equals `pts_us` where the plug-in has none. Every value is allowed.
  unit_times map(int64_t dts_us, int64_t pts_us, time_point arrival) noexcept;
  /// Timestamps that went backwards or jumped, without those of the first units.
  uint64_t corrections() const noexcept { return m_corrections; }
  /// True while timestamps are taken as they are.
  bool is_monotonic() const noexcept { return m_offset_us == 0; }

 private:
  void anchor(int64_t dts_us, int64_t arrival_us) noexcept;
  void follow_drift(int64_t delay_us, int64_t arrival_us) noexcept;

  bool m_is_anchored = false;
  int64_t m_offset_us = 0;
  int64_t m_last_dts_us = INT64_MIN;
  int64_t m_window_end_us = 0, m_least_delay_us = INT64_MAX;
  uint64_t m_units = 0, m_corrections = 0;
};

}  // namespace campush
