#pragma once

#include <atomic>
#include <optional>
#include <string_view>

#include "device/v4l2/capture_queue.h"
#include "device/v4l2/capture_timestamps.h"
#include "util/log.h"

namespace campush {

/// Figures of a device for status, since the object was made. Thread: any-thread.
struct device_counters {
  std::atomic<uint64_t> lost{0}, damaged{0}, stalls{0};
};

/// One camera device that delivers buffers: node, negotiation, queue, times, and what can be done when it stops delivering.
/// Shape: open(), configure(), start(), then take() whenever the descriptor is readable or next_check() has come, each buffer given back
///   by give_back(). close() at any time.
/// Recovery: no good buffer for 5 picture periods (of the declared or the measured rate, whichever is longer; at least 500 ms, 2 s where
///   neither is known; 5 s after a start, 3 s after a restart), an error condition (EIO, POLLERR) or an ended stream (EPIPE, EINVAL) is a stall: the stream is switched off
///   and on. If that happens again within 10 s, or the device is gone (ENODEV, POLLHUP), take() fails.
/// Errors: in the driver's stead, naming the device (v4l2_node::error_of); not_found for a device that is gone, timed_out for one that stays
///   silent. The device has to be closed then.
/// Thread: one thread; counters() and memory().give_back() any-thread. take() allocates nothing.
class v4l2_device {
 public:
  v4l2_device(video_device_calls& calls, device_counters& counters) noexcept
      : m_counters(counters), m_node(calls), m_queue(m_node) {}
  ~v4l2_device() { close(); }

  [[nodiscard]] result<void> open(const std::string& path);
  [[nodiscard]] result<capture_format> configure(const capture_request& request);
  [[nodiscard]] result<void> start(uint32_t buffers, time_point now);
  void close() noexcept;

  struct taken_buffer {
    captured_buffer buffer;
    time_point captured_at{};
    bool follows_gap = false;  ///< pictures before it were lost
    bool is_first = false;     ///< of this start or restart
  };
  /// None: nothing yet. Buffers that the driver marks as damaged, or cannot have filled so, are counted and given back.
  [[nodiscard]] result<bool> take(time_point now, taken_buffer& out);
  /// A buffer that was taken is of use: the device is alive. Without it, or with reject(), the time to a stall runs on.
  void note_picture(time_point now) noexcept;
  /// At once into the driver's hands again: for a buffer that stayed on this thread. What fails here is found by the next take().
  void give_back(const captured_buffer& buffer) noexcept;
  /// The buffer was of no use after all: counted and given back, and the reason is logged at most once a second.
  void reject(const captured_buffer& buffer, std::string_view why, time_point now) noexcept;

  time_point next_check() const noexcept { return m_silent_until; }
  int descriptor() const noexcept { return m_node.descriptor(); }
  const v4l2_node& node() const noexcept { return m_node; }
  const capture_queue& queue() const noexcept { return m_queue; }
  const capture_format& format() const noexcept { return m_format; }

 private:
  bool accept(time_point now, taken_buffer& out) noexcept;
  result<bool> handle_fault(time_point now, int errno_value, const char* action);
  short poll_events() const noexcept;
  result<void> look_for_trouble(time_point now);
  result<void> recover(time_point now, const error& why);
  void watch_sequence(taken_buffer& out) noexcept;
  duration patience() const noexcept;

  device_counters& m_counters;
  v4l2_node m_node;
  capture_queue m_queue;
  capture_format m_format;
  capture_queue::memory_wish m_memory;
  capture_timestamps m_times;
  rate_counter m_damage_lines;

  time_point m_silent_until = time_point::max();
  time_point m_last_picture{};
  duration m_measured_period{};
  time_point m_recovered_at{};
  bool m_has_recovered = false;
  bool m_is_first = true;
  bool m_is_overdue = false;  ///< what came after the time to a stall was rejected
  bool m_may_begin_stale =
      false;  ///< the buffer before was the first and full: what is missing behind it was never ours
  std::optional<uint32_t> m_last_sequence;
};

}  // namespace campush
