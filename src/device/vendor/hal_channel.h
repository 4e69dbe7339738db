#pragma once

#include "device/vendor/hal_worker.h"
#include "device/vendor/unit_clock.h"
#include "media/media_source.h"

namespace campush {

/// One channel of a plug-in as a source sees it: opening, units, stalls, the end. vendor_source and vendor_audio_source make
/// frames of its units.
/// Shape: open(), then next() again and again; a unit that it returns is borrowed until give_back(). Silence of 5 frame periods (at
///   least 1 s; 4 s for the first unit after open() or after the restart's end) is a stall: it is counted, logged, and the channel is stopped and started; when that does not
///   help it is an error, and the caller closes and opens.
/// Errors: open(): those of describe_plugin(), busy (in use, or a call of an earlier opening has not returned), what the plug-in says,
///   malformed, timed_out (6 s a call), cancelled. next(): the plug-in's failure, timed_out (a call blocks; a stall), limit_reached (over 1000
///   units in a second), cancelled. The channel is closed then.
/// Thread: capture-thread; interrupt(), controls and counts any-thread. close() waits at most 700 ms from interrupt(), or from its own
///   call without one, and then leaves the thread inside the plug-in behind.
class hal_channel {
 public:
  hal_channel(hal_channel_request request, const clock& time, std::shared_ptr<hal_library_cache> plugins);
  ~hal_channel() { close(); }
  hal_channel(const hal_channel&) = delete;
  hal_channel& operator=(const hal_channel&) = delete;

  [[nodiscard]] result<hal_opened> open();
  void close() noexcept;
  void interrupt() noexcept;

  /// A unit that waits, or null.
  [[nodiscard]] result<const checked_unit*> next(time_point now);
  void give_back() noexcept { m_worker->give_back(); }
  /// Gives the unit that next() returned back at the end of its scope.
  struct unit_return {
    hal_channel& channel;
    ~unit_return() { channel.give_back(); }
  };
  unit_clock& times() noexcept { return m_times; }

  time_point next_due() const noexcept;
  int poll_descriptor() const noexcept;
  const hal_channel_request& request() const noexcept { return m_request; }

  /// For controls: null while closed.
  std::shared_ptr<hal_worker> worker() const noexcept;
  source_health health() const noexcept;

 private:
  result<void> wait_until_open(hal_worker& worker);
  result<void> check_progress(time_point now);
  result<void> check_silence(time_point now);
  result<void> check_rate(time_point now);
  tl::unexpected<error> give_up(error failure);

  const hal_channel_request m_request;
  const clock& m_time;
  const std::shared_ptr<hal_library_cache> m_plugins;
  const std::shared_ptr<hal_counters> m_counters = std::make_shared<hal_counters>();

  // Touched only by the capture-thread.
  std::shared_ptr<hal_worker> m_worker;
  unit_clock m_times;
  duration m_silence_limit{};
  time_point m_silent_since{}, m_last_check{}, m_window_start{};
  bool m_is_first_awaited = true, m_was_restarted = false, m_is_blocked = false;
  hal_worker::call_progress m_progress;
  time_point m_progress_at{};
  uint32_t m_window_units = 0;

  // Shared.
  std::atomic<uint64_t> m_stalls{0};
  std::atomic<bool> m_is_interrupted{false};
  std::atomic<int64_t> m_interrupted_at_us{0};
  mutable std::mutex m_mutex;
  std::shared_ptr<hal_worker> m_shared_worker;  // guarded by m_mutex
};

}  // namespace campush
