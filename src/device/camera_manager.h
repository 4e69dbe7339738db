#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "device/camera_config.h"
#include "media/media_source.h"
#include "util/stream_observer.h"

namespace campush {

enum class camera_state : uint8_t { stopped = 1, starting, running, reopening, ended, unavailable };
const char* camera_state_name(camera_state state) noexcept;

/// What one stream of one camera says of itself. Times on the monotonic clock.
struct camera_stream_status {
  uint32_t camera_id = 0, stream_id = 0;
  std::string camera_name, stream_name, source;  ///< source: "file tests/data/gate.h264"
  camera_state state = camera_state::stopped;
  codec_id video_codec = codec_id::none, audio_codec = codec_id::none;
  uint32_t width = 0, height = 0;
  double frame_rate_declared = 0, frame_rate_measured = 0;
  uint64_t video_frames = 0, audio_frames = 0, keyframes = 0, bytes = 0, failures = 0, reopens = 0;
  time_point last_frame_at{};
  duration next_reopen_in{};
  source_health health;
  std::string last_error;
};

/// Makes the source of one stream. Errors: unsupported ("not in this build") for a type without code here.
using source_factory =
    std::function<result<std::unique_ptr<media_source>>(const camera_config&, const stream_config&, const clock&)>;
source_factory default_source_factory();

/// The observer (rtmp side) of a stream, and where its control goes. Called by start() and stop() on the control-thread.
struct stream_attachment {
  std::function<stream_observer&(const camera_config&, const stream_config&, std::shared_ptr<stream_control>)> attach;
  std::function<void(const camera_config&, const stream_config&)> detach;
};

/// All cameras: start, stop, restart of one without touching another. Whether a camera is `enabled` is for the caller to heed.
/// Shape: cameras that are started together open their sources 50 ms after each other; one that is started alone begins at once.
/// Errors: start: limit_reached (max_cameras), already_exists (camera_id runs already); stop, restart: not_found. A source that cannot
///   be opened is not an error of start(): it is reported in status and opened again after 1, 2, 4 … 30 s.
/// Thread: control-thread; status() any-thread. Each stream has a capture thread of its own named cam{n}_{stream}; stop() returns
///   when it has ended, within 1 s for the sources of this build.
class camera_manager {
 public:
  camera_manager(uint32_t max_cameras, const clock& time, source_factory sources, stream_attachment attachment);
  ~camera_manager();
  camera_manager(const camera_manager&) = delete;
  camera_manager& operator=(const camera_manager&) = delete;

  [[nodiscard]] result<void> start(const camera_config& config);
  [[nodiscard]] result<void> stop(uint32_t camera_id);
  [[nodiscard]] result<void> restart(const camera_config& config);
  void stop_all();
  std::vector<camera_stream_status> status() const;
  /// How long the longest step of any capture thread has lasted so far, be it in a driver or a plug-in; zero when all wait. Thread: any-thread.
  duration longest_step() const;

 private:
  struct state;
  std::unique_ptr<state> m_state;
};

}  // namespace campush
