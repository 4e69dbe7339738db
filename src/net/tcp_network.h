#pragma once

#include "net/asio_event_loop.h"
#include "net/byte_stream.h"

namespace campush {

/// TCP over IPv4 and IPv6 on one loop.
/// Shape: every socket is non-blocking, close-on-exec, TCP_NODELAY, keep-alive (30 s, then 3 probes every 10 s);
///   IPv6 listeners take IPv6 only. Accepted streams have the default connect_options. A listener that runs out of
///   descriptors or memory waits 100 ms to 2 s and goes on.
/// Errors: as network.
/// Thread: loop-thread.
class tcp_network final : public network {
 public:
  explicit tcp_network(asio_event_loop& loop) noexcept : m_loop(loop) {}
  [[nodiscard]] std::unique_ptr<pending_operation> connect(const endpoint& remote, const connect_options& options,
                                                           connect_callback done) override;
  [[nodiscard]] result<std::unique_ptr<stream_acceptor>> listen(const endpoint& local,
                                                                accept_callback accepted) override;

 private:
  asio_event_loop& m_loop;
};

}  // namespace campush
