#pragma once

#include <string>
#include <vector>

#include "codec/libav_handles.h"
#include "codec/video_encoder.h"

namespace campush {

/// One of the encoders that this program drives.
struct video_encoder_kind {
  const char* name;
  codec_id codec;
  bool is_hardware;
  bool changes_bitrate_while_running;
  AVPixelFormat formats[2];  ///< tried in this order
};

/// Those that serve `options`, best first: one by its name, or hardware (where this machine has video devices), then software.
/// Errors: not_found for a name that is none or an encoder that FFmpeg was built without, with those that would do.
[[nodiscard]] result<std::vector<const video_encoder_kind*>> encoders_for(const video_encoder_options& options);

/// Everything about an encoder that the options left open, decided.
/// Units: rates in kbit/s; gop in pictures.
struct video_encoder_plan {
  uint32_t width = 0, height = 0, kbps = 0, gop = 0;
  int threads = 1;
  AVRational frame_rate{25, 1};
  encoder_rate_control control = encoder_rate_control::constant;
  std::string profile, level;
};

/// Errors: invalid_argument: frame rate, GOP, profile or bitrate that no encoder takes.
[[nodiscard]] result<void> check_options(const video_encoder_options& options);
/// The plan for pictures of the shape that came first. Errors: invalid_argument: dimensions that no encoder takes.
[[nodiscard]] result<video_encoder_plan> make_plan(const video_encoder_options& options, const picture_shape& first);

/// A context that is open for use. Errors: io_failed with FFmpeg's words.
[[nodiscard]] result<libav_ptr<AVCodecContext>> open_encoder(const video_encoder_kind& kind, AVPixelFormat format,
                                                             const video_encoder_plan& plan);
/// Bitrate and buffer of the rate control; an encoder that changes while it runs takes them with the next picture.
void set_rate(AVCodecContext& context, const video_encoder_plan& plan) noexcept;

}  // namespace campush
