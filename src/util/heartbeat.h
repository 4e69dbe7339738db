#pragma once

#include <atomic>

#include "util/clock.h"

namespace campush {

/// Whether a thread that was asked or began something has come back, and since when it has not. What waits for work is not asked
/// anything, so a thread that sleeps in poll() is alive however long it does.
/// Thread: begin(), end() one writer or an order between them; pending_for() any-thread. No lock, no allocation.
class heartbeat {
 public:
  void begin(time_point now) noexcept { m_since_us.store(now.time_since_epoch().count(), std::memory_order_relaxed); }
  void end() noexcept { m_since_us.store(idle, std::memory_order_relaxed); }
  bool is_pending() const noexcept { return m_since_us.load(std::memory_order_relaxed) != idle; }
  /// Zero: nothing is under way.
  duration pending_for(time_point now) const noexcept {
    const int64_t since = m_since_us.load(std::memory_order_relaxed);
    if (since == idle) return {};
    const duration age = now - time_point(duration(since));
    return age > duration::zero() ? age : duration::zero();
  }

 private:
  static constexpr int64_t idle = -1;
  std::atomic<int64_t> m_since_us{idle};
};

}  // namespace campush
