#pragma once

#include <memory>
#include <string>

#include "codec/picture.h"
#include "media/media_source.h"

namespace campush {

enum class encoder_rate_control : uint8_t { constant, variable };

/// What is asked of an encoder. 0 or empty: the encoder's own default, or what the pictures have.
struct video_encoder_options {
  codec_id codec = codec_id::h264;
  encoder_rate_control control = encoder_rate_control::constant;
  uint32_t width = 0, height = 0, bitrate_kbps = 0, gop = 0;
  double frame_rate = 25;
  std::string profile, level;
  std::string
      name;  ///< libx264, libx265, h264_v4l2m2m, hevc_v4l2m2m; empty or "auto": hardware where it opens, else software
  std::string
      avoided;  ///< under "auto": the name of one that opened and then failed; it is taken only where it is the only one
};

/// Turns raw pictures into access units without reordering: real-time, low latency, one keyframe with parameter sets a GOP.
/// Shape: encode() takes any shape, converts and scales to the configured size (which keeps the shape of the first picture where it
///   is 0), and hands what the encoder has ready to the sink before it returns, in Annex B, with the capture times of their pictures.
///   drain() gives out what is still inside.
/// Errors: io_failed with the encoder's own words; the encoder is used up then.
/// Thread: one thread (capture-thread); request_keyframe() and set_bitrate() any-thread, effective with a later picture.
class video_encoder {
 public:
  virtual ~video_encoder() = default;
  [[nodiscard]] virtual result<void> encode(const raw_picture& picture, frame_sink& sink) = 0;
  [[nodiscard]] virtual result<void> drain(frame_sink& sink) = 0;
  virtual void request_keyframe() noexcept = 0;
  /// False where the encoder cannot change while it runs.
  virtual bool set_bitrate(uint32_t kbps) noexcept = 0;
  /// "libx264". A constant.
  virtual const char* name() const noexcept = 0;
  virtual video_description description() const = 0;
  /// CPU time that encoding and scaling have taken so far, that of the encoder's own threads included. Thread: capture-thread.
  virtual duration cpu_time() const noexcept { return duration::zero(); }
};

}  // namespace campush
