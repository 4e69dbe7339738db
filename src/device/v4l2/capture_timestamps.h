#pragma once

#include "util/clock.h"

namespace campush {

/// Makes capture times on the monotonic clock of what a driver stamps on its buffers.
/// Shape: a stamp of the monotonic clock that can be true (at most 5 s old, not in the future) is taken as it is. Any other (copied
///   from elsewhere, of an unknown clock, wrapped, bogus) is mapped: the smallest distance seen between a stamp and the arrival of its
///   buffer is taken as the distance of the clocks, since delay only adds to it; it is measured anew every 30 s, so that a drift is followed.
///   Stamps that jump by over 1 s (over 50 ms in the first two pictures: USB cameras begin so), stand still or go backwards start the
///   measurement anew. Times given out always grow and are never after the arrival.
/// Thread: one thread.
class capture_timestamps {
 public:
  enum class stamp_clock : uint8_t { monotonic, other };

  time_point map(stamp_clock kind, int64_t stamp_us, time_point arrived_at) noexcept;
  void reset() noexcept { *this = {}; }

 private:
  time_point map_other(int64_t stamp_us, time_point arrived_at) noexcept;

  time_point m_last{};
  bool m_has_last = false;
  // Of stamps that are mapped.
  int64_t m_previous_stamp_us = 0, m_offset_us = 0, m_window_offset_us = 0;
  time_point m_window_start{};
  uint32_t m_mapped = 0;
};

}  // namespace campush
