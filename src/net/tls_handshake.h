#pragma once

#include <functional>
#include <memory>

#include "net/byte_stream.h"
#include "net/event_loop.h"
#include "net/tls_link.h"

namespace campush {

/// Drives the handshake of a link and hands over a byte_stream.
/// Shape: `done` comes once, on the loop, never from inside the constructor; it may destroy the handshake. Destroying it before
///   closes the transport.
/// Errors: tls_failed with one sentence; the transport's.
/// Thread: loop-thread.
class tls_handshake final : public pending_operation, private byte_stream_events {
 public:
  using done_callback = std::function<void(result<std::unique_ptr<byte_stream>>)>;
  tls_handshake(event_loop& loop, std::unique_ptr<tls_link> link, done_callback done);
  ~tls_handshake() override;

 private:
  void on_readable() override { step(); }
  void on_writable() override { step(); }
  void step();

  event_loop& m_loop;
  std::unique_ptr<tls_link> m_link;
  done_callback m_done;
  const std::unique_ptr<loop_timer> m_start;
};

}  // namespace campush
