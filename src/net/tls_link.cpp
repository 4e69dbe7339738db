#include "net/tls_link.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <utility>

#include "net/tls_refusal.h"
#include "util/log.h"

namespace campush {

namespace {

constexpr size_t max_handshake_bytes = 256 * 1024;
/// One call gives the loop back after so much, whatever the peer sends beside data.
constexpr size_t read_allowance_bytes = 64 * 1024;
/// What a peer may send for each byte of plain text (a record of one byte costs 23 more), and beside it.
constexpr uint64_t max_sealed_per_plain = 32, max_sealed_beside = 1024 * 1024;
/// A peer that makes us answer without reading the answers.
constexpr size_t max_held_bytes = 256 * 1024;

void forget_old_errors() noexcept {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

/// Walks through the parts of one write, a record at a time.
class tls_link::part_cursor {
 public:
  part_cursor(const byte_view* parts, size_t count) noexcept : m_parts(parts), m_count(count) { skip(0); }
  bool is_done() const noexcept { return m_count == 0; }

  /// The next bytes, as many as a record holds: in place where they lie together, otherwise gathered in `room`.
  byte_view next(std::array<uint8_t, tls_room::record_bytes>& room) const noexcept {
    const byte_view first = m_parts->subview(m_offset, room.size());
    if (first.size() == room.size() || m_count == 1) return first;
    size_t filled = 0;
    size_t offset = m_offset;
    for (size_t i = 0; i < m_count && filled < room.size(); ++i) {
      const byte_view piece = m_parts[i].subview(offset, room.size() - filled);
      std::copy(piece.begin(), piece.end(), room.begin() + static_cast<std::ptrdiff_t>(filled));
      filled += piece.size();
      offset = 0;
    }
    return {room.data(), filled};
  }
  void skip(size_t bytes) noexcept {
    m_offset += bytes;
    while (m_count > 0 && m_offset >= m_parts->size()) {
      m_offset -= m_parts->size();
      ++m_parts;
      --m_count;
    }
  }

 private:
  const byte_view* m_parts;
  size_t m_count;
  size_t m_offset = 0;
};

BIO_METHOD* tls_link::bio_method() {
  // Kept for the life of the process: links may be destroyed as late as at exit.
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "byte_stream");
    BIO_meth_set_write_ex(made, on_bio_write);
    BIO_meth_set_read_ex(made, on_bio_read);
    BIO_meth_set_ctrl(made, on_bio_control);
    return made;
  }();
  return method;
}

tls_link::tls_link(ssl_ptr ssl, std::shared_ptr<tls_room> room, std::unique_ptr<tls_peer> peer,
                   std::unique_ptr<byte_stream> transport)
    : m_room(std::move(room)), m_peer(std::move(peer)), m_transport(std::move(transport)), m_ssl(std::move(ssl)) {
  BIO* bio = BIO_new(bio_method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(m_ssl.get(), bio, bio);
  SSL_set_app_data(m_ssl.get(), m_peer.get());
}

tls_link::~tls_link() {
  close();
  stop_holding();
}

int tls_link::on_bio_write(BIO* bio, const char* data, size_t size, size_t* taken) noexcept {
  BIO_clear_retry_flags(bio);
  auto* self = static_cast<tls_link*>(BIO_get_data(bio));
  if (self->take_sealed(reinterpret_cast<const uint8_t*>(data), size, *taken)) return 1;
  BIO_set_retry_write(bio);
  return 0;
}

bool tls_link::take_sealed(const uint8_t* data, size_t size, size_t& taken) noexcept {
  taken = std::min(size, m_room->sealed.size() - m_room->sealed_bytes);
  std::memcpy(m_room->sealed.data() + m_room->sealed_bytes, data, taken);
  m_room->sealed_bytes += taken;
  return taken > 0;
}

int tls_link::on_bio_read(BIO* bio, char* data, size_t size, size_t* got) noexcept {
  BIO_clear_retry_flags(bio);
  auto* self = static_cast<tls_link*>(BIO_get_data(bio));
  bool may_retry = false;
  if (self->fetch(reinterpret_cast<uint8_t*>(data), size, *got, may_retry)) return 1;
  if (may_retry) BIO_set_retry_read(bio);
  return 0;
}

bool tls_link::fetch(uint8_t* data, size_t size, size_t& got, bool& may_retry) noexcept {
  got = 0;
  if (m_is_sealing) {
    // Reading belongs to read(): what arrived here would be reported to nobody.
    may_retry = true;
    return false;
  }
  const size_t allowed = std::min(size, m_read_allowance);
  if (allowed == 0) {
    // In a handshake the allowance is all there is.
    m_is_flooding = !m_is_ready;
    m_was_cut_short = may_retry = m_is_ready;
    return false;
  }
  const io_outcome outcome = m_transport->read_some(data, allowed);
  got = outcome.bytes;
  m_read_allowance -= got;
  m_sealed_read += got;
  if (m_is_ready && m_sealed_read > max_sealed_beside + max_sealed_per_plain * m_plain_read) {
    m_is_flooding = true;
    got = 0;
    return false;
  }
  may_retry = outcome.status == io_status::would_block;
  if (outcome.status == io_status::closed) m_has_ended = true;
  if (outcome.status == io_status::failed) m_transport_failure = outcome.failure;
  return outcome.status == io_status::ok && got > 0;
}

long tls_link::on_bio_control(BIO* bio, int command, long, void*) noexcept {
  const auto* self = static_cast<const tls_link*>(BIO_get_data(bio));
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return self->m_has_ended ? 1 : 0;
  return 0;
}

tls_link::progress tls_link::handshake() {
  if (m_is_ready) return progress::done;
  if (m_handshake_failure) return progress::failed;
  flush();
  forget_old_errors();
  m_read_allowance = max_handshake_bytes - std::min<size_t>(max_handshake_bytes, m_sealed_read);
  int reason = SSL_ERROR_NONE;
  do {
    const int outcome = SSL_do_handshake(m_ssl.get());
    reason = outcome == 1 ? SSL_ERROR_NONE : SSL_get_error(m_ssl.get(), outcome);
    flush();
  } while (reason == SSL_ERROR_WANT_WRITE && !m_write_failure);
  if (reason == SSL_ERROR_NONE) {
    m_is_ready = true;
    return progress::done;
  }
  if (reason == SSL_ERROR_WANT_READ && !m_write_failure) return progress::waits;
  m_handshake_failure = failure();
  return progress::failed;
}

error tls_link::failure() const {
  if (m_handshake_failure) return *m_handshake_failure;
  if (m_peer && !m_peer->refusal.empty()) return {error_code::tls_failed, m_peer->refusal};
  if (m_is_flooding) return {error_code::tls_failed, "the TLS handshake is too long"};
  const auto lost = m_transport_failure ? m_transport_failure : m_write_failure;
  if (lost) return {*lost, fmt::format("the connection was lost in the TLS handshake ({})", error_name(*lost))};
  if (m_has_ended) return {error_code::closed_by_peer, "the server closed the connection in the TLS handshake"};
  return {error_code::tls_failed, explain_queue()};
}

std::string tls_link::explain_queue() const {
  const tls_version lowest = m_peer && m_peer->rules ? m_peer->rules->min_version : tls_version::v1_2;
  return explain_tls_error(ERR_peek_error(), lowest);
}

/// Where a secret made the host's name, its address is as secret; the session's own lines say which server it is.
std::string tls_link::about_peer() const {
  return m_peer ? "a server" : m_transport->remote().to_string();
}

io_outcome tls_link::read(uint8_t* data, size_t size) {
  m_was_cut_short = m_has_read_well = false;
  if (m_read_end) return *m_read_end;
  if (size == 0) return {io_status::ok};
  forget_old_errors();
  m_read_allowance = read_allowance_bytes;
  const int got = SSL_read(m_ssl.get(), data, static_cast<int>(std::min<size_t>(size, INT_MAX)));
  const int reason = got > 0 ? SSL_ERROR_NONE : SSL_get_error(m_ssl.get(), got);
  if (m_room->sealed_bytes > 0) flush();
  if (SSL_in_init(m_ssl.get()) == 0) m_awaits_message = false;
  if (reason == SSL_ERROR_NONE) {
    m_has_read_well = true;
    m_plain_read += static_cast<uint64_t>(got);
    return {io_status::ok, static_cast<size_t>(got)};
  }
  if (reason == SSL_ERROR_WANT_WRITE) m_was_cut_short = true;
  if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) return {io_status::would_block};
  return end_reading(reason);
}

error_code tls_link::fail_with(std::string why) {
  log_warn(log_module::net, "TLS with {}: {}", about_peer(), why);
  if (m_explanation.empty()) m_explanation = std::move(why);
  return error_code::tls_failed;
}

io_outcome tls_link::end_reading(int reason) {
  io_outcome end{io_status::closed};
  if (m_is_flooding) {
    end = {io_status::failed, 0, fail_with("the peer sends too much beside data")};
  } else if (m_transport_failure) {
    end = {io_status::failed, 0, *m_transport_failure};
    m_write_failure = m_write_failure.value_or(end.failure);
  } else if (m_has_ended) {
    log_debug(log_module::net, "TLS with {}: closed without close_notify", about_peer());
  } else if (reason != SSL_ERROR_ZERO_RETURN) {
    end = {io_status::failed, 0, fail_with(explain_queue())};
    m_write_failure = end.failure;
  }
  if (end.status == io_status::closed && m_write_failure) end = {io_status::failed, 0, *m_write_failure};
  m_read_end = end;
  return end;
}

io_outcome tls_link::write(const byte_view* parts, size_t count) {
  if (m_write_failure) return {io_status::failed, 0, *m_write_failure};
  part_cursor rest(parts, count);
  if (rest.is_done()) return {io_status::ok};
  size_t taken = 0;
  m_awaits_message = false;
  while (!rest.is_done() && !m_awaits_message && flush()) {
    const size_t sealed = seal(rest);
    flush();
    if (m_write_failure) break;
    taken += sealed;
  }
  m_plain_written += taken;
  if (taken > 0) return {io_status::ok, taken};
  if (m_write_failure) return {io_status::failed, 0, *m_write_failure};
  return {io_status::would_block};
}

size_t tls_link::seal(part_cursor& rest) {
  forget_old_errors();
  m_is_sealing = true;
  size_t taken = 0;
  for (size_t i = 0; i < tls_room::records_per_write && !rest.is_done(); ++i) {
    const byte_view record = rest.next(m_room->plain);
    const int sealed = SSL_write(m_ssl.get(), record.data(), static_cast<int>(record.size()));
    m_awaits_message = sealed <= 0 && SSL_get_error(m_ssl.get(), sealed) == SSL_ERROR_WANT_READ;
    if (m_awaits_message) break;
    if (sealed <= 0) {
      m_write_failure = fail_with("cannot write: " + explain_queue());
      break;
    }
    rest.skip(static_cast<size_t>(sealed));
    taken += static_cast<size_t>(sealed);
  }
  m_is_sealing = false;
  return taken;
}

bool tls_link::flush() {
  byte_view parts[2] = {byte_view(m_held).subview(m_held_begin), {m_room->sealed.data(), m_room->sealed_bytes}};
  m_room->sealed_bytes = 0;
  if (parts[0].empty() && parts[1].empty()) return !m_write_failure;
  size_t sent = 0;
  if (!m_write_failure) {
    const io_outcome outcome = m_transport->write_some(parts, 2);
    sent = outcome.bytes;
    if (outcome.status == io_status::failed) m_write_failure = outcome.failure;
    if (outcome.status == io_status::closed) m_write_failure = error_code::closed_by_peer;
  }
  if (m_write_failure) {
    stop_holding();
    return false;
  }
  hold(parts, sent);
  return m_held.empty();
}

/// Keeps what the transport has not taken. `parts[0]` lies in m_held, `parts[1]` in the room.
void tls_link::hold(byte_view parts[2], size_t sent) {
  const size_t of_held = std::min(sent, parts[0].size());
  const byte_view fresh = parts[1].subview(sent - of_held);
  m_held_begin += of_held;
  if (m_held_begin == m_held.size()) stop_holding();
  if (fresh.empty()) return;
  if (m_held.size() - m_held_begin + fresh.size() > max_held_bytes) {
    m_write_failure = fail_with("the peer asks for answers and does not read them");
    return;
  }
  if (m_held.capacity() == 0) m_held = m_room->lend();
  m_held.erase(m_held.begin(), m_held.begin() + static_cast<std::ptrdiff_t>(m_held_begin));
  m_held_begin = 0;
  m_held.insert(m_held.end(), fresh.begin(), fresh.end());
}

void tls_link::stop_holding() noexcept {
  m_held_begin = 0;
  if (m_held.capacity() > 0) m_room->take_back(std::exchange(m_held, {}));
}

bool tls_link::has_unread() const noexcept {
  // OpenSSL calls the beginning of a record pending, too: whoever has read until would_block has read everything.
  return !m_read_end && (m_was_cut_short || (m_has_read_well && SSL_has_pending(m_ssl.get()) == 1));
}

void tls_link::finish_writing() noexcept {
  if (m_is_shut) return;
  if (!m_has_finished && m_is_ready && !m_write_failure && flush()) {
    m_has_finished = true;
    forget_old_errors();
    SSL_shutdown(m_ssl.get());
  }
  if (!flush() && !m_write_failure) return;
  m_is_shut = true;
  m_transport->shutdown_write();
}

void tls_link::close() noexcept {
  if (!m_transport) return;
  // Politeness as far as it costs nothing: a peer can tell an orderly end from a cut line.
  if (m_is_ready && !m_has_finished && !m_write_failure && !m_read_end && flush()) {
    m_has_finished = true;
    forget_old_errors();
    SSL_shutdown(m_ssl.get());
    flush();
  }
  m_write_failure = m_write_failure.value_or(error_code::closed_by_peer);
  if (!m_is_ready) discard_arrivals();
  m_transport->close();
}

/// Closing on unread bytes is answered by a reset, which could overtake the alert that says why.
void tls_link::discard_arrivals() noexcept {
  uint8_t bytes[4096];
  for (size_t left = max_handshake_bytes; left > 0;) {
    const io_outcome outcome = m_transport->read_some(bytes, std::min(sizeof bytes, left));
    if (outcome.status != io_status::ok) return;
    left -= outcome.bytes;
  }
}

stream_counters tls_link::sample() const {
  stream_counters counters = m_transport->sample();
  const uint64_t held = m_held.size() - m_held_begin;
  counters.bytes_read = m_plain_read;
  counters.bytes_written = m_plain_written;
  if (counters.unacked_bytes) {
    const uint64_t under_way = std::min(*counters.unacked_bytes + held, m_plain_written);
    m_acknowledged = std::max(m_acknowledged, m_plain_written - under_way);
    counters.unacked_bytes = m_plain_written - m_acknowledged;
  }
  if (counters.unsent_bytes) {
    counters.unsent_bytes = std::min(*counters.unsent_bytes + held, counters.unacked_bytes.value_or(UINT64_MAX));
  }
  return counters;
}

std::string tls_link::security() const {
  return fmt::format("{} {}{}", SSL_get_version(m_ssl.get()), SSL_get_cipher_name(m_ssl.get()),
                     SSL_session_reused(m_ssl.get()) == 1 ? ", resumed" : "");
}

}  // namespace campush
