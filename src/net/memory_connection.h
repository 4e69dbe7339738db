#pragma once

#include <array>
#include <memory>
#include <optional>

#include "net/memory_network.h"
#include "net/memory_pipe.h"

namespace campush {

/// Two ends and a pipe each way. Kept alive by its streams and by what is still under way to an open end.
/// Thread: the simulation's.
class memory_connection final : public std::enable_shared_from_this<memory_connection>, private simulation::event {
 public:
  static constexpr size_t client = 0;
  static constexpr size_t server = 1;

  memory_connection(memory_network& net, memory_host& near, memory_host& far, const connect_options& options);
  ~memory_connection() override;

  static std::unique_ptr<byte_stream> make_stream(std::shared_ptr<memory_connection> connection, size_t side);
  void set_endpoints(const endpoint& near, const endpoint& far) noexcept;
  bool concerns(const memory_host& host) const noexcept { return m_hosts[0] == &host || m_hosts[1] == &host; }
  bool is_open() const noexcept { return !m_ends[0].is_closed || !m_ends[1].is_closed; }
  void reset_both();

  void set_events(size_t side, byte_stream_events* events);
  io_outcome read(size_t side, uint8_t* data, size_t size);
  io_outcome write(size_t side, const byte_view* parts, size_t count);
  void request_writable(size_t side);
  void shutdown_write(size_t side);
  void close(size_t side);
  stream_counters sample(size_t side);
  endpoint local(size_t side) const noexcept { return m_ends[side].local; }
  endpoint remote(size_t side) const noexcept { return m_ends[1 - side].local; }

 private:
  struct end_state {
    byte_stream_events* events = nullptr;
    endpoint local;
    std::optional<error_code> failure;
    std::optional<time_point> reset_due;  ///< a reset is on its way to this end
    uint64_t bytes_written = 0;
    uint64_t bytes_read = 0;
    uint64_t answered_discards = 0;
    bool is_closed = false;
    bool has_finished = false;  ///< shutdown_write() was called
    bool has_read_end = false;  ///< closed or failed was reported by a read: nothing more to hear
    bool wants_readable = true;
    bool wants_writable = false;
  };

  void on_due() override;
  memory_pipe::path path_from(size_t side) const noexcept;
  void settle();
  void settle_side(size_t side);
  void fail(size_t side, error_code why) noexcept;
  bool is_readable(size_t side) const noexcept;
  bool is_writable(size_t side) const noexcept;
  void notify_readable(size_t side);
  void notify_writable(size_t side);
  void rearm();

  memory_network& m_net;
  const std::array<memory_host*, 2> m_hosts;
  const duration m_user_timeout;
  std::array<end_state, 2> m_ends;
  std::array<memory_pipe, 2> m_pipes;  ///< by the side that writes
};

}  // namespace campush
