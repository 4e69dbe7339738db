#pragma once

#include <cstdint>

#include "media/media_source.h"

namespace campush {

/// Captured sound: interleaved signed 16 bit samples in the machine's byte order.
/// Units: `frames` samples of each channel; captured_at is when the first of them was sampled.
struct sound_block {
  const int16_t* samples = nullptr;
  uint32_t frames = 0;
  time_point captured_at{};
};

struct audio_encoder_options {
  codec_id codec = codec_id::aac;  ///< aac (AAC-LC), opus, or g711a, g711u (8 kHz mono)
  uint32_t sample_rate = 48000, channels = 1, bitrate_kbps = 0;
};

/// Turns sound into codec frames. A frame's time is that of its first sample, taken from the blocks it was cut from, so that it
/// follows the clock that the blocks follow.
/// Errors: io_failed with the encoder's own words.
/// Thread: one thread (capture-thread).
class audio_encoder {
 public:
  virtual ~audio_encoder() = default;
  [[nodiscard]] virtual result<void> encode(const sound_block& block, frame_sink& sink) = 0;
  /// "aac". A constant.
  virtual const char* name() const noexcept = 0;
  virtual audio_description description() const = 0;
};

}  // namespace campush
