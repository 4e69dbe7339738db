#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/media_frame.h"

namespace campush {

enum class source_type : uint8_t { file, v4l2, test, vendor, publish };
const char* source_type_name(source_type type) noexcept;

/// Where a stream's pictures and sound come from. Paths are absolute or relative to the working directory: the loader has already
/// resolved them against the config file.
struct source_config {
  source_type type = source_type::file;
  std::string device;      ///< v4l2
  std::string library;     ///< vendor
  std::string video_path;  ///< file: Annex B, .h264 .264 .avc or .h265 .265 .hevc
  std::string audio_path;  ///< file: ADTS .aac, or raw .alaw .ulaw
  bool is_looped = true;
  friend bool operator==(const source_config&, const source_config&);
};

enum class rate_control : uint8_t { cbr, vbr, avbr };

/// encoder.type H264_CBR … H265_AVBR and what goes with it. 0 or empty: the source decides.
struct encoder_config {
  codec_id codec = codec_id::h264;
  rate_control control = rate_control::cbr;
  uint32_t width = 0, height = 0, bitrate_kbps = 0, gop = 0;
  double frame_rate = 0;
  std::string profile;
  friend bool operator==(const encoder_config&, const encoder_config&);
};

struct audio_config {
  bool enabled = true;
  std::string type, device;
  codec_id codec = codec_id::aac;
  uint32_t sample_rate = 0, bitrate_kbps = 0;
  friend bool operator==(const audio_config&, const audio_config&);
};

struct stream_config {
  uint32_t stream_id = 0;
  std::string name = "main";
  source_config source;
  encoder_config encoder;
  audio_config audio;
  friend bool operator==(const stream_config&, const stream_config&);
};

struct camera_config {
  uint32_t camera_id = 0;
  bool enabled = true;
  std::string name;
  std::vector<stream_config> streams;
  friend bool operator==(const camera_config&, const camera_config&);
  friend bool operator!=(const camera_config& left, const camera_config& right) { return !(left == right); }
};

}  // namespace campush
