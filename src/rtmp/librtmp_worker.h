#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "net/event_loop.h"
#include "rtmp/arcfour.h"
#include "rtmp/librtmp_library.h"
#include "rtmp/protocol/message.h"
#include "util/result.h"

namespace campush {

/// One message for librtmp to send, with a body of its own: the library writes chunk headers into it and before it.
struct librtmp_packet {
  /// What RTMP_SendPacket wants before the body.
  static constexpr size_t headroom = 18;

  message_header header;
  std::vector<uint8_t> storage;  ///< headroom, then the payload

  static librtmp_packet make(const message_header& header, byte_view head, byte_view body);
  size_t payload_bytes() const noexcept { return storage.size() - headroom; }
};

struct librtmp_worker_options {
  bool is_encrypted = false;  ///< RTMPE
  uint32_t chunk_size = 60000;
  duration handshake_timeout = std::chrono::seconds(5);
};

/// librtmp on a thread of its own, at one end of a socket pair: it makes the handshake, announces the chunk size and sends what
/// it is given. It never reads a message of the server (facts/rtmp 7.6): behind the handshake the pair carries bytes one way.
/// Shape: the constructor starts the thread; push() queues a packet; every change of reached() signals `news`. close_soon() and
///   the end of the pair, whichever comes first, end the thread; the destructor joins it.
/// Errors: has_ended() without close_soon(): the library gave up (handshake refused, pair broken, 30 s without space). The constructor
///   throws std::system_error if there is no thread to be had.
/// Thread: made, used and destroyed on the loop-thread; calls nothing but `news`, which outlives it.
/// Source: facts/rtmp 7.2 to 7.11.
class librtmp_worker {
 public:
  enum class stage : uint8_t { handshaking, talking, ended };

  /// Takes over `fd`, the blocking end of the pair.
  librtmp_worker(const librtmp_calls& calls, int fd, const librtmp_worker_options& options, loop_wakeup& news);
  ~librtmp_worker();
  librtmp_worker(const librtmp_worker&) = delete;
  librtmp_worker& operator=(const librtmp_worker&) = delete;

  void push(librtmp_packet packet);
  /// What is queued is not sent any more. The owner shuts the pair down as well, or the thread may still sit in a call.
  void close_soon() noexcept;
  stage reached() const noexcept { return m_stage.load(std::memory_order_acquire); }
  bool has_ended() const noexcept { return reached() == stage::ended; }
  /// From talking on: how the server's bytes are read; empty without encryption.
  const std::optional<arcfour>& incoming_cipher() const noexcept { return m_incoming; }

 private:
  class library;

  void run() noexcept;
  void talk(library& spoken);
  void reach(stage next) noexcept;
  bool pop(librtmp_packet& packet);

  const librtmp_calls m_calls;
  const int m_fd;
  const librtmp_worker_options m_options;
  loop_wakeup& m_news;
  std::optional<arcfour> m_incoming;  ///< written before talking, constant afterwards
  std::atomic<stage> m_stage{stage::handshaking};

  std::mutex m_mutex;
  std::condition_variable m_has_work;
  std::deque<librtmp_packet> m_packets;  ///< guarded by m_mutex
  bool m_is_closing = false;             ///< guarded by m_mutex

  std::thread m_thread;
};

}  // namespace campush
