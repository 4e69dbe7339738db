#pragma once

#include <functional>
#include <optional>
#include <thread>

#include "net/asio_event_loop.h"
#include "net/tcp_network.h"
#include "server/rtmp_server.h"

namespace campush {

/// What both servers of the demo have received.
struct demo_received {
  uint64_t frames = 0;              ///< pictures and audio frames, headers not counted
  uint64_t backup_streams = 0;      ///< live on the backup
  uint64_t missing_references = 0;  ///< pictures that came without one they refer to
  uint64_t backup_holes = 0;        ///< pictures missing in the streams of the backup
};

/// The two servers of the demo, a primary and a backup, on loopback with a loop and thread of their own.
/// Thread: control-thread; calls wait for the servers' thread.
class demo_servers final : private rtmp_server_listener {
 public:
  demo_servers();
  ~demo_servers() override;
  demo_servers(const demo_servers&) = delete;
  demo_servers& operator=(const demo_servers&) = delete;

  [[nodiscard]] result<void> start();
  uint16_t primary_port() const noexcept { return m_primary_at.port; }
  uint16_t backup_port() const noexcept { return m_backup_at.port; }
  /// As a killed process: the port closes, every connection is reset.
  void kill_primary();
  demo_received received();
  /// From the kill to the first keyframe of the last of `streams` streams on the backup; empty while some are missing.
  std::optional<duration> failover_time(size_t streams);

 private:
  void on_loop(const std::function<void()>& work);
  void on_tag(const rtmp_stream_stats& stream, const received_tag& tag) override;

  asio_event_loop m_loop;
  tcp_network m_network;
  rtmp_server m_primary, m_backup;
  endpoint m_primary_at, m_backup_at;
  std::optional<time_point> m_killed_at;
  /// Streams of the backup that have shown a keyframe, and when.
  std::map<uint64_t, time_point> m_first_keyframes;
  std::thread m_thread;
};

}  // namespace campush
