#pragma once

#include <memory>
#include <vector>

#include "media/media_source.h"
#include "media/stream_control.h"
#include "net/event_loop.h"
#include "util/stream_observer.h"

namespace campush {

/// A camera whose encoder does as it is told: constant bitrate, keyframes on demand, pictures that carry their number
/// (server/picture_mark.h), sound beside them.
/// Thread: the loop's.
class obeying_encoder {
 public:
  struct options {
    uint32_t kbps = 4000;  ///< configured; of the pictures
    uint32_t frame_rate = 25, gop = 50;
    uint32_t keyframe_weight = 6;  ///< a keyframe is as large as so many other pictures
    bool has_disposables = false;  ///< every second picture is one
    bool has_audio = true;
    duration reacts_after = std::chrono::milliseconds(200);
    control_outcome bitrate_outcome = control_outcome::accepted;
    bool obeys = true;  ///< else it says so and does not
  };

  obeying_encoder(event_loop& loop, stream_observer& to, const options& chosen);
  ~obeying_encoder();

  void start();
  void stop() noexcept { m_timer->cancel(); }
  std::shared_ptr<stream_control> control() const;

  /// What it makes now.
  uint32_t kbps() const noexcept { return m_kbps; }
  uint64_t pictures() const noexcept { return m_number; }
  uint64_t bytes() const noexcept { return m_bytes; }
  uint32_t bitrate_requests() const noexcept;
  options settings;

 private:
  class obedient_control;
  void step();
  void obey(time_point now);
  void send_picture(time_point at);
  void send_sound(time_point at);
  size_t next_size(bool is_keyframe);
  double noise() noexcept;

  event_loop& m_loop;
  stream_observer& m_to;
  std::shared_ptr<obedient_control> m_control;
  std::unique_ptr<loop_timer> m_timer;
  std::vector<uint8_t> m_payload;
  time_point m_begin{};
  uint32_t m_kbps, m_number = 0, m_since_key = 0, m_noise = 1;
  uint8_t m_references = 0;
  uint64_t m_bytes = 0, m_sounds = 0;
  double m_debt = 0;  ///< bytes made over what the rate allows
};

}  // namespace campush
