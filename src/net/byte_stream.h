#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/endpoint.h"
#include "util/byte_view.h"
#include "util/clock.h"
#include "util/result.h"

namespace campush {

enum class io_status : uint8_t { ok, would_block, closed, failed };

/// Outcome of one read or write. `bytes` moved; `failure` is set for failed only (connection_reset, timed_out, io_failed …).
struct io_outcome {
  io_status status = io_status::ok;
  size_t bytes = 0;
  error_code failure = error_code::io_failed;
};

/// Hears when a stream can go on. Called on the loop-thread, never from inside a call on the stream.
class byte_stream_events {
 public:
  virtual ~byte_stream_events() = default;
  /// Bytes, the end of the stream or an error wait: read until would_block.
  virtual void on_readable() = 0;
  /// Only after request_writable(), once.
  virtual void on_writable() = 0;
};

/// What the kernel knows of a connection. A field that this kernel (or qemu-user) does not give is empty.
struct stream_counters {
  uint64_t bytes_written = 0;  ///< accepted by write_some() since the connection began
  uint64_t bytes_read = 0;
  std::optional<uint64_t> unsent_bytes;   ///< in the send buffer, not yet sent once (SIOCOUTQNSD)
  std::optional<uint64_t> unacked_bytes;  ///< in the send buffer, sent or not, not acknowledged (SIOCOUTQ)
  std::optional<uint32_t> rtt_us;
  std::optional<uint32_t> rtt_var_us;
  std::optional<uint32_t> shortest_rtt_us;  ///< of the last minutes
  std::optional<uint64_t>
      window_limited_us;  ///< since the connection began: what waited was held by the receiver's window alone
  std::optional<uint64_t> delivery_rate_bps;
  std::optional<uint32_t> retransmits;
};

/// An ordered, connected, non-blocking stream of bytes: TCP, later TLS, or memory. The transport seam.
/// Shape: made by a network. write_some() takes a list of views and moves as much as the transport takes now, in one
///   system call for TCP; partial writes are normal. The stream keeps no reference to the bytes after the call.
/// Errors: reported in io_outcome, never by signal (no SIGPIPE). After failed or closed every call says so again,
///   but what arrived before a failed write is still read first (TCP).
/// Thread: loop-thread.
class byte_stream {
 public:
  virtual ~byte_stream() = default;
  /// Must be set before the first event can be heard; null to stop. The listener outlives its registration.
  virtual void set_events(byte_stream_events* events) = 0;
  virtual io_outcome read_some(uint8_t* data, size_t size) = 0;
  virtual io_outcome write_some(const byte_view* parts, size_t count) = 0;
  virtual void request_writable() = 0;
  /// Sends what was written, then FIN; reading goes on.
  virtual void shutdown_write() noexcept = 0;
  /// At once; unsent bytes are lost, no event comes any more.
  virtual void close() noexcept = 0;
  virtual stream_counters sample() const = 0;
  virtual endpoint local() const = 0;
  virtual endpoint remote() const = 0;
  /// What protects it, for people: "TLSv1.3 TLS_AES_256_GCM_SHA384, resumed". Empty for plain TCP.
  virtual std::string security() const { return {}; }
  /// After failed: what is known beside the code, for people ("the server ended it with TLS alert 48 (unknown CA)"). Without secrets; may
  /// be empty.
  virtual std::string explanation() const { return {}; }
};

/// Cancels what it stands for when destroyed: the callback does not run any more.
class pending_operation {
 public:
  virtual ~pending_operation() = default;
};

struct connect_options {
  /// TCP_USER_TIMEOUT: unacknowledged data for so long fails the connection.
  duration user_timeout = std::chrono::seconds(12);
  /// TCP_NOTSENT_LOWAT: unsent bytes above which the socket is not writable.
  uint32_t notsent_lowat_bytes = 128 * 1024;
  /// Where the connection leaves from: a local address, an interface (SO_BINDTODEVICE); empty: as the routes say.
  std::optional<endpoint> bind_address;
  std::string bind_interface;
};

/// Waits for connections on one address. Destroying it stops. Thread: loop-thread.
class stream_acceptor {
 public:
  virtual ~stream_acceptor() = default;
  /// With the port that the kernel chose when 0 was asked for.
  virtual endpoint local() const = 0;
};

/// Makes streams on one loop: tcp_network (sockets) or memory_network (simulation).
/// Errors: connect: connection_refused, unreachable, timed_out, …; not_found (bind_interface or bind_address is not here),
///   permission_denied (bind_interface on kernels before 5.7); it has no deadline of its own (the caller's timer destroys the
///   pending_operation). listen: already_exists (port in use), permission_denied, ….
/// Thread: loop-thread; callbacks come on the loop, never from inside the call.
class network {
 public:
  virtual ~network() = default;
  using connect_callback = std::function<void(result<std::unique_ptr<byte_stream>>)>;
  using accept_callback = std::function<void(std::unique_ptr<byte_stream>)>;
  [[nodiscard]] virtual std::unique_ptr<pending_operation> connect(const endpoint& remote,
                                                                   const connect_options& options,
                                                                   connect_callback done) = 0;
  [[nodiscard]] virtual result<std::unique_ptr<stream_acceptor>> listen(const endpoint& local,
                                                                        accept_callback accepted) = 0;
};

}  // namespace campush
