#pragma once

#include "util/clock.h"

namespace campush {

/// Wakes one thread that waits for a time, a descriptor or a call.
/// Shape: raise() stays until the waiting thread has seen it; one that comes before the wait is not lost.
/// Errors: where the kernel gives no eventfd (descriptors used up), waits end after at most 50 ms, so that a caller
///   that looks at its stop flag still stops in time.
/// Thread: raise() any-thread, wait_until() one thread.
class wake_signal {
 public:
  wake_signal();
  ~wake_signal();
  wake_signal(const wake_signal&) = delete;
  wake_signal& operator=(const wake_signal&) = delete;

  void raise() noexcept;
  /// Returns at `due` (time_point::max(): never by itself), when `descriptor` (-1: none) is readable or gone, or after raise().
  void wait_until(const clock& time, time_point due, int descriptor) noexcept;

 private:
  const int m_event;
};

}  // namespace campush
