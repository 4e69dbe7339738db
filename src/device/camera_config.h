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
  std::string
      device;  ///< v4l2: a node or a link to one (/dev/v4l/by-id/…). vendor: which sensor, for the plug-in to read
  std::string
      pixel_format;  ///< v4l2: h264, h265, yuyv, nv12, mjpeg …; empty or "auto": what the encoder section asks for, else raw
  uint32_t width = 0,
           height = 0;  ///< v4l2, raw pictures: size captured; 0: the largest that a stream of this camera asks for
  std::string memory;   ///< v4l2: mmap, userptr, dmabuf; empty or "auto": what the driver takes
  std::string dma_heap = "/dev/dma_heap/system";  ///< v4l2, dmabuf: where the buffers lie
  double frame_rate = 0;  ///< v4l2, raw pictures: rate captured; 0: the highest that a stream of this camera asks for
  std::string library;    ///< vendor: path of the plug-in
  std::optional<uint32_t> channel;  ///< vendor: which of its encoder channels; none: the stream_id
  std::string options;              ///< vendor: the configured object as JSON text, handed to the plug-in as it is
  uint32_t tone_hz = 1000;          ///< test: the tone on the second
  std::string video_path;           ///< file: Annex B, .h264 .264 .avc or .h265 .265 .hevc
  std::string audio_path;           ///< file: ADTS .aac, or raw .alaw .ulaw
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
  std::string profile, level;
  std::string name;  ///< raw pictures: libx264, h264_v4l2m2m …; empty or "auto": hardware where there is one
  friend bool operator==(const encoder_config&, const encoder_config&);
};

struct audio_config {
  bool enabled = true;
  std::string type;      ///< alsa, vendor, test; empty: the source's own sound
  std::string device;    ///< alsa: a PCM name. vendor: for the plug-in to read; empty: the source's
  uint32_t channel = 0;  ///< vendor: which of the plug-in's audio channels
  codec_id codec = codec_id::aac;
  uint32_t sample_rate = 0, bitrate_kbps = 0, channels = 0;  ///< 0: what the device has, at most 2 channels
  bool is_muted = false;                                     ///< silence instead of sound
  bool fills_with_silence = true;  ///< while the microphone is missing: destinations keep a sound track
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
