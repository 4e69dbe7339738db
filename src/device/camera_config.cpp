#include "device/camera_config.h"

#include <tuple>

namespace campush {

const char* source_type_name(source_type type) noexcept {
  switch (type) {
    case source_type::file: return "file";
    case source_type::v4l2: return "v4l2";
    case source_type::test: return "test";
    case source_type::vendor: return "vendor";
    case source_type::publish: return "publish";
  }
  return "unknown";
}

namespace {

auto fields(const source_config& config) {
  return std::tie(config.type, config.device, config.pixel_format, config.width, config.height, config.frame_rate,
                  config.memory, config.dma_heap, config.library, config.channel, config.options, config.tone_hz,
                  config.video_path, config.audio_path, config.is_looped);
}
auto fields(const encoder_config& config) {
  return std::tie(config.codec, config.control, config.width, config.height, config.bitrate_kbps, config.gop,
                  config.frame_rate, config.profile, config.level, config.name);
}
auto fields(const audio_config& config) {
  return std::tie(config.enabled, config.type, config.device, config.channel, config.codec, config.sample_rate,
                  config.bitrate_kbps, config.channels, config.is_muted, config.fills_with_silence);
}
auto fields(const stream_config& config) {
  return std::tie(config.stream_id, config.name, config.source, config.encoder, config.audio);
}
auto fields(const camera_config& config) {
  return std::tie(config.camera_id, config.enabled, config.name, config.streams);
}

}  // namespace

bool operator==(const source_config& left, const source_config& right) {
  return fields(left) == fields(right);
}
bool operator==(const encoder_config& left, const encoder_config& right) {
  return fields(left) == fields(right);
}
bool operator==(const audio_config& left, const audio_config& right) {
  return fields(left) == fields(right);
}
bool operator==(const stream_config& left, const stream_config& right) {
  return fields(left) == fields(right);
}
bool operator==(const camera_config& left, const camera_config& right) {
  return fields(left) == fields(right);
}

}  // namespace campush
