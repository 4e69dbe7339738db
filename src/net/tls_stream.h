#pragma once

#include <memory>

#include "net/byte_stream.h"
#include "net/event_loop.h"
#include "net/life_guard.h"
#include "net/tls_link.h"

namespace campush {

/// A tls_link whose handshake is done, as byte_stream.
/// Shape: what the link holds back goes out by itself as soon as the transport takes it; on_writable() comes behind it, and
///   while the peer is in the middle of a message that OpenSSL must have first, behind the read that completes it. What OpenSSL has
///   read but the listener has not is reported again, as a socket does.
/// Thread: loop-thread.
class tls_stream final : public byte_stream, private byte_stream_events {
 public:
  tls_stream(event_loop& loop, std::unique_ptr<tls_link> link);
  ~tls_stream() override;

  void set_events(byte_stream_events* events) override;
  io_outcome read_some(uint8_t* data, size_t size) override;
  io_outcome write_some(const byte_view* parts, size_t count) override;
  void request_writable() override;
  void shutdown_write() noexcept override;
  void close() noexcept override;
  stream_counters sample() const override { return m_link->sample(); }
  endpoint local() const override { return m_link->transport().local(); }
  endpoint remote() const override { return m_link->transport().remote(); }
  std::string security() const override { return m_link->security(); }
  std::string explanation() const override { return m_link->explanation(); }

 private:
  void on_readable() override;
  void on_writable() override;
  void report_readable();

  const std::unique_ptr<tls_link> m_link;
  byte_stream_events* m_events = nullptr;
  std::unique_ptr<loop_timer> m_again;  ///< reports what the transport will not
  bool m_is_closed = false;
  bool m_wants_writable = false;
  bool m_is_finishing = false;
  /// The transport reported something that nobody has read; true at first, since the handshake may have read further than itself.
  bool m_has_unheard = true;
  bool m_was_read = false;  ///< in the present event
  life_guard m_life;
};

}  // namespace campush
