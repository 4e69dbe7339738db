#pragma once

#include <algorithm>

#include "util/clock.h"

namespace campush {

/// How long a device that failed is left alone before it is opened again: 1, 2, 4 … 30 s, from the start again after it was in order.
/// Thread: one thread.
class reopen_delay {
 public:
  static constexpr duration first = std::chrono::seconds(1);
  static constexpr duration longest = std::chrono::seconds(30);
  /// What ran this long was in order: its next failure is a new one.
  static constexpr duration healthy_after = std::chrono::seconds(30);

  /// After a failure; `ran_for`: how long it was open until then.
  duration next(duration ran_for = {}) noexcept {
    const bool is_first = m_delay == duration::zero() || ran_for >= healthy_after;
    m_delay = is_first ? first : std::min(m_delay * 2, longest);
    return m_delay;
  }
  void reset() noexcept { m_delay = {}; }

 private:
  duration m_delay{};
};

}  // namespace campush
