#pragma once

#include <array>
#include <optional>

#include "net/byte_stream.h"
#include "util/clock.h"

namespace campush {

/// What the kernel's counters, read five times a second, say about one connection: rates, liveness, latency. Pure: told
/// the time and the counters.
/// Shape: begin() with each connection, on_sent() with each tag handed over, sample() every 200 ms. Acknowledged bytes are
///   written − unacked; where the kernel does not tell, what it accepted counts as acknowledged.
/// Units: bit/s and byte/s over the last second; latency in µs, smoothed by 1/8, exact to one frame interval: at each
///   sample it is the age of the newest frame whose last byte is acknowledged.
/// Thread: loop-thread. No allocation.
/// Source: DESIGN 5 Liveness, 8.
class session_sampler {
 public:
  static constexpr duration period = std::chrono::milliseconds(200);

  explicit session_sampler(duration ack_stall) : m_ack_stall(ack_stall) {}

  void begin(time_point now, const stream_counters& counters) noexcept;
  /// One tag was taken by the publisher; `wire_bytes` with chunk headers.
  void on_sent(size_t wire_bytes, time_point capture_time, bool is_picture) noexcept;
  /// `has_waiting_data`: something beside the kernel's buffer waits (queue, partial tag). `is_drained`: the publisher
  /// holds nothing back, so bytes_written is the exact offset of the last tag.
  void sample(time_point now, const stream_counters& counters, bool has_waiting_data, bool is_drained) noexcept;

  /// Nothing was acknowledged for `ack_stall` while data waited.
  bool is_stalled() const noexcept { return m_is_stalled; }
  bool is_acknowledging() const noexcept { return !m_is_stalled; }
  /// Data flows and is acknowledged now.
  bool is_healthy() const noexcept { return m_is_healthy; }
  uint64_t bitrate_current_bps() const noexcept { return m_bitrate_current; }
  uint64_t bitrate_average_bps() const noexcept { return m_bitrate_average; }
  uint64_t bitrate_peak_bps() const noexcept { return m_bitrate_peak; }
  /// How fast the kernel sends when it has something to send, bytes a second; 0 while unknown. Measured while bytes waited in it at each
  /// sample, of up to a second, TCP's own pauses left out; in between the last such value holds, unless more than that was sent.
  uint64_t drain_rate() const noexcept { return m_drain_rate; }
  /// How long of the last three seconds TCP held back by itself what the kernel had, on a way of 200 ms or more: BBR stops for two round
  /// trips to measure the shortest one, and so long a lost packet may take. 0 if it was longer: then the way is blocked.
  duration pause() const noexcept { return m_pause; }
  /// The shortest round trip of this connection, or of the last minutes where the kernel tells.
  duration shortest_rtt() const noexcept { return m_shortest_rtt; }
  /// How long the receiver's window alone held back what waited, of this connection; empty where the kernel does not tell.
  std::optional<duration> window_limited() const noexcept { return m_window_limited; }
  uint64_t unsent_bytes() const noexcept { return m_unsent; }
  uint64_t written_bytes() const noexcept { return m_written; }
  uint64_t acknowledged_bytes() const noexcept { return m_acknowledged; }
  uint64_t latency_us() const noexcept { return m_latency_us; }
  uint32_t rtt_us() const noexcept { return m_rtt_us; }
  uint32_t rtt_var_us() const noexcept { return m_rtt_var_us; }
  /// The kernel's estimate of what the path carries; 0 while unknown. Where the source sends less than that, it is of a burst.
  uint64_t delivery_rate_bps() const noexcept { return m_delivery_rate; }
  /// Segments that this connection sent more than once.
  uint64_t retransmits() const noexcept { return m_retransmits; }
  double frames_per_second() const noexcept { return m_frames_per_second; }

 private:
  struct point {
    time_point at{};
    uint64_t written = 0, sent = 0, frames = 0;
    bool has_unsent = false;
  };
  struct mark {
    uint64_t end_offset = 0;
    time_point capture_time{};
  };
  static constexpr size_t history = 17, last_second = 6, max_marks = 128;

  void take_kernel_truth(const stream_counters& counters) noexcept;
  void update_rates(time_point now) noexcept;
  void update_drain_rate() noexcept;
  void update_pause() noexcept;
  bool is_silent(size_t index) const noexcept;
  void update_latency(time_point now) noexcept;

  duration m_ack_stall;
  std::array<point, history> m_points{};
  size_t m_point_count = 0;
  std::array<mark, max_marks> m_marks{};
  size_t m_first_mark = 0, m_mark_count = 0;
  uint64_t m_offset = 0, m_frames = 0;
  uint64_t m_written = 0, m_acknowledged = 0, m_unsent = 0, m_drain_rate = 0;
  uint64_t m_bitrate_current = 0, m_bitrate_average = 0, m_bitrate_peak = 0, m_latency_us = 0, m_delivery_rate = 0,
           m_retransmits = 0;
  uint32_t m_rtt_us = 0, m_rtt_var_us = 0;
  duration m_shortest_rtt{}, m_pause{};
  std::optional<duration> m_window_limited;
  double m_frames_per_second = 0;
  time_point m_begin{}, m_last_progress{}, m_last_acknowledged{};
  bool m_is_stalled = false, m_is_healthy = false;
};

}  // namespace campush
