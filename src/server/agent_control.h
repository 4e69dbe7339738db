#pragma once

#include <optional>
#include <string>
#include <vector>

#include "media/media_source.h"
#include "rtmp/multi_session_manager.h"

namespace campush {

/// One stream of one camera, as the HTTP side shows it; app fills it from the device side, which server does not see.
/// Units: seconds and frames per second; -1 for "never" and "not waiting".
struct camera_summary {
  uint32_t camera_id = 0, stream_id = 0;
  std::string camera_name, stream_name, source, state, video_codec, audio_codec, last_error;
  uint32_t width = 0, height = 0;
  double frame_rate_declared = 0, frame_rate_measured = 0;
  uint64_t video_frames = 0, audio_frames = 0, keyframes = 0, bytes = 0, failures = 0, reopens = 0;
  double last_frame_age_s = -1, next_reopen_in_s = -1;
  source_health health;
};

/// What the process says of itself.
struct agent_summary {
  std::string version, device_id, config_path;
  double uptime_s = 0;
  int64_t started_unix_s = 0;
  uint64_t reloads = 0, failed_reloads = 0;
};

/// What HTTP may ask of the agent: declared here, implemented by app, so that server sees neither cameras nor configuration.
/// Thread: control-thread. Every answer is a copy of a snapshot; no call waits for a session.
class agent_control {
 public:
  virtual ~agent_control() = default;
  virtual const clock& time() const = 0;
  virtual agent_summary summary() const = 0;
  virtual std::vector<session_status> sessions() const = 0;
  virtual session_totals totals() const = 0;
  virtual std::vector<stream_status> streams() const = 0;
  virtual std::vector<camera_summary> cameras() const = 0;
  /// Errors: not_found.
  [[nodiscard]] virtual result<void> retry(const session_id& id) = 0;
};

}  // namespace campush
