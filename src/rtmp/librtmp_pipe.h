#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "net/byte_stream.h"
#include "net/fd_watch.h"
#include "rtmp/librtmp_worker.h"
#include "rtmp/protocol/http_tunnel.h"
#include "rtmp/read_allowance.h"

namespace campush {

class librtmp_pipe;

/// The workers of one loop. A connection that ends leaves its worker here; it is joined when it has ended, so that a blocked thread
/// holds nobody up.
/// Thread: loop-thread. Destroying it waits for all workers, whose pipes are closed by then.
class librtmp_crew {
 public:
  explicit librtmp_crew(asio_event_loop& loop);
  ~librtmp_crew();
  librtmp_crew(const librtmp_crew&) = delete;
  librtmp_crew& operator=(const librtmp_crew&) = delete;

  asio_event_loop& loop() noexcept { return m_loop; }
  /// Errors: those of load_librtmp(), limit_reached when there is no thread to be had; `fd` is closed then.
  [[nodiscard]] result<librtmp_worker*> hire(int fd, const librtmp_worker_options& options, librtmp_pipe& owner);
  /// The pipe is going.
  void dismiss(librtmp_worker& worker) noexcept;
  size_t size() const noexcept { return m_members.size(); }

 private:
  struct member {
    std::unique_ptr<librtmp_worker> worker;
    librtmp_pipe* owner = nullptr;
  };

  void on_news();

  asio_event_loop& m_loop;
  std::unique_ptr<loop_wakeup> m_news;
  std::vector<member> m_members;
};

/// Why a pipe ended by itself.
struct librtmp_pipe_end {
  enum class kind : uint8_t {
    transport,   ///< closed by the server or lost: `transport`
    violation,   ///< the server sent what no server may send: `text`
    web_server,  ///< RTMPT: an HTTP status that is no tunnel: `text`
    library,     ///< librtmp gave up: `text`
  };
  kind why = kind::library;
  io_outcome transport;
  std::string text;
};

/// Hears of one pipe. Never called from inside a call on it. May close the pipe, not destroy it.
class librtmp_pipe_events {
 public:
  virtual ~librtmp_pipe_events() = default;
  /// The handshake is done: messages may be sent.
  virtual void on_pipe_open() = 0;
  /// Chunks of the server, decrypted.
  virtual void on_pipe_received(byte_view bytes) = 0;
  /// can_send() is true again, after request_space().
  virtual void on_pipe_space() = 0;
  virtual void on_pipe_ended(const librtmp_pipe_end& end) = 0;
};

struct librtmp_pipe_options {
  librtmp_worker_options worker;
  /// Host and port of a server that is spoken to through HTTP (RTMPT); empty: not so.
  std::string tunnel_authority;
};

/// The loop's side of a connection that librtmp speaks on: a transport of ours, a socket pair, the worker at its other end.
/// Shape: what librtmp writes goes to the transport, and is taken from it only as fast as the transport moves. Of what the server sends
///   librtmp gets the handshake and nothing else; the rest is for on_pipe_received(). close() ends both; no event comes any more.
///   RTMPT's HTTP is ours, too: the library's own reads without end when a server closes, and cannot send while it waits.
/// Errors: by on_pipe_ended(), once. More than the read allowance (1 MiB, and 64 KiB/s) or a handshake of another version is a
///   violation.
/// Thread: loop-thread.
class librtmp_pipe final : private byte_stream_events, private fd_listener {
 public:
  /// Bytes on the way from send() to the transport above which can_send() is false.
  static constexpr size_t max_in_flight = 64 * 1024;

  librtmp_pipe(librtmp_crew& crew, std::unique_ptr<byte_stream> transport, librtmp_pipe_events& events,
               const librtmp_pipe_options& options);
  ~librtmp_pipe() override;
  librtmp_pipe(const librtmp_pipe&) = delete;
  librtmp_pipe& operator=(const librtmp_pipe&) = delete;

  /// Starts the handshake. Errors: no descriptors, no thread.
  [[nodiscard]] result<void> start();
  void close(bool sends_fin) noexcept;

  void send(librtmp_packet packet);
  /// A word of the dialogue, which waits for no space: as send(), and counted while it is in flight.
  void send_word(librtmp_packet packet);
  /// Wire bytes of what send_word() took and the transport has not.
  size_t words_in_flight() const noexcept { return m_word_bytes; }
  bool can_send() const noexcept { return m_is_open && !m_is_closed && in_flight() < max_in_flight; }
  /// Asks for on_pipe_space().
  void request_space() noexcept { m_wants_space = true; }
  /// Wire bytes of what send() took and the transport has not.
  size_t in_flight() const noexcept { return static_cast<size_t>(m_given - m_moved); }
  /// The transport's, with what is in flight as if it were in the kernel's buffer.
  stream_counters sample() const;
  const byte_stream& transport() const noexcept { return *m_transport; }

 private:
  friend class librtmp_crew;
  static constexpr size_t buffer_bytes = 32 * 1024;

  void on_readable() override;
  void on_writable() override;
  void on_fd_readable() override;
  void on_worker_news();

  void pump();
  byte_view next_part();
  void advance(size_t moved) noexcept;
  bool refill();
  void on_poll_due();
  void plan_poll();
  bool is_read_allowed(size_t bytes) noexcept;
  /// The server's handshake is whole and librtmp's thread has not had its turn: what comes then waits in the transport.
  bool is_awaiting_worker() const noexcept { return m_handshake_left == 0 && !m_is_open; }
  void take(uint8_t* bytes, size_t size);
  void take_plain(uint8_t* bytes, size_t size);
  bool pass_handshake(byte_view bytes);
  void deliver(uint8_t* bytes, size_t size);
  void read_last_words();
  void end(const librtmp_pipe_end& end);

  librtmp_crew& m_crew;
  const std::unique_ptr<byte_stream> m_transport;
  librtmp_pipe_events& m_events;
  const librtmp_pipe_options m_options;

  std::unique_ptr<fd_watch> m_pair;
  librtmp_worker* m_worker = nullptr;
  std::optional<arcfour> m_cipher;
  std::unique_ptr<http_tunnel> m_tunnel;  ///< null without one
  std::unique_ptr<loop_timer> m_poll;
  duration m_poll_interval;
  std::vector<uint8_t> m_tunnelled;

  bool m_is_open = false;
  bool m_is_closed = false;
  bool m_is_blocked = false;
  bool m_wants_space = false;

  std::vector<uint8_t> m_outgoing;  ///< from the pair, for the transport
  size_t m_outgoing_begin = 0, m_outgoing_end = 0;
  uint64_t m_given = 0, m_moved = 0;
  uint64_t m_into_tunnel = 0;

  struct word {
    uint64_t end = 0;  ///< as m_given was behind it
    size_t bytes = 0;
  };
  std::deque<word> m_words;
  size_t m_word_bytes = 0;

  std::vector<uint8_t> m_incoming;
  std::vector<uint8_t> m_early;  ///< read with the end of the handshake
  size_t m_handshake_left;
  read_allowance m_allowance;
};

}  // namespace campush
