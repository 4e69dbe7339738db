#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/link_monitor.h"
#include "rtmp/capability_store.h"
#include "rtmp/media_stream.h"
#include "rtmp/publisher.h"
#include "rtmp/reconnect_gate.h"
#include "rtmp/session_config.h"
#include "rtmp/session_status.h"

namespace campush {

/// Known to the API, metrics and logs as camera/stream/destination.
struct session_id {
  uint32_t camera_id = 0;
  uint32_t stream_id = 0;
  std::string destination = "default";
  /// "cam0_stream0/default", the instance name of log lines.
  std::string to_string() const;
  friend bool operator==(const session_id& left, const session_id& right) {
    return left.camera_id == right.camera_id && left.stream_id == right.stream_id &&
           left.destination == right.destination;
  }
};

/// What sessions of one loop run on. The pointers outlive the manager.
struct loop_services {
  event_loop* loop = nullptr;
  publisher_factory* publishers = nullptr;
  link_monitor* links = nullptr;             ///< null: changes of the local network are noticed by their effects only
  capability_store* capabilities = nullptr;  ///< null: what servers answer is remembered by the session alone
  reconnect_gate* gate = nullptr;            ///< one for all loops; null: no splay, no limit
};

/// Sums over all sessions, for metrics and status.
struct session_totals {
  uint64_t sessions = 0, active_sessions = 0, bytes_sent = 0, failed_attempts = 0;
  uint64_t keyframes_asked = 0, keyframes_suppressed = 0;
  uint64_t average_latency_us = 0;
};

/// What the packager and hand-over of one stream counted.
struct stream_status {
  stream_key key;
  std::string stream_name;
  stream_state state = stream_state::waiting;
  media_stream_counters counters;
  encoder_counters packager;
  tag_pool_counters pool;
};

/// All streams and all their sessions. The streams of a camera and their sessions live on one loop; cameras are spread over the loops.
/// Shape: open_stream() gives the observer that a camera feeds; create_session() adds a destination to a stream, opening the stream
///   if no camera has yet; destroy_session() unpublishes and removes it; find() looks one up. Sessions survive a camera's restart.
/// Errors: create_session: already_exists (same id, or same expanded URL as another session), invalid_argument (URL, template);
///   destroy_session, find, retry: not_found.
/// Thread: control-thread for all calls (one thread, not the loops'); status() and totals() any-thread. With simulated loops
///   everything is one thread. Calls that change a session are carried out on its loop soon after they return.
///   Destroying it closes all connections at once, each on its loop, and waits for that: destroy it while the loops still run
///   (a loop that does not answer within 1 s counts as stopped).
class multi_session_manager {
 public:
  multi_session_manager(const std::vector<loop_services>& loops, const media_stream_options& streams);
  ~multi_session_manager();
  multi_session_manager(const multi_session_manager&) = delete;
  multi_session_manager& operator=(const multi_session_manager&) = delete;

  /// The one singleton, for firmware that embeds us: it runs a loop thread of its own. The agent passes objects instead.
  static std::shared_ptr<multi_session_manager> instance();

  /// Valid until close_stream(); the camera must have stopped calling before that.
  stream_observer& open_stream(stream_key key, const std::string& stream_name);
  void set_stream_control(stream_key key, std::shared_ptr<stream_control> control);
  void close_stream(stream_key key);

  /// Not [[nodiscard]]: a firmware's old call `mgr->create_session(cfg);` compiles.
  result<session_id> create_session(const session_config& config);
  result<void> destroy_session(const session_id& id);
  /// By id or, in the second form, by a URL of its list (expanded, unmasked).
  [[nodiscard]] result<session_status> find(const session_id& id) const;
  [[nodiscard]] result<session_status> find(uint32_t camera_id, uint32_t stream_id, const std::string& url) const;
  result<void> retry(const session_id& id);
  void retry_all();

  std::vector<session_status> status() const;
  session_totals totals() const;
  std::vector<stream_status> streams() const;

  /// Waits until the loops have carried out what was asked for so far: streams that were opened take frames from here on. False after
  /// `at_most`. Never on a loop-thread.
  bool wait_until_settled(duration at_most);

  /// Unpublishes everything; `done` is called (on a loop-thread) when all are closed or `deadline` is over.
  void shutdown(duration deadline, std::function<void()> done);

 private:
  struct state;
  std::unique_ptr<state> m_state;
};

}  // namespace campush
