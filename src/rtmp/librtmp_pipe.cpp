#include "rtmp/librtmp_pipe.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "rtmp/protocol/chunk_writer.h"
#include "rtmp/protocol/handshake.h"

namespace campush {

namespace {

constexpr size_t handshake_bytes = 1 + 2 * handshake::part_bytes;
constexpr int pair_buffer_bytes = 64 * 1024;

/// A server speaks in answers alone. While nothing comes it is asked less and less often.
constexpr duration first_poll = std::chrono::milliseconds(20), last_poll = std::chrono::milliseconds(500);

/// First byte of a server's handshake: plain, and RTMPE as the versions of Adobe's server had it.
bool is_version_expected(uint8_t version, bool is_encrypted) noexcept {
  return is_encrypted ? version == 6 || version == 8 || version == 9 : version == handshake::version;
}

}  // namespace

librtmp_crew::librtmp_crew(asio_event_loop& loop) : m_loop(loop), m_news(loop.make_wakeup([this] { on_news(); })) {}

librtmp_crew::~librtmp_crew() = default;

result<librtmp_worker*> librtmp_crew::hire(int fd, const librtmp_worker_options& options, librtmp_pipe& owner) {
  const result<librtmp_calls> calls = load_librtmp();
  if (!calls) {
    ::close(fd);
    return tl::unexpected<error>(calls.error());
  }
  try {
    m_members.push_back({std::make_unique<librtmp_worker>(*calls, fd, options, *m_news), &owner});
    return m_members.back().worker.get();
  } catch (const std::system_error& failure) {
    ::close(fd);
    return fail(error_code::limit_reached, failure.what());
  }
}

void librtmp_crew::dismiss(librtmp_worker& worker) noexcept {
  worker.close_soon();
  for (member& each : m_members) {
    if (each.worker.get() == &worker) each.owner = nullptr;
  }
  // It may have ended before, and is joined with the next news.
  m_news->signal();
}

void librtmp_crew::on_news() {
  for (size_t i = 0; i < m_members.size(); ++i) {
    if (m_members[i].owner != nullptr) m_members[i].owner->on_worker_news();
  }
  const auto is_done = [](const member& each) { return each.owner == nullptr && each.worker->has_ended(); };
  m_members.erase(std::remove_if(m_members.begin(), m_members.end(), is_done), m_members.end());
}

librtmp_pipe::librtmp_pipe(librtmp_crew& crew, std::unique_ptr<byte_stream> transport, librtmp_pipe_events& events,
                           const librtmp_pipe_options& options)
    : m_crew(crew),
      m_transport(std::move(transport)),
      m_events(events),
      m_options(options),
      m_poll_interval(first_poll),
      m_outgoing(buffer_bytes),
      m_incoming(buffer_bytes / 2),
      m_handshake_left(handshake_bytes) {
  m_allowance.begin(crew.loop().now());
  if (options.tunnel_authority.empty()) return;
  m_tunnel = std::make_unique<http_tunnel>(options.tunnel_authority);
  m_poll = crew.loop().make_timer([this] { on_poll_due(); });
}

librtmp_pipe::~librtmp_pipe() {
  close(false);
}

result<void> librtmp_pipe::start() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return tl::unexpected<error>(error_from_errno(errno, "socket pair for librtmp"));
  }
  static_cast<void>(::fcntl(ends[0], F_SETFL, O_NONBLOCK));
  // What waits here waits behind the session's queue, where nothing can be dropped any more.
  static_cast<void>(::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &pair_buffer_bytes, sizeof pair_buffer_bytes));
  result<std::unique_ptr<fd_watch>> watch = fd_watch::make(m_crew.loop(), ends[0]);
  if (!watch) {
    ::close(ends[1]);
    return tl::unexpected<error>(std::move(watch.error()));
  }
  m_pair = std::move(*watch);
  result<librtmp_worker*> worker = m_crew.hire(ends[1], m_options.worker, *this);
  if (!worker) return tl::unexpected<error>(std::move(worker.error()));
  m_worker = *worker;
  // Set Chunk Size goes out with the handshake.
  m_given = handshake_bytes + 16;
  m_pair->set_listener(this);
  m_pair->wait_readable();
  m_transport->set_events(this);
  if (m_tunnel) {
    m_tunnel->start();
    // The first write may fail, and nothing is told from inside a call.
    m_is_blocked = true;
    m_transport->request_writable();
  }
  return {};
}

void librtmp_pipe::close(bool sends_fin) noexcept {
  if (m_is_closed) return;
  m_is_closed = true;
  m_transport->set_events(nullptr);
  if (m_poll) m_poll->cancel();
  if (sends_fin && m_tunnel) {
    m_tunnel->close();
    const byte_view last = m_tunnel->pending_output();
    if (!last.empty()) static_cast<void>(m_transport->write_some(&last, 1));
  }
  if (sends_fin) m_transport->shutdown_write();
  m_transport->close();
  if (m_pair) {
    m_pair->set_listener(nullptr);
    // Ends whatever call of the library is waiting for the other end.
    static_cast<void>(::shutdown(m_pair->fd(), SHUT_RDWR));
  }
  if (m_worker != nullptr) m_crew.dismiss(*m_worker);
}

void librtmp_pipe::send(librtmp_packet packet) {
  if (m_is_closed || m_worker == nullptr) return;
  const byte_view payload = byte_view(packet.storage).subview(librtmp_packet::headroom);
  m_given += chunked_message(packet.header, {}, payload, m_options.worker.chunk_size).wire_bytes();
  m_worker->push(std::move(packet));
}

void librtmp_pipe::send_word(librtmp_packet packet) {
  const uint64_t begin = m_given;
  send(std::move(packet));
  const auto bytes = static_cast<size_t>(m_given - begin);
  m_words.push_back({m_given, bytes});
  m_word_bytes += bytes;
}

stream_counters librtmp_pipe::sample() const {
  stream_counters counters = m_transport->sample();
  const uint64_t waiting = in_flight();
  counters.bytes_written += waiting;
  counters.unsent_bytes = counters.unsent_bytes.value_or(0) + waiting;
  counters.unacked_bytes = counters.unacked_bytes.value_or(0) + waiting;
  return counters;
}

void librtmp_pipe::on_fd_readable() {
  pump();
}

void librtmp_pipe::on_writable() {
  m_is_blocked = false;
  pump();
}

bool librtmp_pipe::refill() {
  if (m_outgoing_begin != m_outgoing_end) return true;
  const ssize_t got = ::recv(m_pair->fd(), m_outgoing.data(), m_outgoing.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) m_pair->wait_readable();
  // The end of the pair is the worker's end, which tells of it itself.
  if (got <= 0) return false;
  m_outgoing_begin = 0;
  m_outgoing_end = static_cast<size_t>(got);
  return true;
}

byte_view librtmp_pipe::next_part() {
  if (!m_tunnel) {
    if (!refill()) return {};
    return {m_outgoing.data() + m_outgoing_begin, m_outgoing_end - m_outgoing_begin};
  }
  while (m_tunnel->waiting_bytes() < http_tunnel::max_request_body && refill()) {
    m_tunnel->send({m_outgoing.data() + m_outgoing_begin, m_outgoing_end - m_outgoing_begin});
    m_into_tunnel += m_outgoing_end - m_outgoing_begin;
    m_outgoing_begin = m_outgoing_end;
  }
  return m_tunnel->pending_output();
}

void librtmp_pipe::advance(size_t moved) noexcept {
  if (m_tunnel) {
    m_tunnel->consume_output(moved);
    m_moved = m_into_tunnel - m_tunnel->waiting_bytes();
  } else {
    m_outgoing_begin += moved;
    m_moved += moved;
  }
  m_moved = std::min(m_given, m_moved);
  for (; !m_words.empty() && m_words.front().end <= m_moved; m_words.pop_front()) m_word_bytes -= m_words.front().bytes;
}

void librtmp_pipe::pump() {
  while (!m_is_closed && !m_is_blocked) {
    const byte_view part = next_part();
    if (part.empty()) break;
    const io_outcome outcome = m_transport->write_some(&part, 1);
    if (outcome.status == io_status::closed || outcome.status == io_status::failed) {
      m_is_blocked = true;
      read_last_words();
      return end({librtmp_pipe_end::kind::transport, outcome, {}});
    }
    const size_t moved = outcome.status == io_status::ok ? outcome.bytes : 0;
    const bool is_all = moved == part.size();
    advance(moved);
    if (is_all) continue;
    m_is_blocked = true;
    m_transport->request_writable();
  }
  if (m_wants_space && can_send()) {
    m_wants_space = false;
    m_events.on_pipe_space();
  }
}

void librtmp_pipe::plan_poll() {
  if (!m_is_closed && m_tunnel->is_idle() && !m_poll->is_armed()) m_poll->arm_after(m_poll_interval);
}

void librtmp_pipe::on_poll_due() {
  if (m_is_closed || !m_tunnel->is_idle()) return;
  m_poll_interval = std::min(last_poll, m_poll_interval * 2);
  m_tunnel->poll();
  pump();
}

/// A server that refuses says why and closes; the reset may be noticed by a write before its words are read.
void librtmp_pipe::read_last_words() {
  while (!m_is_closed && !is_awaiting_worker()) {
    const io_outcome read = m_transport->read_some(m_incoming.data(), m_incoming.size());
    if (read.status != io_status::ok || !is_read_allowed(read.bytes)) return;
    take(m_incoming.data(), read.bytes);
  }
}

void librtmp_pipe::on_readable() {
  while (!m_is_closed && !is_awaiting_worker()) {
    const io_outcome outcome = m_transport->read_some(m_incoming.data(), m_incoming.size());
    if (outcome.status == io_status::would_block) return;
    if (outcome.status != io_status::ok) return end({librtmp_pipe_end::kind::transport, outcome, {}});
    if (!is_read_allowed(outcome.bytes)) {
      return end({librtmp_pipe_end::kind::violation, {}, "the server sends far more than a publisher can expect"});
    }
    take(m_incoming.data(), outcome.bytes);
  }
}

bool librtmp_pipe::is_read_allowed(size_t bytes) noexcept {
  return m_allowance.take(bytes, m_crew.loop().now());
}

void librtmp_pipe::take(uint8_t* bytes, size_t size) {
  if (!m_tunnel) return take_plain(bytes, size);
  m_tunnelled.clear();
  if (const result<void> read = m_tunnel->receive({bytes, size}, m_tunnelled); !read) {
    return end({read.error().code == error_code::access_denied ? librtmp_pipe_end::kind::web_server
                                                               : librtmp_pipe_end::kind::violation,
                {},
                read.error().message});
  }
  if (!m_tunnelled.empty()) {
    m_poll_interval = first_poll;
    take_plain(m_tunnelled.data(), m_tunnelled.size());
  }
  // The answer let the next request go.
  pump();
  plan_poll();
}

void librtmp_pipe::take_plain(uint8_t* bytes, size_t size) {
  const size_t part = std::min(size, m_handshake_left);
  if (part > 0 && !pass_handshake({bytes, part})) return;
  bytes += part;
  size -= part;
  if (size == 0) return;
  if (m_is_open) return deliver(bytes, size);
  m_early.insert(m_early.end(), bytes, bytes + size);
}

bool librtmp_pipe::pass_handshake(byte_view bytes) {
  const bool is_first = m_handshake_left == handshake_bytes;
  if (is_first && !is_version_expected(bytes[0], m_options.worker.is_encrypted)) {
    end({librtmp_pipe_end::kind::violation, {}, "handshake of another version"});
    return false;
  }
  m_handshake_left -= bytes.size();
  // Two parts fit into any socket buffer.
  const ssize_t moved = ::send(m_pair->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (moved == static_cast<ssize_t>(bytes.size())) return true;
  end({librtmp_pipe_end::kind::library, {}, "librtmp does not read its handshake"});
  return false;
}

void librtmp_pipe::deliver(uint8_t* bytes, size_t size) {
  if (m_cipher) m_cipher->apply(bytes, size);
  m_events.on_pipe_received({bytes, size});
}

void librtmp_pipe::on_worker_news() {
  if (m_is_closed) return;
  const librtmp_worker::stage reached = m_worker->reached();
  if (reached == librtmp_worker::stage::ended) {
    return end({librtmp_pipe_end::kind::library,
                {},
                m_is_open ? "librtmp closed the connection" : "librtmp does not accept the server's handshake"});
  }
  if (reached != librtmp_worker::stage::talking || m_is_open) return;
  m_is_open = true;
  m_cipher = m_worker->incoming_cipher();
  m_events.on_pipe_open();
  if (m_is_closed) return;
  std::vector<uint8_t> early;
  early.swap(m_early);
  if (!early.empty()) deliver(early.data(), early.size());
  on_readable();
}

void librtmp_pipe::end(const librtmp_pipe_end& end) {
  if (m_is_closed) return;
  close(false);
  m_events.on_pipe_ended(end);
}

}  // namespace campush
