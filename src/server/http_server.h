#pragma once

#include <memory>

#include "net/endpoint.h"
#include "server/api.h"
#include "server/http_options.h"

namespace campush {

class asio_event_loop;

/// Serves the api over HTTP/1.1 (Boost.Beast) on the control loop.
/// Shape: start() binds; a port in use or an address that does not exist never stops the push: one warning, and the bind is tried again
///   every 30 s. Loopback needs no token; any other address is served only with one.
/// Errors: start(): invalid_argument (the address is not HOST:PORT, or off loopback without a token), and what
///   read_token() says. At most 32 connections, 8 KiB of header, 1 KiB of body and 10 s a request; more is refused or closed.
/// Thread: control-thread. The api and the loop outlive it.
class http_server {
 public:
  http_server(asio_event_loop& loop, api& surface);
  ~http_server();
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  [[nodiscard]] result<void> start(const http_options& options, bool has_token);
  /// Closes the listener and every connection.
  void stop() noexcept;
  bool is_listening() const noexcept;
  /// With the port that the kernel chose when 0 was asked for.
  endpoint local() const noexcept;

 private:
  struct state;
  std::shared_ptr<state> m_state;
};

/// The first line of the token file, at least 8 and at most 256 characters; empty if `path` is empty.
/// Errors: not_found, permission_denied, invalid_argument.
[[nodiscard]] result<secret_text> read_token(const std::string& path);

}  // namespace campush
