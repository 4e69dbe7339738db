#pragma once

#include "net/byte_stream.h"
#include "net/connector.h"
#include "net/event_loop.h"
#include "rtmp/protocol/server_capabilities.h"
#include "rtmp/session_status.h"
#include "rtmp/stream_url.h"

namespace campush {

enum class publish_backend : uint8_t { native, librtmp };

/// Which Enhanced RTMP properties the connect command carries: only what the session needs (facts/rtmp 4.4 rule 3).
struct enhanced_request {
  bool hevc = false;       ///< videoFourCcInfoMap and fourCcList with hvc1
  bool reconnect = false;  ///< capsEx bit 0
  bool opus = false;       ///< audioFourCcInfoMap and fourCcList with Opus
  bool any() const noexcept { return hevc || reconnect || opus; }
};

/// What one connection attempt needs.
struct publish_target {
  stream_url url;
  publish_backend backend = publish_backend::native;
  uint32_t chunk_size = 60000;
  std::chrono::milliseconds resolve_timeout{5000}, tcp_timeout{5000}, handshake_timeout{5000};
  uint64_t handshake_seed = 0;
  connect_options link;
  tls_options tls;
  enhanced_request enhanced;
};

/// Hears of one publisher. Never called from inside a call on it.
class publisher_events {
 public:
  virtual ~publisher_events() = default;
  virtual void on_phase(connect_phase phase) = 0;
  /// What the server said of itself; before on_ready_to_publish().
  virtual void on_server_answer(const server_capabilities& answer) { static_cast<void>(answer); }
  /// The server asks for a move (ReconnectRequest); the connection stays. `tc_url` is absolute, relative, or empty (the same again).
  virtual void on_reconnect_request(std::string_view tc_url) { static_cast<void>(tc_url); }
  /// The server refused and named another address (SRS's 302); on_failed(redirected) follows. `tc_url` as above, never empty.
  virtual void on_redirect(std::string_view tc_url) { static_cast<void>(tc_url); }
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

/// One connection to one server, from resolve to unpublish: the backend seam (native_publisher, librtmp_publisher).
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
  /// Both ends of the connection; port 0 while there is none.
  virtual endpoint local() const { return {}; }
  virtual endpoint remote() const { return {}; }
  /// As byte_stream::security().
  virtual std::string security() const { return {}; }
};

/// Makes publishers; one per backend and loop. Thread: loop-thread.
class publisher_factory {
 public:
  virtual ~publisher_factory() = default;
  virtual std::unique_ptr<publisher> make(const publish_target& target, publisher_events& events) = 0;
};

}  // namespace campush
