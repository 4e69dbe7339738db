#pragma once

#include <memory>

#include "net/event_loop.h"

namespace campush {

/// The real event_loop: one io_context, one thread (whoever calls run()), CLOCK_MONOTONIC.
/// Shape: arming a timer and signalling a wakeup allocate nothing. It outlives its timers, wakeups, networks and streams.
/// Errors: construction throws std::runtime_error when the process has no descriptors left. An exception that leaves a callback is logged and the loop goes on.
/// Thread: run() on the loop-thread, stop() any-thread.
class asio_event_loop final : public event_loop {
 public:
  asio_event_loop();
  ~asio_event_loop() override;
  asio_event_loop(const asio_event_loop&) = delete;
  asio_event_loop& operator=(const asio_event_loop&) = delete;

  /// Runs callbacks until stop(); at once over if stop() came first.
  void run();
  /// Runs one callback, or returns false when none came up within `limit`. For tests and tools that wait for something.
  bool run_one_for(duration limit);
  /// For good: work that is still queued does not run any more.
  void stop() noexcept;

  const clock& time() const noexcept override { return m_clock; }
  void post(std::function<void()> work) override;
  std::unique_ptr<loop_timer> make_timer(std::function<void()> callback) override;
  std::unique_ptr<loop_wakeup> make_wakeup(std::function<void()> callback) override;

 private:
  friend struct asio_access;
  struct context;

  system_clock m_clock;
  const std::unique_ptr<context> m_context;
};

}  // namespace campush
