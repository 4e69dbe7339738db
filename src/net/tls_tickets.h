#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "net/openssl_handles.h"

namespace campush {

/// The newest session ticket of each server, for a short handshake next time.
/// Shape: by host and port, at most max_servers (the one that was neither kept nor taken for longest makes room), as bytes: OpenSSL
///   marks a session that ended without close_notify as not to be resumed, which is how most of ours end. A ticket of TLS 1.3 is given out once (RFC 8446 C.4).
/// Thread: loop-thread.
class tls_tickets {
 public:
  static constexpr size_t max_servers = 64, max_ticket_bytes = 16 * 1024;

  void keep(const std::string& server, SSL_SESSION* session);
  /// Null if there is none, or if the certificate that it was given under has ended by `now`.
  ssl_session_ptr take(const std::string& server, std::chrono::system_clock::time_point now);

 private:
  struct ticket {
    std::vector<uint8_t> bytes;
    uint64_t last_use = 0;  ///< counts up with each keep() and take()
  };
  void forget_oldest() noexcept;

  std::map<std::string, ticket> m_tickets;
  uint64_t m_uses = 0;
};

}  // namespace campush
