#include "net/memory_pipe.h"

#include <algorithm>

namespace campush {

namespace {

constexpr duration retransmission_time = std::chrono::milliseconds(200);  // Linux' smallest
constexpr uint64_t segment_bytes = 1460;
constexpr uint64_t largest_burst = 64 * 1024;

/// What goes onto a line of this rate at a time: 10 ms worth, so that arrivals are spread as on a real line.
uint64_t burst_of(uint64_t rate_bytes_per_s) noexcept {
  return std::clamp(rate_bytes_per_s / 100, segment_bytes, largest_burst);
}

}  // namespace

uint64_t memory_pipe::room() const noexcept {
  const uint64_t buffered = std::min(unacked(), m_limits.send_buffer);
  const uint64_t waiting = std::min(unsent(), m_limits.notsent_lowat);
  return std::min(m_limits.send_buffer - buffered, m_limits.notsent_lowat - waiting);
}

bool memory_pipe::is_writable() const noexcept {
  // As Linux wakes a writer (sk_stream_is_writeable, tcp_stream_memory_free): a third of the buffer is free and less
  // than half of the low-water mark waits.
  return room() > 0 && 2 * unsent() < m_limits.notsent_lowat &&
         m_limits.send_buffer - std::min(unacked(), m_limits.send_buffer) >= m_limits.send_buffer / 3;
}

void memory_pipe::settle(time_point now, const path& line) {
  while (arrive(now, line)) {
  }
  while (!m_acks.empty() && m_acks.front().due <= now) {
    m_acked = m_acks.front().position;
    m_acks.pop();
  }
  send(now, line);
}

bool memory_pipe::arrive(time_point now, const path& line) {
  if (m_in_flight.empty() || m_in_flight.front().due > now) return false;
  if (line.is_blocked) {
    if (!m_held_since) m_held_since = now;
    m_in_flight.front().due = now + retransmission_time;
    ++m_retransmits;
    return false;
  }
  m_held_since.reset();
  const mark arrived = m_in_flight.front();
  m_in_flight.pop();
  m_arrived = arrived.position;
  if (arrived.is_fin) m_fin = fin_state::arrived;
  m_acks.push({arrived.position, arrived.due + line.return_delay, false});
  if (m_discards) discard_arrivals();
  return true;
}

uint64_t memory_pipe::window(const path& line) const noexcept {
  if (line.window_bytes == 0) return receive_room();
  return std::min(receive_room(), line.window_bytes - std::min(line.window_bytes, m_sent - m_acked));
}

void memory_pipe::note_window(time_point now, const path& line) noexcept {
  const bool is_full = unsent() > 0 && window(line) == 0;
  m_window_limited = window_limited(now);
  m_window_full_since = is_full ? std::optional(now) : std::nullopt;
  m_waits_for_ack = is_full && receive_room() > 0;
}

duration memory_pipe::window_limited(time_point now) const noexcept {
  return m_window_limited + (m_window_full_since ? now - *m_window_full_since : duration::zero());
}

void memory_pipe::send(time_point now, const path& line) {
  // While nothing gets through, TCP repeats what is in flight and sends nothing new.
  if (m_held_since) return;
  while (unsent() > 0 && window(line) > 0 && m_line_free <= now) {
    uint64_t count = std::min(unsent(), window(line));
    time_point left = now;
    if (line.rate_bytes_per_s > 0) {
      count = std::min(count, burst_of(line.rate_bytes_per_s));
      left += duration(static_cast<int64_t>(count * 1'000'000 / line.rate_bytes_per_s));
      m_line_free = left;
    }
    m_sent += count;
    const time_point due = arrival_time(left, line);
    if (!m_in_flight.empty() && m_in_flight.back().due == due) {
      m_in_flight.back().position = m_sent;
    } else {
      m_in_flight.push({m_sent, due, false});
    }
  }
  note_window(now, line);
  if (m_fin == fin_state::queued && unsent() == 0) {
    m_fin = fin_state::sent;
    m_in_flight.push({m_sent, arrival_time(std::max(now, m_line_free), line), true});
  }
}

time_point memory_pipe::arrival_time(time_point left, const path& line) {
  time_point due = left + line.delay;
  m_loss_debt += line.loss;
  if (m_loss_debt >= 1) {
    m_loss_debt -= 1;
    ++m_retransmits;
    due += std::max(retransmission_time, 2 * (line.delay + line.return_delay));
  }
  m_last_arrival = std::max(due, m_last_arrival);
  return m_last_arrival;
}

size_t memory_pipe::write(const byte_view* parts, size_t count, time_point now, const path& line) {
  size_t taken = 0;
  size_t part = 0;
  size_t offset = 0;
  // All that there is room for, then one send: what the line takes makes room for more.
  while (part < count && room() > 0) {
    while (part < count && room() > 0) {
      const size_t some = static_cast<size_t>(std::min<uint64_t>(parts[part].size() - offset, room()));
      m_bytes.push_all(parts[part].data() + offset, some);
      m_written += some;
      offset += some;
      taken += some;
      if (offset < parts[part].size()) break;
      ++part;
      offset = 0;
    }
    send(now, line);
  }
  return taken;
}

size_t memory_pipe::read(uint8_t* out, size_t size, time_point now, const path& line) {
  const size_t count = static_cast<size_t>(std::min<uint64_t>(size, readable()));
  m_bytes.pop_all(out, count);
  m_read += count;
  send(now, line);
  return count;
}

void memory_pipe::finish(time_point now, const path& line) {
  if (m_fin != fin_state::none) return;
  m_fin = fin_state::queued;
  send(now, line);
}

void memory_pipe::discard_arrivals() noexcept {
  m_discards = true;
  m_discarded += readable();
  m_bytes.drop_front(static_cast<size_t>(readable()));
  m_read = m_arrived;
}

void memory_pipe::abort() noexcept {
  m_bytes.drop_back(static_cast<size_t>(m_written - m_arrived));
  m_written = m_sent = m_acked = m_arrived;
  m_in_flight.clear();
  m_acks.clear();
  m_held_since.reset();
  if (m_fin != fin_state::arrived) m_fin = fin_state::none;
}

std::optional<time_point> memory_pipe::next_due(bool for_writer) const noexcept {
  std::optional<time_point> next;
  const auto consider = [&next](time_point due) {
    if (!next || due < *next) next = due;
  };
  if (!m_in_flight.empty()) consider(m_in_flight.front().due);
  if (unsent() > 0 && receive_room() > 0 && !m_waits_for_ack && !m_held_since) consider(m_line_free);
  if ((for_writer || m_waits_for_ack) && !m_acks.empty()) consider(m_acks.front().due);
  return next;
}

}  // namespace campush
