#pragma once

#include <string>
#include <vector>

#include "media/media_source.h"
#include "util/clock.h"
#include "util/result.h"

namespace campush::bench {

struct clip_options {
  uint32_t kbps = 4000;
  uint32_t frame_rate = 25;
  uint32_t gop_seconds = 2;
  uint32_t seconds = 10;
  bool has_audio = false;  ///< 64 kbit/s AAC at 48 kHz beside the pictures
};

/// A picture or sound of the clip: Annex B with whatever parameter sets belong to it, or one raw AAC frame.
struct clip_frame {
  codec_id codec = codec_id::h264;
  bool is_keyframe = false;
  duration dts{};  ///< from the clip's beginning
  std::vector<uint8_t> bytes;
};

/// Synthetic H.264 that costs a publisher what real H.264 costs it: random slice data with emulation prevention, keyframes six
/// times as large as other pictures, sizes that vary by a third, and the same in every run.
/// Shape: frames in dts order; played in a loop, each round begins `length()` after the one before.
/// Thread: any-thread (immutable).
class clip {
 public:
  explicit clip(const clip_options& options);

  const std::vector<clip_frame>& frames() const noexcept { return m_frames; }
  duration length() const noexcept { return std::chrono::seconds(m_options.seconds); }
  const stream_description& description() const noexcept { return m_description; }

  /// Errors of the writers: io_failed.
  [[nodiscard]] result<void> write_annexb(const std::string& path) const;
  [[nodiscard]] result<void> write_adts(const std::string& path) const;
  /// With onMetaData and sequence headers, made by the packager itself.
  [[nodiscard]] result<void> write_flv(const std::string& path) const;

  /// Every frame as campush would put it on the wire: one RTMP message, cut into chunks.
  std::vector<std::vector<uint8_t>> chunked(uint32_t chunk_size) const;

 private:
  void add_pictures();
  void add_sounds();

  const clip_options m_options;
  std::vector<clip_frame> m_frames;
  stream_description m_description;
};

/// The frame as a camera hands it over whose clip began at `begin`. Borrows the clip's bytes.
media_frame frame_at(const clip_frame& frame, time_point begin, time_point capture_time);

}  // namespace campush::bench
