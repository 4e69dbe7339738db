#include "net/memory_connection.h"

#include <algorithm>

namespace campush {

namespace {

class memory_stream final : public byte_stream {
 public:
  memory_stream(std::shared_ptr<memory_connection> connection, size_t side)
      : m_connection(std::move(connection)), m_side(side) {}
  ~memory_stream() override { m_connection->close(m_side); }

  void set_events(byte_stream_events* events) override { m_connection->set_events(m_side, events); }
  io_outcome read_some(uint8_t* data, size_t size) override { return m_connection->read(m_side, data, size); }
  io_outcome write_some(const byte_view* parts, size_t count) override {
    return m_connection->write(m_side, parts, count);
  }
  void request_writable() override { m_connection->request_writable(m_side); }
  void shutdown_write() noexcept override { m_connection->shutdown_write(m_side); }
  void close() noexcept override { m_connection->close(m_side); }
  stream_counters sample() const override { return m_connection->sample(m_side); }
  endpoint local() const override { return m_connection->local(m_side); }
  endpoint remote() const override { return m_connection->remote(m_side); }

 private:
  const std::shared_ptr<memory_connection> m_connection;
  const size_t m_side;
};

uint64_t lower_rate(uint64_t left, uint64_t right) noexcept {
  return left == 0 || right == 0 ? std::max(left, right) : std::min(left, right);
}

bool is_blocked(const memory_host& host) noexcept {
  return host.is_down || host.stop_delivering;
}

io_outcome failed(error_code why) noexcept {
  return {io_status::failed, 0, why};
}

}  // namespace

memory_connection::memory_connection(memory_network& net, memory_host& near, memory_host& far,
                                     const connect_options& options)
    : simulation::event(net.m_world), m_net(net), m_hosts{&near, &far}, m_user_timeout(options.user_timeout) {
  const uint64_t lowat = options.notsent_lowat_bytes == 0 ? UINT32_MAX : options.notsent_lowat_bytes;
  for (auto& pipe : m_pipes) pipe.set_limits({net.send_buffer_bytes, net.receive_buffer_bytes, lowat});
  m_net.m_connections.push_back(this);
}

memory_connection::~memory_connection() {
  auto& all = m_net.m_connections;
  all.erase(std::find(all.begin(), all.end(), this));
}

std::unique_ptr<byte_stream> memory_connection::make_stream(std::shared_ptr<memory_connection> connection,
                                                            size_t side) {
  return std::make_unique<memory_stream>(std::move(connection), side);
}

void memory_connection::set_endpoints(const endpoint& near, const endpoint& far) noexcept {
  m_ends[client].local = near;
  m_ends[server].local = far;
}

memory_pipe::path memory_connection::path_from(size_t side) const noexcept {
  const memory_host& from = *m_hosts[side];
  const memory_host& to = *m_hosts[1 - side];
  const duration delay = from.delay + to.delay;
  return {delay,
          delay,
          lower_rate(from.rate_bytes_per_s, to.rate_bytes_per_s),
          lower_rate(from.window_bytes, to.window_bytes),
          from.loss + to.loss,
          is_blocked(from) || is_blocked(to)};
}

void memory_connection::settle() {
  settle_side(client);
  settle_side(server);
}

void memory_connection::settle_side(size_t side) {
  const time_point now = world().now();
  const memory_pipe::path line = path_from(side);
  memory_pipe& pipe = m_pipes[side];
  end_state& end = m_ends[side];
  pipe.settle(now, line);
  if (const auto since = pipe.held_since(); since && now - *since >= m_user_timeout) fail(side, error_code::timed_out);
  if (pipe.discarded() > end.answered_discards) {
    end.answered_discards = pipe.discarded();
    if (!end.reset_due) end.reset_due = now + line.return_delay;
  }
  if (end.reset_due && *end.reset_due <= now) {
    end.reset_due.reset();
    if (!line.is_blocked) fail(side, error_code::connection_reset);
  }
}

void memory_connection::fail(size_t side, error_code why) noexcept {
  m_pipes[side].abort();
  m_pipes[1 - side].discard_arrivals();
  m_ends[1 - side].answered_discards = m_pipes[1 - side].discarded();
  if (!m_ends[side].failure) m_ends[side].failure = why;
}

void memory_connection::reset_both() {
  settle();
  fail(client, error_code::connection_reset);
  fail(server, error_code::connection_reset);
  rearm();
}

bool memory_connection::is_readable(size_t side) const noexcept {
  const end_state& end = m_ends[side];
  const memory_pipe& incoming = m_pipes[1 - side];
  return end.events != nullptr && end.wants_readable && !end.has_read_end &&
         (end.failure || incoming.readable() > 0 || incoming.has_ended());
}

bool memory_connection::is_writable(size_t side) const noexcept {
  const end_state& end = m_ends[side];
  return end.events != nullptr && end.wants_writable && (end.failure || m_pipes[side].is_writable());
}

void memory_connection::rearm() {
  if (!is_open()) return cancel();
  std::optional<time_point> next;
  const auto consider = [&next](std::optional<time_point> due) {
    if (due && (!next || *due < *next)) next = due;
  };
  for (size_t side : {client, server}) {
    consider(m_pipes[side].next_due(m_ends[side].wants_writable));
    consider(m_ends[side].reset_due);
    if (is_readable(side) || is_writable(side)) consider(world().now());
  }
  if (!next) return cancel();
  *next = std::max(*next, world().now());
  if (!is_armed() || due() != *next) arm_at(*next);
}

void memory_connection::on_due() {
  const auto self = shared_from_this();
  settle();
  for (size_t side : {server, client}) {
    notify_readable(side);
    notify_writable(side);
  }
  rearm();
}

void memory_connection::notify_readable(size_t side) {
  if (!is_readable(side)) return;
  // Armed again by the read that follows: whoever does not read is not asked for ever.
  m_ends[side].wants_readable = false;
  m_ends[side].events->on_readable();
}

void memory_connection::notify_writable(size_t side) {
  if (!is_writable(side)) return;
  m_ends[side].wants_writable = false;
  m_ends[side].events->on_writable();
}

void memory_connection::set_events(size_t side, byte_stream_events* events) {
  if (m_ends[side].is_closed) return;
  m_ends[side].events = events;
  settle();
  rearm();
}

io_outcome memory_connection::read(size_t side, uint8_t* data, size_t size) {
  end_state& end = m_ends[side];
  if (end.is_closed) return {io_status::closed};
  settle();
  memory_pipe& incoming = m_pipes[1 - side];
  if (end.failure) {
    end.has_read_end = true;
    return failed(*end.failure);
  }
  const size_t count = incoming.read(data, size, world().now(), path_from(1 - side));
  end.bytes_read += count;
  end.wants_readable = true;
  end.has_read_end = count == 0 && size > 0 && incoming.has_ended();
  rearm();
  if (end.has_read_end) return {io_status::closed};
  return {count == 0 && size > 0 ? io_status::would_block : io_status::ok, count};
}

io_outcome memory_connection::write(size_t side, const byte_view* parts, size_t count) {
  end_state& end = m_ends[side];
  if (end.is_closed) return {io_status::closed};
  settle();
  if (end.failure) return failed(*end.failure);
  if (end.has_finished) return failed(error_code::connection_reset);
  const bool has_bytes = std::any_of(parts, parts + count, [](const byte_view& part) { return !part.empty(); });
  const size_t taken = m_pipes[side].write(parts, count, world().now(), path_from(side));
  end.bytes_written += taken;
  rearm();
  return {taken == 0 && has_bytes ? io_status::would_block : io_status::ok, taken};
}

void memory_connection::request_writable(size_t side) {
  if (m_ends[side].is_closed) return;
  m_ends[side].wants_writable = true;
  settle();
  rearm();
}

void memory_connection::shutdown_write(size_t side) {
  end_state& end = m_ends[side];
  if (end.is_closed || end.failure || end.has_finished) return;
  settle();
  end.has_finished = true;
  m_pipes[side].finish(world().now(), path_from(side));
  rearm();
}

void memory_connection::close(size_t side) {
  end_state& end = m_ends[side];
  if (end.is_closed) return;
  settle();
  end.is_closed = true;
  end.events = nullptr;
  if (!end.failure) {
    memory_pipe& incoming = m_pipes[1 - side];
    if (incoming.readable() > 0) {
      // As Linux does: data that nobody will read is answered by a reset, which overtakes what was not yet sent.
      m_ends[1 - side].reset_due = world().now() + path_from(side).delay;
      m_pipes[side].abort();
    } else {
      m_pipes[side].finish(world().now(), path_from(side));
    }
    incoming.discard_arrivals();
    m_ends[1 - side].answered_discards = incoming.discarded();
  }
  rearm();
}

stream_counters memory_connection::sample(size_t side) {
  settle();
  rearm();
  const memory_pipe::path line = path_from(side);
  const memory_pipe& pipe = m_pipes[side];
  stream_counters counters;
  counters.bytes_written = m_ends[side].bytes_written;
  counters.bytes_read = m_ends[side].bytes_read;
  counters.unsent_bytes = pipe.unsent();
  counters.unacked_bytes = pipe.unacked();
  counters.rtt_us = static_cast<uint32_t>((line.delay + line.return_delay).count());
  counters.rtt_var_us = 0;
  counters.shortest_rtt_us = counters.rtt_us;
  counters.window_limited_us = static_cast<uint64_t>(pipe.window_limited(world().now()).count());
  if (line.rate_bytes_per_s > 0) counters.delivery_rate_bps = line.rate_bytes_per_s * 8;
  counters.retransmits = pipe.retransmits();
  return counters;
}

}  // namespace campush
