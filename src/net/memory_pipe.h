#pragma once

#include <optional>

#include "net/memory_ring.h"
#include "util/clock.h"

namespace campush {

/// One direction of a memory connection, as TCP would see it: bytes are written, sent when the line and the receiver's
/// window allow, arrive after the delay, are read, and acknowledged one delay after they arrived.
/// Shape: positions count bytes since the connection began: acked ≤ arrived ≤ sent ≤ written, read ≤ arrived; the ring
///   holds read..written. Acknowledgements are settled when somebody looks.
/// Thread: the simulation's.
class memory_pipe {
 public:
  struct path {
    duration delay{};
    duration return_delay{};
    uint64_t rate_bytes_per_s = 0;
    uint64_t window_bytes = 0;  ///< 0: the receive buffer alone
    double loss = 0;
    bool is_blocked = false;
  };
  struct limits {
    uint64_t send_buffer = 0;
    uint64_t receive_buffer = 0;
    uint64_t notsent_lowat = 0;
  };

  void set_limits(const limits& bounds) noexcept { m_limits = bounds; }
  /// Brings everything to `now`.
  void settle(time_point now, const path& line);
  size_t write(const byte_view* parts, size_t count, time_point now, const path& line);
  size_t read(uint8_t* out, size_t size, time_point now, const path& line);
  void finish(time_point now, const path& line);
  /// The receiver is gone: what has arrived and what arrives from now on is thrown away.
  void discard_arrivals() noexcept;
  /// The sender is gone: what has not arrived never will.
  void abort() noexcept;

  /// When the next thing happens; `for_writer`: acknowledgements count too.
  std::optional<time_point> next_due(bool for_writer) const noexcept;
  bool is_writable() const noexcept;
  bool has_ended() const noexcept { return m_fin == fin_state::arrived; }
  uint64_t readable() const noexcept { return m_arrived - m_read; }
  uint64_t unsent() const noexcept { return m_written - m_sent; }
  uint64_t unacked() const noexcept { return m_written - m_acked; }
  uint32_t retransmits() const noexcept { return m_retransmits; }
  /// How long the receiver's window alone held back what waits.
  duration window_limited(time_point now) const noexcept;
  uint64_t discarded() const noexcept { return m_discarded; }
  /// Since when what was sent cannot be delivered.
  std::optional<time_point> held_since() const noexcept { return m_held_since; }

 private:
  enum class fin_state : uint8_t { none, queued, sent, arrived };
  struct mark {
    uint64_t position;
    time_point due;
    bool is_fin;
  };

  bool arrive(time_point now, const path& line);
  void send(time_point now, const path& line);
  time_point arrival_time(time_point left, const path& line);
  uint64_t receive_room() const noexcept { return m_limits.receive_buffer - (m_sent - m_read); }
  uint64_t window(const path& line) const noexcept;
  void note_window(time_point now, const path& line) noexcept;
  uint64_t room() const noexcept;

  limits m_limits;
  memory_ring<uint8_t> m_bytes;
  memory_ring<mark> m_in_flight;
  memory_ring<mark> m_acks;
  uint64_t m_written = 0;
  uint64_t m_sent = 0;
  uint64_t m_arrived = 0;
  uint64_t m_read = 0;
  uint64_t m_acked = 0;
  uint64_t m_discarded = 0;
  time_point m_line_free{};
  time_point m_last_arrival{};
  std::optional<time_point> m_window_full_since;
  bool m_waits_for_ack = false;
  duration m_window_limited{};
  std::optional<time_point> m_held_since;
  double m_loss_debt = 0;
  uint32_t m_retransmits = 0;
  fin_state m_fin = fin_state::none;
  bool m_discards = false;
};

}  // namespace campush
