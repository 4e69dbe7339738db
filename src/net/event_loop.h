#pragma once

#include <functional>
#include <memory>

#include "util/clock.h"

namespace campush {

/// One-shot timer that may be armed again; its callback is fixed when it is made, so arming allocates nothing.
/// Destroying or cancelling it guarantees that the callback does not run any more.
/// Thread: the loop-thread of the loop that made it.
class loop_timer {
 public:
  virtual ~loop_timer() = default;
  virtual void arm_at(time_point due) = 0;
  virtual void arm_after(duration delay) = 0;
  virtual void cancel() noexcept = 0;
  virtual bool is_armed() const noexcept = 0;
};

/// Wakes a loop from another thread. Several signals before the callback ran are one.
/// Thread: signal() any-thread, without allocation or lock; the callback runs on the loop-thread; destroyed there.
class loop_wakeup {
 public:
  virtual ~loop_wakeup() = default;
  virtual void signal() noexcept = 0;
};

/// The event loop seam: one thread, callbacks one after the other. asio_event_loop is the real one, simulated_loop an
/// event heap on a fake clock that runs hours in seconds.
/// Thread: loop-thread, except post(), which is any-thread (and may allocate), and time(), which is any-thread.
class event_loop {
 public:
  virtual ~event_loop() = default;
  virtual const clock& time() const noexcept = 0;
  time_point now() const noexcept { return time().now(); }
  virtual void post(std::function<void()> work) = 0;
  virtual std::unique_ptr<loop_timer> make_timer(std::function<void()> callback) = 0;
  virtual std::unique_ptr<loop_wakeup> make_wakeup(std::function<void()> callback) = 0;
};

}  // namespace campush
