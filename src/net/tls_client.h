#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>

#include "net/byte_stream.h"
#include "net/event_loop.h"
#include "net/tls_options.h"

namespace campush {

/// Whether certificates and signatures can be judged by the wall clock: it must not be before this program was built.
/// Errors: clock_wrong, with the clock's date and the build's.
/// Thread: any-thread.
[[nodiscard]] result<void> check_wall_clock(const clock& time);

/// What a server's own certificate says of itself. Texts are bounded and printable.
struct certificate_facts {
  std::string subject, issuer;  ///< common name, with the organisation
  std::chrono::system_clock::time_point not_before{}, not_after{};
};
/// Hears of every certificate that a server shows, also of one that is refused, before it is judged. `server` is "host:port".
using certificate_listener = std::function<void(const std::string& server, const certificate_facts& facts)>;

/// Makes TLS connections with one set of options: one SSL_CTX, which also keeps the servers' session tickets by host and port.
/// Shape: connect() takes a connected transport, drives the handshake with SNI and host name check (an IP literal: address check, no
///   SNI), and hands over a byte_stream on top of it. That stream drives OpenSSL itself over any byte_stream (TCP, memory): up to
///   16 KiB gathered per SSL_write so that no record is made for a header alone, ENABLE_PARTIAL_WRITE, ACCEPT_MOVING_WRITE_BUFFER,
///   RELEASE_BUFFERS; bytes after WANT_WRITE are committed and count as written. sample() is the transport's, with bytes_written and
///   bytes_read of the plain text; security() names version, cipher, and whether the session was resumed.
/// Errors: make(): files that cannot be read or parsed, pins that are none (not_found, permission_denied, malformed). connect():
///   tls_failed or clock_wrong with one clear sentence: expired (since when), not yet valid (from when, and the clock's date), name
///   mismatch (with the names found), unknown issuer (who), pin mismatch (the pins found), wrong version, the server's alert; transport
///   errors as they are. No deadline of its own; destroying the operation closes the transport.
/// Thread: loop-thread of its loop.
/// Source: DESIGN 2; RFC 5280, 6066, 6125, 7469.
class tls_client : public std::enable_shared_from_this<tls_client> {
 public:
  [[nodiscard]] static result<std::shared_ptr<tls_client>> make(event_loop& loop, const tls_options& options,
                                                                const certificate_listener& listener = nullptr);
  virtual ~tls_client() = default;
  using connect_callback = network::connect_callback;
  [[nodiscard]] virtual std::unique_ptr<pending_operation> connect(std::unique_ptr<byte_stream> transport,
                                                                   const std::string& host, uint16_t port,
                                                                   connect_callback done) = 0;

 protected:
  tls_client() = default;
};

/// The clients of one loop, one for each distinct set of options in use.
/// Shape: a client is kept while somebody holds it and for the next caller; one whose files have changed on disk (mtime or size) is made
///   anew. Its files are also those of the system's CAs where it trusts these: what is installed counts at the next connection.
/// Errors: those of tls_client::make(); nothing is kept then.
/// Thread: loop-thread.
class tls_clients {
 public:
  explicit tls_clients(event_loop& loop) : m_loop(loop) {}
  [[nodiscard]] result<std::shared_ptr<tls_client>> get(const tls_options& options);
  /// For the clients made from now on: `campush check` shows what it is told.
  void set_certificate_listener(certificate_listener listener) { m_listener = std::move(listener); }

 private:
  struct entry {
    std::shared_ptr<tls_client> client;
    std::string files;  ///< what made them: paths, sizes, times
  };
  event_loop& m_loop;
  certificate_listener m_listener;
  std::map<tls_options, entry> m_clients;
};

}  // namespace campush
