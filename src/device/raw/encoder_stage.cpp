#include "device/raw/encoder_stage.h"

#include <algorithm>

#include "util/log.h"

namespace campush {

namespace {

constexpr duration load_window = std::chrono::seconds(2);

/// A name is of one codec: with the other one software stays software.
std::string name_for(const encoder_config& config, codec_id codec) {
  return codec == config.codec ? config.name : std::string();
}

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
    if (!is_video(wanted) || !m_library.has_encoder(wanted)) return control_outcome::unsupported;
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
  options.frame_rate = m_frame_rate;
  options.gop = m_config.gop;
  options.name = name_for(m_config, codec);
  // Profiles and levels of the configuration are those of its codec; H.265 has main alone of the three.
  const bool is_configured = codec == m_config.codec;
  const bool has_profile = codec == codec_id::h264 || m_config.profile == "main";
  if (is_configured && has_profile) options.profile = m_config.profile;
  if (is_configured) options.level = m_config.level;
  const uint32_t asked = m_control.kbps.load(std::memory_order_relaxed);
  options.bitrate_kbps = asked != 0 ? asked : m_config.bitrate_kbps;
  return options;
}

result<void> encoder_stage::open(const picture_shape& shape, double frame_rate) {
  close();
  m_shape = shape;
  m_frame_rate = m_config.frame_rate > 0 ? m_config.frame_rate : frame_rate;
  const codec_id asked = m_control.codec.load(std::memory_order_relaxed);
  return change_codec(asked != codec_id::none ? asked : m_config.codec);
}

result<void> encoder_stage::change_codec(codec_id codec) {
  auto made = m_library.make_video_encoder(options_for(codec));
  if (!made) return tl::unexpected<error>(std::move(made.error()));
  m_encoder = std::move(*made);
  m_codec = codec;
  m_kbps = m_control.kbps.load(std::memory_order_relaxed);
  m_window_start = m_time.now();
  m_cpu_before = duration::zero();
  m_name.store(m_encoder->name(), std::memory_order_relaxed);
  return {};
}

void encoder_stage::close() noexcept {
  m_encoder.reset();
  m_refused_codec = codec_id::none;
  m_permille.store(0, std::memory_order_relaxed);
}

result<bool> encoder_stage::prepare() {
  if (!m_encoder) return fail(error_code::io_failed, "the encoder is closed");
  const uint32_t kbps = m_control.kbps.load(std::memory_order_relaxed);
  if (kbps != m_kbps) {
    m_kbps = kbps;
    m_encoder->set_bitrate(kbps);
  }
  const codec_id wanted = m_control.codec.load(std::memory_order_relaxed);
  const bool is_new = wanted != codec_id::none && wanted != m_codec && wanted != m_refused_codec;
  if (is_new) {
    if (auto changed = change_codec(wanted); changed) return true;
    // Who asked notices that nothing changes; the stream goes on as it is.
    m_refused_codec = wanted;
    log_warn(log_module::device, "the encoder stays with {}: {} does not open", codec_name(m_codec),
             codec_name(wanted));
  }
  if (m_control.is_keyframe_wanted.exchange(false, std::memory_order_relaxed)) m_encoder->request_keyframe();
  return false;
}

result<void> encoder_stage::encode(const raw_picture& picture, frame_sink& sink) {
  if (!m_encoder) return fail(error_code::io_failed, "the encoder is closed");
  auto encoded = m_encoder->encode(picture, sink);
  if (encoded) {
    measure_load();
  } else {
    close();
  }
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
