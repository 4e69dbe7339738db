#pragma once

#include <memory>
#include <optional>

#include "net/byte_stream.h"
#include "net/fd_watch.h"
#include "net/life_guard.h"

namespace campush {

/// A connected TCP socket as byte_stream: ::recv and ::sendmsg on the handle, the loop only for readiness.
/// Shape: one sendmsg for up to IOV_MAX parts. close() leaves it to the kernel what it still delivers of the sent bytes.
/// Thread: loop-thread.
class tcp_stream final : public byte_stream, private fd_listener {
 public:
  explicit tcp_stream(std::unique_ptr<fd_watch> connected);
  ~tcp_stream() override;

  void set_events(byte_stream_events* events) override;
  io_outcome read_some(uint8_t* data, size_t size) override;
  io_outcome write_some(const byte_view* parts, size_t count) override;
  void request_writable() override;
  void shutdown_write() noexcept override;
  void close() noexcept override;
  stream_counters sample() const override;
  endpoint local() const override { return m_local; }
  endpoint remote() const override { return m_remote; }

 private:
  void on_fd_readable() override;
  void on_fd_writable() override;
  io_outcome fail_with(int errno_value) noexcept;
  io_outcome send_parts(const byte_view* parts, size_t count, size_t& asked) noexcept;

  std::unique_ptr<fd_watch> m_watch;  ///< null once closed
  byte_stream_events* m_events = nullptr;
  std::optional<error_code> m_failure;
  uint64_t m_bytes_written = 0;
  uint64_t m_bytes_read = 0;
  endpoint m_local;
  endpoint m_remote;
  bool m_has_ended = false;  ///< the peer's FIN was read
  bool m_was_read = false;   ///< in the present event
  life_guard m_life;         ///< watched while an event is under way
};

}  // namespace campush
