#pragma once

#include <memory>
#include <string>
#include <vector>

#include "media/media_source.h"
#include "media/stream_control.h"
#include "net/event_loop.h"
#include "util/stream_observer.h"

namespace campush {

/// Plays a camera on a loop: 25 pictures a second, a keyframe every `gop` of them or when asked for, and sounds every 20 ms.
/// Thread: the loop's.
class frame_feeder {
 public:
  struct options {
    codec_id video = codec_id::h264;  ///< none: audio only
    codec_id audio = codec_id::none;
    uint32_t gop = 25;
    size_t picture_bytes = 200;
    size_t keyframe_bytes = 1000;
    bool has_keyframe_on_demand = false;
    control_outcome codec_change = control_outcome::unsupported;
    bool keeps_codec = false;  ///< says yes to a change and goes on as it was
  };

  frame_feeder(event_loop& loop, stream_observer& to, const options& chosen);

  void start();
  void pause() { m_timer->cancel(); }
  void resume() { m_timer->arm_after(duration(0)); }
  void end();
  void mute_video(bool is_muted) { m_is_video_muted = is_muted; }
  void change_codec(codec_id codec);

  std::shared_ptr<stream_control> control() const;
  uint32_t keyframes_asked() const;
  uint32_t bitrate_asked() const;
  /// Codecs in the order in which they were asked for: "h264 h265".
  const std::string& codecs_asked() const;
  uint64_t pictures() const noexcept { return m_pictures; }
  options settings;

 private:
  class asked_control;
  void tell_opened();
  void step();
  void send_picture(time_point now);

  event_loop& m_loop;
  stream_observer& m_to;
  std::shared_ptr<asked_control> m_control;
  std::unique_ptr<loop_timer> m_timer;
  std::vector<uint8_t> m_payload;
  uint64_t m_steps = 0, m_pictures = 0, m_since_key = 0;
  bool m_is_video_muted = false;
};

}  // namespace campush
