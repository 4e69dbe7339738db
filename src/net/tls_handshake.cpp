#include "net/tls_handshake.h"

#include "net/tls_stream.h"

namespace campush {

tls_handshake::tls_handshake(event_loop& loop, std::unique_ptr<tls_link> link, done_callback done)
    : m_loop(loop), m_link(std::move(link)), m_done(std::move(done)), m_start(loop.make_timer([this] {
        m_link->transport().set_events(this);
        step();
      })) {
  m_start->arm_after(duration(0));
}

tls_handshake::~tls_handshake() {
  if (m_link) m_link->transport().set_events(nullptr);
}

void tls_handshake::step() {
  if (!m_link) return;
  const tls_link::progress progress = m_link->handshake();
  if (progress == tls_link::progress::waits) {
    if (m_link->is_holding()) m_link->transport().request_writable();
    return;
  }
  const auto done = std::move(m_done);
  if (progress == tls_link::progress::done) {
    done(std::make_unique<tls_stream>(m_loop, std::move(m_link)));
    return;
  }
  const auto failed = std::move(m_link);
  failed->transport().set_events(nullptr);
  done(tl::unexpected<error>(failed->failure()));
}

}  // namespace campush
