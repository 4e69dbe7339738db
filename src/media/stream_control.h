#pragma once

#include <cstdint>

#include "media/media_frame.h"

namespace campush {

enum class control_outcome : uint8_t { accepted, unsupported, failed };

/// What a destination may ask of the encoder behind a stream. Requests travel upstream; frames come down.
/// Errors: unsupported when the source cannot do it at all (the caller says so once), failed when it refused now.
/// Thread: any-thread; calls return at once, the effect shows in later frames.
class stream_control {
 public:
  virtual ~stream_control() = default;
  /// The next picture becomes a keyframe with parameter sets.
  virtual control_outcome request_keyframe() noexcept = 0;
  virtual control_outcome set_bitrate(uint32_t kbps) noexcept = 0;
  virtual control_outcome set_codec(codec_id codec) noexcept = 0;
  /// True if a request_keyframe() is answered by a keyframe within 4 s.
  virtual bool has_keyframe_on_demand() const noexcept = 0;
};

/// Control of a source that has none: a file, a pass-through.
class no_stream_control final : public stream_control {
 public:
  control_outcome request_keyframe() noexcept override { return control_outcome::unsupported; }
  control_outcome set_bitrate(uint32_t) noexcept override { return control_outcome::unsupported; }
  control_outcome set_codec(codec_id) noexcept override { return control_outcome::unsupported; }
  bool has_keyframe_on_demand() const noexcept override { return false; }
};

}  // namespace campush
