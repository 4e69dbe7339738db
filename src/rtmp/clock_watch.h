#pragma once

#include "net/tls_client.h"

namespace campush {

/// Notices that somebody set the wall clock: a time server answered, a person did.
/// Shape: begin() before something is judged by the clock, is_set() from then on.
/// Thread: loop-thread.
class clock_watch {
 public:
  /// A clock that drifts, or is slewed, does not gain so much between two looks.
  static constexpr duration jump = std::chrono::minutes(1);

  void begin(const clock& time) {
    m_wall = time.wall_now();
    m_monotonic = time.now();
    m_was_believable = check_wall_clock(time).has_value();
  }
  /// It jumped forward by more than a minute against the monotonic clock, or from before this program was built to after that.
  bool is_set(const clock& time) const {
    const auto gained = (time.wall_now() - m_wall) - (time.now() - m_monotonic);
    return gained > jump || (!m_was_believable && check_wall_clock(time).has_value());
  }

 private:
  std::chrono::system_clock::time_point m_wall{};
  time_point m_monotonic{};
  bool m_was_believable = false;
};

}  // namespace campush
