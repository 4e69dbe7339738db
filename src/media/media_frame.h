#pragma once

#include "util/byte_view.h"
#include "util/clock.h"

namespace campush {

enum class codec_id : uint8_t { none, h264, h265, aac, g711a, g711u, opus };
enum class track_kind : uint8_t { video, audio };

const char* codec_name(codec_id codec) noexcept;
constexpr bool is_video(codec_id codec) noexcept {
  return codec == codec_id::h264 || codec == codec_id::h265;
}

/// One access unit (video) or one audio frame, as it left the encoder. Hop 1 to 2 of the data path.
/// Shape: `payload` is Annex B with start codes (h264, h265: one whole picture with whatever parameter sets and SEI
///   belong to it), one raw AAC frame without ADTS header (aac), one Opus packet (opus), or companded samples (g711). Borrowed: valid until
///   the call that hands it over returns; the source then gives the buffer back to its driver.
/// Units: dts and pts on the monotonic clock; dts <= pts; dts is when the picture is due at the decoder. capture_time is
///   when the picture existed (driver timestamp), the start of the latency figures.
/// Thread: capture-thread.
struct media_frame {
  codec_id codec = codec_id::none;
  time_point dts{};
  time_point pts{};
  time_point capture_time{};
  bool is_keyframe = false;
  bool is_disposable = false;
  byte_view payload;

  track_kind track() const noexcept { return is_video(codec) ? track_kind::video : track_kind::audio; }
};

}  // namespace campush
