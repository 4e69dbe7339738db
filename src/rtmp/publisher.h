#pragma once

#include "net/byte_stream.h"
#include "net/event_loop.h"
#include "net/resolver.h"
#include "rtmp/session_status.h"
#include "rtmp/stream_url.h"

namespace campush {

/// What one connection attempt needs.
struct publish_target {
  stream_url url;
  uint32_t chunk_size = 60000;
  std::chrono::milliseconds resolve_timeout{5000}, tcp_timeout{5000}, handshake_timeout{5000};
  uint64_t handshake_seed = 0;
};

/// Hears of one publisher. Never called from inside a call on it.
class publisher_events {
 public:
  virtual ~publisher_events() = default;
  virtual void on_phase(connect_phase phase) = 0;
  /// createStream was answered; publish() may be called now.
  virtual void on_ready_to_publish() = 0;
  virtual void on_published() = 0;
  /// The transport takes bytes again after write() returned less than all.
  virtual void on_writable() = 0;
  /// Final: the connection is gone or was never made. `text` is for people (server's words made printable, no secret).
  virtual void on_failed(disconnect_reason reason, std::string_view text) = 0;
};

/// A tag with the wire time of its connection.
struct outgoing_tag {
  tag_ptr tag;
  uint32_t timestamp_ms = 0;
};

/// One connection to one server, from resolve to unpublish: the backend seam (native_publisher; librtmp later).
/// Shape: start(), on_ready_to_publish, publish(), on_published, then write() tags. write() takes as many tags as it can begin now,
///   moves them to the kernel in one call and keeps references to those not fully sent; it returns how many it took. Destroying
///   closes at once; stop() unpublishes first and reports on_failed(user_request) when done or after its deadline.
/// Thread: loop-thread.
class publisher {
 public:
  virtual ~publisher() = default;
  virtual void start() = 0;
  virtual void publish() = 0;
  virtual size_t write(const outgoing_tag* tags, size_t count, video_dialect dialect) = 0;
  /// Everything taken by write() has reached the kernel.
  virtual bool is_drained() const noexcept = 0;
  virtual void stop(duration deadline) = 0;
  virtual stream_counters sample() const = 0;
  /// Bytes of the last tag begun and not yet in the kernel.
  virtual size_t pending_bytes() const noexcept = 0;
};

/// Makes publishers; one per backend and loop. Thread: loop-thread.
class publisher_factory {
 public:
  virtual ~publisher_factory() = default;
  virtual std::unique_ptr<publisher> make(const publish_target& target, publisher_events& events) = 0;
};

}  // namespace campush
