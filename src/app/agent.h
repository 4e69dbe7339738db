#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "app/answer_keeper.h"
#include "app/service_watchdog.h"
#include "config/system_config.h"
#include "device/camera_manager.h"
#include "net/asio_event_loop.h"
#include "net/netlink_monitor.h"
#include "net/system_resolver.h"
#include "net/tcp_network.h"
#include "rtmp/multi_session_manager.h"
#include "rtmp/native_publisher.h"
#include "rtmp/publisher_switch.h"
#include "server/http_server.h"

namespace campush {

/// One loop that carries streams, with everything that lives on it and its thread.
struct io_lane {
  io_lane();
  ~io_lane();

  asio_event_loop loop;
  tcp_network streams;
  system_resolver names;
  std::unique_ptr<netlink_monitor> links =
      netlink_monitor::make_if_possible(loop);  ///< null where the kernel does not tell
  connector ways;
  native_publisher_factory native;
  publisher_switch publishers;
  std::thread thread;
};

/// The whole program, put together: cameras feed streams, streams feed sessions, HTTP reads snapshots. Nothing here decides anything
/// about media; it wires, starts, reloads and stops.
/// Shape: start() once, then reload() at will, then shutdown(). A camera or session that cannot start is logged and leaves the
///   others alone.
/// Errors: start(): what the HTTP options say; a port in use is not an error.
/// Thread: control-thread (the thread that runs control_loop()).
class agent final : public agent_control {
 public:
  /// `state_folder` is where what servers answered is kept over restarts; empty: nowhere.
  agent(asio_event_loop& control_loop, std::string config_path, const std::string& state_folder = {});
  ~agent() override;

  [[nodiscard]] result<void> start(system_config config);
  /// Reads the file again and changes what differs; a bad file changes nothing.
  /// Errors: those of load_system_config().
  [[nodiscard]] result<void> reload();
  /// The same with a configuration in hand.
  void apply(system_config wanted);
  void retry_all();
  /// Stops cameras, unpublishes; `done` comes on the control loop, at the latest after `deadline`.
  void shutdown(duration deadline, std::function<void()> done);
  /// Cameras only: their streams end, what is queued still goes out.
  void stop_cameras();
  endpoint http_address() const noexcept;
  /// After start(): all loops that carry streams.
  void be_watched_by(service_watchdog& watchdog);
  /// How long the longest step of any capture thread has lasted so far.
  duration longest_capture_step() const;

  const clock& time() const override { return m_clock; }
  agent_summary summary() const override;
  std::vector<session_status> sessions() const override;
  session_totals totals() const override;
  std::vector<stream_status> streams() const override;
  std::vector<camera_summary> cameras() const override;
  result<void> retry(const session_id& id) override;

 private:
  void make_lanes(uint32_t count);
  void make_cameras(uint32_t max_cameras);
  void start_camera(const camera_config& camera);
  /// Closes the streams of a stopped camera, except those kept under their name; the sessions of the others are gone already.
  void close_streams(uint32_t camera_id, const std::vector<stream_config>& kept);
  void create_session(const session_config& session);
  /// In place of what is served now, which stays where the token cannot be read.
  [[nodiscard]] result<void> start_http(const http_options& options);
  /// Whether these options are in use, with the token that stands in their file now.
  bool is_served(const http_options& options) const;

  const clock& m_clock;
  asio_event_loop& m_control_loop;
  const std::string m_config_path;
  const time_point m_started_at;
  const int64_t m_started_unix_s;
  uint64_t m_reloads = 0, m_failed_reloads = 0;

  system_config m_config;
  answer_keeper m_keeper;
  std::unique_ptr<reconnect_gate> m_gate;
  std::vector<std::unique_ptr<io_lane>> m_lanes;
  std::unique_ptr<multi_session_manager> m_sessions;
  std::unique_ptr<camera_manager> m_cameras;
  http_options m_served_http;
  secret_text m_served_token;
  std::unique_ptr<api> m_api;
  std::unique_ptr<http_server> m_http;
};

}  // namespace campush
