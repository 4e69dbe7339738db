#pragma once

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "bench/push/drain.h"
#include "bench/push/paced_camera.h"
#include "bench/push/probe_publisher.h"
#include "net/asio_event_loop.h"
#include "net/system_resolver.h"
#include "net/tcp_network.h"
#include "rtmp/multi_session_manager.h"
#include "rtmp/native_publisher.h"

namespace campush::bench {

/// What the agent puts together for its streams, with a played clip for a camera: one loop and its thread, one capture thread a
/// stream, any number of sessions.
/// Thread: control-thread of the agent, which is the thread that measures.
class push_world {
 public:
  explicit push_world(handover_listener* listener = nullptr);
  ~push_world();
  push_world(const push_world&) = delete;
  push_world& operator=(const push_world&) = delete;

  /// Streams 0 … count − 1, their frames spread over the frame interval as independent cameras' are.
  void start_cameras(const clip& played, uint32_t count);
  /// A session of `stream`; `urls` in order of failover.
  [[nodiscard]] result<session_id> add_session(uint32_t stream, uint32_t number, std::vector<url_entry> urls,
                                               resume_mode resume = resume_mode::keyframe);
  [[nodiscard]] result<void> wait_until_connected(uint32_t sessions, duration limit);

  uint64_t frames_from_cameras() const noexcept;
  multi_session_manager& sessions() noexcept { return *m_sessions; }

 private:
  asio_event_loop m_loop;
  tcp_network m_network{m_loop};
  system_resolver m_names{m_loop};
  connector m_ways{m_loop, m_network, m_names};
  native_publisher_factory m_publishers{m_loop, m_ways};
  std::optional<probe_factory> m_probes;
  std::thread m_thread;
  std::unique_ptr<multi_session_manager> m_sessions;
  std::vector<std::unique_ptr<paced_camera>> m_cameras;
};

}  // namespace campush::bench
