#include "fakes/obeying_encoder.h"

#include <algorithm>

#include "fakes/wire_text.h"

namespace campush {

namespace {

// 1920x1080 High@4.0 of ffmpeg 5.1 (facts/rtmp 1.2).
constexpr const char* parameter_sets =
    "00 00 00 01 67 64 00 28 AC B2 00 F0 04 4F CB 80 88 00 00 03 00 08 00 00 03 01 90 78 C1 92 40 "
    "00 00 00 01 68 EB C3 CB 22 C0";
constexpr duration sound_period = std::chrono::milliseconds(20);
constexpr size_t sound_bytes = 160;

void append(std::vector<uint8_t>& to, const std::vector<uint8_t>& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

/// The payload of a NAL unit with emulation prevention.
void append_escaped(std::vector<uint8_t>& to, const std::vector<uint8_t>& bytes) {
  size_t zeros = 0;
  for (const uint8_t each : bytes) {
    if (zeros >= 2 && each <= 3) {
      to.push_back(3);
      zeros = 0;
    }
    to.push_back(each);
    zeros = each == 0 ? zeros + 1 : 0;
  }
}

}  // namespace

class obeying_encoder::obedient_control final : public stream_control {
 public:
  explicit obedient_control(obeying_encoder& owner) : m_owner(owner) {}
  control_outcome request_keyframe() noexcept override {
    is_keyframe_due = true;
    return control_outcome::accepted;
  }
  control_outcome set_bitrate(uint32_t kbps) noexcept override {
    ++requests;
    if (m_owner.settings.bitrate_outcome == control_outcome::accepted) {
      wanted_kbps = kbps;
      asked_at = m_owner.m_loop.now();
    }
    return m_owner.settings.bitrate_outcome;
  }
  control_outcome set_codec(codec_id) noexcept override { return control_outcome::unsupported; }
  bool has_keyframe_on_demand() const noexcept override { return true; }

  bool is_keyframe_due = false;
  uint32_t wanted_kbps = 0, requests = 0;
  time_point asked_at{};

 private:
  obeying_encoder& m_owner;
};

obeying_encoder::obeying_encoder(event_loop& loop, stream_observer& to, const options& chosen)
    : settings(chosen),
      m_loop(loop),
      m_to(to),
      m_control(std::make_shared<obedient_control>(*this)),
      m_timer(loop.make_timer([this] { step(); })),
      m_kbps(chosen.kbps) {}

obeying_encoder::~obeying_encoder() = default;

std::shared_ptr<stream_control> obeying_encoder::control() const {
  return m_control;
}

uint32_t obeying_encoder::bitrate_requests() const noexcept {
  return m_control->requests;
}

void obeying_encoder::start() {
  stream_description description;
  description.video =
      video_description{codec_id::h264, 1920, 1080, static_cast<double>(settings.frame_rate), settings.kbps};
  if (settings.has_audio) description.audio = audio_description{codec_id::aac, 48000, 2, 64, wire("11 90")};
  source_event event;
  event.description = &description;
  m_to.on_source_event(event);
  m_begin = m_loop.now();
  m_timer->arm_after(duration(0));
}

/// Sends what is due, in the order of its time: a late timer makes nothing late for good.
void obeying_encoder::step() {
  const time_point now = m_loop.now();
  obey(now);
  const duration picture_period(1000000 / static_cast<int64_t>(settings.frame_rate));
  while (true) {
    const time_point picture = m_begin + picture_period * int64_t{m_number};
    const time_point sound =
        settings.has_audio ? m_begin + sound_period * static_cast<int64_t>(m_sounds) : time_point::max();
    const time_point next = std::min(picture, sound);
    if (next > now) return m_timer->arm_at(next);
    if (next == picture) {
      send_picture(picture);
    } else {
      send_sound(sound);
    }
  }
}

void obeying_encoder::obey(time_point now) {
  const bool is_due =
      settings.obeys && m_control->wanted_kbps > 0 && now - m_control->asked_at >= settings.reacts_after;
  if (is_due) m_kbps = m_control->wanted_kbps;
}

double obeying_encoder::noise() noexcept {
  m_noise = m_noise * 1664525 + 1013904223;
  return 0.85 + 0.3 * (m_noise >> 16) / 65536;
}

size_t obeying_encoder::next_size(bool is_keyframe) {
  const double per_picture = m_kbps * 125.0 / settings.frame_rate;
  const double usual = per_picture * settings.gop / (settings.gop - 1 + settings.keyframe_weight);
  // What keyframes out of turn cost is saved over the next second.
  const double saved = std::clamp(m_debt / settings.frame_rate, -0.5 * usual, 0.7 * usual);
  const double size = is_keyframe ? usual * settings.keyframe_weight : (usual - saved) * noise();
  const double planned = is_keyframe && m_since_key >= settings.gop ? size : is_keyframe ? usual : usual - saved;
  m_debt += size - (is_keyframe ? planned : usual);
  return static_cast<size_t>(std::max(size, 40.0));
}

void obeying_encoder::send_picture(time_point at) {
  const bool is_key = m_number == 0 || m_since_key >= settings.gop || m_control->is_keyframe_due;
  const size_t size = next_size(is_key);
  if (is_key) {
    m_since_key = 0;
    m_control->is_keyframe_due = false;
  }
  const bool is_disposable = settings.has_disposables && !is_key && m_since_key % 2 == 1;
  if (is_key) {
    m_references = 0;
  } else if (!is_disposable) {
    ++m_references;
  }
  m_payload.clear();
  if (is_key) m_payload = wire(parameter_sets);
  append(m_payload, wire("00 00 00 01 06"));
  std::vector<uint8_t> mark = wire("05 16 'campush picture' 00");
  for (int shift = 24; shift >= 0; shift -= 8) mark.push_back(static_cast<uint8_t>(m_number >> shift));
  mark.push_back(static_cast<uint8_t>((is_key ? 1 : 0) | (is_disposable ? 2 : 0)));
  mark.push_back(m_references);
  mark.push_back(0x80);
  append_escaped(m_payload, mark);
  append(m_payload, wire(is_key          ? "00 00 00 01 65 88 84"
                         : is_disposable ? "00 00 00 01 01 9A 24"
                                         : "00 00 00 01 41 9A 24"));
  m_payload.resize(std::max(size, m_payload.size() + 8), 0x55);
  ++m_since_key;
  ++m_number;
  m_bytes += m_payload.size();
  media_frame frame;
  frame.codec = codec_id::h264;
  frame.dts = frame.pts = frame.capture_time = at;
  frame.is_keyframe = is_key;
  frame.is_disposable = is_disposable;
  frame.payload = m_payload;
  m_to.on_frame(frame);
}

void obeying_encoder::send_sound(time_point at) {
  ++m_sounds;
  m_payload.assign(sound_bytes, 0x21);
  media_frame frame;
  frame.codec = codec_id::aac;
  frame.dts = frame.pts = frame.capture_time = at;
  frame.payload = m_payload;
  m_to.on_frame(frame);
}

}  // namespace campush
