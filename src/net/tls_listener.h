#pragma once

#include <memory>

#include "net/byte_stream.h"
#include "net/event_loop.h"

namespace campush {

struct tls_server_options {
  std::string certificate_file;  ///< PEM, the chain from the server's own certificate up
  std::string key_file;
  std::string client_ca_file;  ///< not empty: a client must show a certificate that these CAs signed
};

/// The server side of TLS over another network: what listen() accepts has finished its handshake. For campush-sink and tests.
/// Shape: connect() is the inner network's, without TLS. A handshake that fails or takes over 10 s is closed and logged at debug;
///   at most 256 handshakes at a time.
/// Errors: make(): files that cannot be read or do not fit together.
/// Thread: loop-thread.
class tls_listener : public network {
 public:
  [[nodiscard]] static result<std::unique_ptr<tls_listener>> make(event_loop& loop, network& inner,
                                                                  const tls_server_options& options);
};

}  // namespace campush
