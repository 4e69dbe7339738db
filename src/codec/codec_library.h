#pragma once

#include <memory>

#include "codec/audio_encoder.h"
#include "codec/picture_decoder.h"
#include "codec/video_encoder.h"

namespace campush {

/// Encoders and decoders of FFmpeg's libraries, loaded when the first is asked for: who pushes what a camera has encoded pays nothing.
/// Errors: unsupported where this build has none, with the build option to turn on (CAMPUSH_WITH_LIBAV) and the package; not_found for an
///   encoder that the installed libraries lack, with those that would do; invalid_argument for options that no encoder takes.
/// Thread: any-thread.
class codec_library {
 public:
  virtual ~codec_library() = default;
  [[nodiscard]] virtual result<std::unique_ptr<video_encoder>> make_video_encoder(
      const video_encoder_options& options) = 0;
  [[nodiscard]] virtual result<std::unique_ptr<audio_encoder>> make_audio_encoder(
      const audio_encoder_options& options) = 0;
  [[nodiscard]] virtual result<std::unique_ptr<picture_decoder>> make_picture_decoder() = 0;
  /// Whether there is an encoder of this codec that needs no hardware: one that opens wherever this runs.
  virtual bool has_encoder(codec_id codec) = 0;
};

/// The one of this process. Whatever it lacks is said by the calls.
codec_library& default_codec_library();
/// False: built without FFmpeg's libraries.
bool has_codec_library() noexcept;

}  // namespace campush
