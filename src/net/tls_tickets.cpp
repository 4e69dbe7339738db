#include "net/tls_tickets.h"

#include <algorithm>

#include "net/tls_refusal.h"

namespace campush {

void tls_tickets::keep(const std::string& server, SSL_SESSION* session) {
  const int size = i2d_SSL_SESSION(session, nullptr);
  if (size <= 0 || static_cast<size_t>(size) > max_ticket_bytes) return;
  if (m_tickets.size() >= max_servers && m_tickets.count(server) == 0) forget_oldest();
  ticket& kept = m_tickets[server];
  kept.last_use = ++m_uses;
  kept.bytes.resize(static_cast<size_t>(size));
  uint8_t* out = kept.bytes.data();
  i2d_SSL_SESSION(session, &out);
}

void tls_tickets::forget_oldest() noexcept {
  m_tickets.erase(std::min_element(m_tickets.begin(), m_tickets.end(), [](const auto& left, const auto& right) {
    return left.second.last_use < right.second.last_use;
  }));
}

ssl_session_ptr tls_tickets::take(const std::string& server, std::chrono::system_clock::time_point now) {
  const auto found = m_tickets.find(server);
  if (found == m_tickets.end()) return nullptr;
  found->second.last_use = ++m_uses;
  const uint8_t* bytes = found->second.bytes.data();
  ssl_session_ptr session(d2i_SSL_SESSION(nullptr, &bytes, static_cast<long>(found->second.bytes.size())));
  const X509* judged = session ? SSL_SESSION_get0_peer(session.get()) : nullptr;
  // Not by X509_cmp_time: on 32-bit targets its time_t may be narrower than ours.
  const bool has_ended = judged != nullptr && describe_certificate(*judged).not_after <= now;
  if (!session || has_ended || SSL_SESSION_get_protocol_version(session.get()) >= TLS1_3_VERSION)
    m_tickets.erase(found);
  if (has_ended) return nullptr;
  return session;
}

}  // namespace campush
