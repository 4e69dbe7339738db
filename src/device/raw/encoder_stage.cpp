#include "device/raw/encoder_stage.h"

#include <algorithm>
#include <exception>

#include "util/log.h"

namespace campush {

namespace {

constexpr duration load_window = std::chrono::seconds(2);
/// Beyond these no encoder takes a rate; drivers that measure none say what they like.
constexpr double slowest_rate = 0.1, fastest_rate = 240;

/// A name is of one codec: with the other one software stays software.
std::string name_for(const encoder_config& config, codec_id codec) {
  return codec == config.codec ? config.name : std::string();
}

/// H.265 has main alone of the three.
bool has_profile(codec_id codec, const std::string& profile) {
  return codec == codec_id::h264 || profile.empty() || profile == "main";
}

/// Notices whether anything comes.
class first_frame_watch final : public frame_sink {
 public:
  first_frame_watch(frame_sink& sink, bool& has_delivered) : m_sink(sink), m_has_delivered(has_delivered) {}
  void on_frame(const media_frame& frame) override {
    m_has_delivered = true;
    m_sink.on_frame(frame);
  }
  void on_description(const stream_description& description) override { m_sink.on_description(description); }

 private:
  frame_sink& m_sink;
  bool& m_has_delivered;
};

}  // namespace

control_outcome encoder_stage::requests::request_keyframe() noexcept {
  is_keyframe_wanted.store(true, std::memory_order_relaxed);
  return control_outcome::accepted;
}

control_outcome encoder_stage::requests::set_bitrate(uint32_t wanted) noexcept {
  if (wanted == 0) return control_outcome::failed;
  kbps.store(wanted, std::memory_order_relaxed);
  return control_outcome::accepted;
}

control_outcome encoder_stage::requests::set_codec(codec_id wanted) noexcept {
  try {
    if (!is_video(wanted)) return control_outcome::unsupported;
    // The first question loads the encoders, which is for the capture-thread to wait for: open() finds out.
    if (is_open.load(std::memory_order_relaxed) && !m_library.has_encoder(wanted)) return control_outcome::unsupported;
  } catch (...) {
    return control_outcome::failed;
  }
  codec.store(wanted, std::memory_order_relaxed);
  return control_outcome::accepted;
}

encoder_stage::encoder_stage(const encoder_config& config, const clock& time, codec_library& library)
    : m_config(config), m_time(time), m_library(library), m_control(library) {}

video_encoder_options encoder_stage::options_for(codec_id codec) const {
  video_encoder_options options;
  options.codec = codec;
  options.control =
      m_config.control == rate_control::cbr ? encoder_rate_control::constant : encoder_rate_control::variable;
  options.width = m_config.width;
  options.height = m_config.height;
  if (options.width == 0 && options.height == 0) {
    options.width = m_shape.width;
    options.height = m_shape.height;
  }
  options.frame_rate = m_frame_rate > 0 ? std::clamp(m_frame_rate / m_divisor, slowest_rate, fastest_rate) : 0;
  options.gop = m_config.gop;
  options.name = name_for(m_config, codec);
  options.avoided = m_avoided;
  // Profiles and levels of the configuration are those of its codec.
  const bool is_configured = codec == m_config.codec;
  if (is_configured && has_profile(codec, m_config.profile)) options.profile = m_config.profile;
  if (is_configured) options.level = m_config.level;
  const uint32_t asked = m_control.kbps.load(std::memory_order_relaxed);
  options.bitrate_kbps = asked != 0 ? asked : m_config.bitrate_kbps;
  return options;
}

result<void> encoder_stage::open(const picture_shape& shape, double frame_rate) {
  close();
  m_shape = shape;
  const bool is_less = frame_rate > 0 && frame_rate < m_config.frame_rate;
  m_frame_rate = m_config.frame_rate > 0 && !is_less ? m_config.frame_rate : frame_rate;
  m_divisor = 1;
  const codec_id asked = m_control.codec.load(std::memory_order_relaxed);
  const bool is_another = asked != codec_id::none && asked != m_config.codec;
  if (is_another && open_encoder(asked)) return {};
  auto opened = open_encoder(m_config.codec);
  if (opened && is_another) refuse_codec(asked);
  return opened;
}

result<void> encoder_stage::open_encoder(codec_id codec) {
  tell_of_profile(codec);
  auto made = m_library.make_video_encoder(options_for(codec));
  if (!made) return tl::unexpected<error>(std::move(made.error()));
  m_encoder = std::move(*made);
  m_codec = codec;
  m_opened_divisor = m_divisor;
  m_has_delivered = false;
  m_kbps = m_control.kbps.load(std::memory_order_relaxed);
  m_window_start = m_time.now();
  m_cpu_before = duration::zero();
  m_name.store(m_encoder->name(), std::memory_order_relaxed);
  m_control.is_open.store(true, std::memory_order_relaxed);
  return {};
}

void encoder_stage::tell_of_profile(codec_id codec) {
  const bool is_left_out = codec == m_config.codec && !has_profile(codec, m_config.profile);
  if (!is_left_out || m_has_told_profile) return;
  m_has_told_profile = true;
  log_warn(log_module::device, "{} has no profile {}: main is taken", codec_name(codec), m_config.profile);
}

/// Who asked notices that nothing changes; the stream goes on as it is.
void encoder_stage::refuse_codec(codec_id codec) {
  m_refused_codec = codec;
  log_warn(log_module::device, "the encoder stays with {}: {} does not open", codec_name(m_codec), codec_name(codec));
}

void encoder_stage::close() noexcept {
  m_control.is_open.store(false, std::memory_order_relaxed);
  m_encoder.reset();
  m_refused_codec = codec_id::none;
  m_permille.store(0, std::memory_order_relaxed);
}

result<bool> encoder_stage::prepare(frame_sink& sink) {
  if (!m_encoder) return fail(error_code::io_failed, "the encoder is closed");
  const uint32_t kbps = m_control.kbps.load(std::memory_order_relaxed);
  if (kbps != m_kbps) {
    m_kbps = kbps;
    m_encoder->set_bitrate(kbps);
  }
  const bool is_other_codec = change_codec(sink);
  const bool is_other_rate = m_divisor != m_opened_divisor;
  if (is_other_rate) {
    if (auto followed = follow_divisor(sink); !followed) return tl::unexpected<error>(std::move(followed.error()));
  }
  if (m_control.is_keyframe_wanted.exchange(false, std::memory_order_relaxed)) m_encoder->request_keyframe();
  return is_other_codec || is_other_rate;
}

bool encoder_stage::change_codec(frame_sink& sink) {
  const codec_id wanted = m_control.codec.load(std::memory_order_relaxed);
  if (wanted == codec_id::none || wanted == m_codec || wanted == m_refused_codec) return false;
  auto before = std::move(m_encoder);
  if (open_encoder(wanted)) {
    empty(*before, sink);
    return true;
  }
  m_encoder = std::move(before);
  refuse_codec(wanted);
  return false;
}

/// An encoder that expects twice the pictures gives each half of its share of the bitrate. The old one is closed first: hardware may have
/// but one.
result<void> encoder_stage::follow_divisor(frame_sink& sink) {
  empty(*m_encoder, sink);
  m_encoder.reset();
  auto opened = open_encoder(m_codec);
  if (!opened) close();
  return opened;
}

/// An encoder that fails at it has no more to give; it is done with.
void encoder_stage::empty(video_encoder& encoder, frame_sink& sink) noexcept {
  try {
    if (auto drained = encoder.drain(sink); !drained) {
      log_debug(log_module::device, "{} ends with pictures inside: {}", encoder.name(), drained.error().message);
    }
  } catch (const std::exception& thrown) {
    log_debug(log_module::device, "{} ends with pictures inside: {}", encoder.name(), thrown.what());
  }
}

void encoder_stage::drain(frame_sink& sink) noexcept {
  if (m_encoder) empty(*m_encoder, sink);
  close();
}

result<void> encoder_stage::encode(const raw_picture& picture, frame_sink& sink) {
  if (!m_encoder) return fail(error_code::io_failed, "the encoder is closed");
  first_frame_watch watch(sink, m_has_delivered);
  auto encoded = m_encoder->encode(picture, m_has_delivered ? sink : watch);
  if (encoded) {
    measure_load();
    return encoded;
  }
  if (!m_has_delivered) m_avoided = m_encoder->name();
  close();
  return encoded;
}

void encoder_stage::measure_load() noexcept {
  const time_point now = m_time.now();
  const duration elapsed = now - m_window_start;
  if (elapsed < load_window) return;
  const duration used = m_encoder->cpu_time();
  m_permille.store(static_cast<uint32_t>(std::max<int64_t>(0, (used - m_cpu_before).count() * 1000 / elapsed.count())),
                   std::memory_order_relaxed);
  m_window_start = now;
  m_cpu_before = used;
}

video_description encoder_stage::description() const {
  return m_encoder ? m_encoder->description() : video_description{};
}

source_health encoder_stage::health() const noexcept {
  source_health out;
  out.encoder = m_name.load(std::memory_order_relaxed);
  out.encode_permille = m_permille.load(std::memory_order_relaxed);
  return out;
}

}  // namespace campush
