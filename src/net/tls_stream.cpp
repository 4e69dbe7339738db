#include "net/tls_stream.h"

namespace campush {

tls_stream::tls_stream(event_loop& loop, std::unique_ptr<tls_link> link)
    : m_link(std::move(link)), m_again(loop.make_timer([this] { report_readable(); })) {
  m_link->transport().set_events(this);
  if (m_link->is_holding()) m_link->transport().request_writable();
}

tls_stream::~tls_stream() {
  close();
}

void tls_stream::set_events(byte_stream_events* events) {
  m_events = events;
  if (m_events != nullptr && m_has_unheard && !m_is_closed) m_again->arm_after(duration(0));
}

io_outcome tls_stream::read_some(uint8_t* data, size_t size) {
  if (m_is_closed) return {io_status::closed};
  const bool was_waiting = m_wants_writable && m_link->awaits_message();
  const io_outcome outcome = m_link->read(data, size);
  if (m_link->is_holding() || (was_waiting && !m_link->awaits_message())) m_link->transport().request_writable();
  if (m_life.is_watched()) {
    m_was_read = true;
  } else if (m_link->has_unread()) {
    m_again->arm_after(duration(0));
  }
  return outcome;
}

io_outcome tls_stream::write_some(const byte_view* parts, size_t count) {
  if (m_is_closed) return {io_status::closed};
  if (m_is_finishing) return {io_status::failed, 0, error_code::connection_reset};
  const io_outcome outcome = m_link->write(parts, count);
  if (m_link->is_holding()) m_link->transport().request_writable();
  return outcome;
}

void tls_stream::request_writable() {
  if (m_is_closed) return;
  m_wants_writable = true;
  if (!m_link->awaits_message()) m_link->transport().request_writable();
}

void tls_stream::shutdown_write() noexcept {
  if (m_is_closed) return;
  m_is_finishing = true;
  m_link->finish_writing();
  if (m_link->is_holding()) m_link->transport().request_writable();
}

void tls_stream::close() noexcept {
  if (m_is_closed) return;
  m_is_closed = true;
  m_again->cancel();
  m_link->close();
}

void tls_stream::on_readable() {
  m_has_unheard = true;
  report_readable();
}

void tls_stream::report_readable() {
  if (m_events == nullptr || m_is_closed) return;
  const life_guard::watcher life(m_life);
  m_has_unheard = false;
  m_was_read = false;
  m_events->on_readable();
  if (life.has_ended() || m_is_closed) return;
  // Whoever did not read is not asked for ever: the next read arms again.
  if (m_was_read && m_link->has_unread()) m_again->arm_after(duration(0));
}

void tls_stream::on_writable() {
  if (!m_link->flush() && m_link->is_holding()) return m_link->transport().request_writable();
  if (m_is_finishing) m_link->finish_writing();
  if (!m_wants_writable || m_events == nullptr || m_link->awaits_message()) return;
  m_wants_writable = false;
  m_events->on_writable();
}

}  // namespace campush
