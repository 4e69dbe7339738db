#include "fakes/frame_feeder.h"

#include <utility>

#include "fakes/wire_text.h"

namespace campush {

namespace {

constexpr duration step_period = std::chrono::milliseconds(20);

// 1920x1080 High@4.0 of ffmpeg 5.1 and 1920x1080 Main@4.0 of ffmpeg 7.0.2 (facts/rtmp 1.2, 2.1).
constexpr const char* h264_sets =
    "00 00 00 01 67 64 00 28 AC B2 00 F0 04 4F CB 80 88 00 00 03 00 08 00 00 03 01 90 78 C1 92 40 "
    "00 00 00 01 68 EB C3 CB 22 C0";
constexpr const char* h265_sets =
    "00 00 00 01 40 01 0C 01 FF FF 01 60 00 00 03 00 90 00 00 03 00 00 03 00 78 92 80 90 "
    "00 00 00 01 42 01 01 01 60 00 00 03 00 90 00 00 03 00 00 03 00 78 A0 03 C0 80 10 E5 96 4A 92 4C AF 01 68 08 00 "
    "00 03 00 08 00 00 03 00 C8 40 "
    "00 00 00 01 44 01 C1 72 B4 62 40";

}  // namespace

class frame_feeder::asked_control final : public stream_control {
 public:
  explicit asked_control(const options& chosen)
      : m_can_keyframe(chosen.has_keyframe_on_demand), m_codec_change(chosen.codec_change) {}
  control_outcome request_keyframe() noexcept override {
    ++asked;
    is_due = m_can_keyframe;
    return m_can_keyframe ? control_outcome::accepted : control_outcome::unsupported;
  }
  control_outcome set_bitrate(uint32_t kbps) noexcept override {
    bitrate_kbps = kbps;
    return control_outcome::accepted;
  }
  control_outcome set_codec(codec_id codec) noexcept override {
    codecs += (codecs.empty() ? "" : " ") + std::string(codec_name(codec));
    if (m_codec_change == control_outcome::accepted) wanted_codec = codec;
    return m_codec_change;
  }
  bool has_keyframe_on_demand() const noexcept override { return m_can_keyframe; }

  uint32_t asked = 0, bitrate_kbps = 0;
  bool is_due = false;
  std::string codecs;
  codec_id wanted_codec = codec_id::none;

 private:
  const bool m_can_keyframe;
  const control_outcome m_codec_change;
};

frame_feeder::frame_feeder(event_loop& loop, stream_observer& to, const options& chosen)
    : settings(chosen),
      m_loop(loop),
      m_to(to),
      m_control(std::make_shared<asked_control>(chosen)),
      m_timer(loop.make_timer([this] { step(); })) {}

void frame_feeder::tell_opened() {
  stream_description description;
  if (settings.video != codec_id::none) description.video = video_description{settings.video, 1920, 1080, 25, 1000};
  if (settings.audio != codec_id::none) {
    description.audio = audio_description{settings.audio, 48000, 2, 64, wire("11 90")};
  }
  source_event event;
  event.description = &description;
  m_to.on_source_event(event);
}

void frame_feeder::start() {
  tell_opened();
  m_timer->arm_after(duration(0));
}

void frame_feeder::end() {
  pause();
  source_event event;
  event.kind = source_event_kind::ended;
  m_to.on_source_event(event);
}

void frame_feeder::change_codec(codec_id codec) {
  settings.video = codec;
  m_since_key = 0;
  tell_opened();
}

std::shared_ptr<stream_control> frame_feeder::control() const {
  return m_control;
}
uint32_t frame_feeder::keyframes_asked() const {
  return m_control->asked;
}
const std::string& frame_feeder::codecs_asked() const {
  return m_control->codecs;
}
uint32_t frame_feeder::bitrate_asked() const {
  return m_control->bitrate_kbps;
}

void frame_feeder::step() {
  const time_point now = m_loop.now();
  m_timer->arm_at(now + step_period);
  const codec_id wanted = std::exchange(m_control->wanted_codec, codec_id::none);
  if (wanted != codec_id::none && wanted != settings.video && !settings.keeps_codec) change_codec(wanted);
  if (settings.video != codec_id::none && !m_is_video_muted && m_steps % 2 == 0) send_picture(now);
  ++m_steps;
  if (settings.audio == codec_id::none) return;
  m_payload = wire("21 10 04 60");
  media_frame frame;
  frame.codec = settings.audio;
  frame.dts = frame.pts = frame.capture_time = now;
  frame.payload = m_payload;
  m_to.on_frame(frame);
}

void frame_feeder::send_picture(time_point now) {
  const bool is_h265 = settings.video == codec_id::h265;
  const bool is_key = m_since_key == 0 || m_since_key >= settings.gop || m_control->is_due;
  m_payload.clear();
  if (is_key) {
    m_payload = wire(is_h265 ? h265_sets : h264_sets);
    m_since_key = 0;
    m_control->is_due = false;
  }
  const std::vector<uint8_t> slice = wire(is_h265 ? (is_key ? "00 00 00 01 26 01 AF" : "00 00 00 01 02 01 D0")
                                                  : (is_key ? "00 00 00 01 65 88 84" : "00 00 00 01 41 9A 24"));
  m_payload.insert(m_payload.end(), slice.begin(), slice.end());
  m_payload.resize(m_payload.size() + (is_key ? settings.keyframe_bytes : settings.picture_bytes), 0x55);
  ++m_since_key;
  ++m_pictures;
  media_frame frame;
  frame.codec = settings.video;
  frame.dts = frame.pts = frame.capture_time = now;
  frame.is_keyframe = is_key;
  frame.payload = m_payload;
  m_to.on_frame(frame);
}

}  // namespace campush
