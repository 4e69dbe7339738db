#include "net/tcp_stream.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "net/socket_address.h"
#include "net/tcp_counters.h"

namespace campush {

tcp_stream::tcp_stream(std::unique_ptr<fd_watch> connected) : m_watch(std::move(connected)) {
  m_watch->set_listener(this);
  socket_address own;
  if (::getsockname(m_watch->fd(), own.get(), &own.size) == 0) m_local = own.to_endpoint();
  socket_address peer;
  if (::getpeername(m_watch->fd(), peer.get(), &peer.size) == 0) m_remote = peer.to_endpoint();
}

tcp_stream::~tcp_stream() = default;

void tcp_stream::set_events(byte_stream_events* events) {
  m_events = events;
  if (m_watch && m_events != nullptr && !m_has_ended) m_watch->wait_readable();
}

io_outcome tcp_stream::fail_with(int errno_value) noexcept {
  m_failure = error_from_errno(errno_value, "").code;
  return {io_status::failed, 0, *m_failure};
}

io_outcome tcp_stream::read_some(uint8_t* data, size_t size) {
  if (!m_watch) return {io_status::closed};
  // What came before a reset that a write has met is still there to read.
  if (m_failure && m_has_ended) return {io_status::failed, 0, *m_failure};
  if (m_has_ended) return {io_status::closed};
  if (size == 0) return {io_status::ok};
  ssize_t count;
  do {
    count = ::recv(m_watch->fd(), data, size, 0);
  } while (count < 0 && errno == EINTR);
  if (m_failure && count <= 0) {
    m_has_ended = true;
    return {io_status::failed, 0, *m_failure};
  }
  if (count == 0) {
    m_has_ended = true;
    return {io_status::closed};
  }
  if (count < 0 && errno != EAGAIN) {
    m_has_ended = true;
    return fail_with(errno);
  }
  // One re-arm an event, when the listener is done; it sees at once what was left unread.
  if (m_life.is_watched()) {
    m_was_read = true;
  } else if (m_events != nullptr) {
    m_watch->wait_readable();
  }
  if (count < 0) return {io_status::would_block};
  m_bytes_read += static_cast<uint64_t>(count);
  return {io_status::ok, static_cast<size_t>(count)};
}

io_outcome tcp_stream::send_parts(const byte_view* parts, size_t count, size_t& asked) noexcept {
  std::array<iovec, IOV_MAX> vectors;  // 16 KiB of stack, filled as far as needed
  asked = 0;
  for (size_t i = 0; i < count; ++i) {
    vectors[i] = {const_cast<uint8_t*>(parts[i].data()), parts[i].size()};
    asked += parts[i].size();
  }
  if (asked == 0) return {io_status::ok};
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  ssize_t sent;
  do {
    sent = ::sendmsg(m_watch->fd(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return {io_status::ok, static_cast<size_t>(sent)};
  return errno == EAGAIN ? io_outcome{io_status::would_block} : fail_with(errno);
}

io_outcome tcp_stream::write_some(const byte_view* parts, size_t count) {
  if (!m_watch) return {io_status::closed};
  if (m_failure) return {io_status::failed, 0, *m_failure};
  size_t total = 0;
  while (count > 0) {
    const size_t batch = std::min<size_t>(count, IOV_MAX);
    size_t asked = 0;
    io_outcome outcome = send_parts(parts, batch, asked);
    total += outcome.bytes;
    m_bytes_written += outcome.bytes;
    if (outcome.status != io_status::ok && total == 0) return outcome;
    // What the first batches moved counts; the next call says what stopped the last one.
    if (outcome.status != io_status::ok || outcome.bytes < asked) break;
    parts += batch;
    count -= batch;
  }
  return {io_status::ok, total};
}

void tcp_stream::request_writable() {
  if (m_watch) m_watch->wait_writable();
}

void tcp_stream::shutdown_write() noexcept {
  if (m_watch) ::shutdown(m_watch->fd(), SHUT_WR);
}

void tcp_stream::close() noexcept {
  m_watch.reset();
}

stream_counters tcp_stream::sample() const {
  stream_counters counters;
  counters.bytes_written = m_bytes_written;
  counters.bytes_read = m_bytes_read;
  if (m_watch) sample_tcp_counters(m_watch->fd(), counters);
  return counters;
}

void tcp_stream::on_fd_readable() {
  if (m_events == nullptr) return;
  const life_guard::watcher life(m_life);
  m_was_read = false;
  m_events->on_readable();
  if (life.has_ended()) return;
  // Whoever did not read is not asked for ever: the next read arms again.
  if (m_watch && m_was_read && m_events != nullptr && !m_has_ended && !m_failure) m_watch->wait_readable();
}

void tcp_stream::on_fd_writable() {
  if (m_events != nullptr) m_events->on_writable();
}

}  // namespace campush
