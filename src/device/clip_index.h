#pragma once

#include <atomic>
#include <vector>

#include "device/clip_file.h"
#include "device/clip_track.h"
#include "media/media_source.h"

namespace campush {

/// Where one picture stands in its file. Units: `composition` frame periods by which it is shown after it is decoded.
struct video_unit {
  uint32_t offset = 0, size = 0;
  uint16_t composition = 0;
  bool is_keyframe = false, is_disposable = false;
};

/// All pictures of a clip from its first keyframe on. `delay`: composition of a picture that is in order, frame periods.
struct video_index {
  codec_id codec = codec_id::h264;
  uint32_t width = 0, height = 0, delay = 0;
  double frame_rate = 0;  ///< of the VUI, 0 if it says nothing
  uint64_t bytes = 0;
  std::vector<video_unit> units;
};

struct audio_unit {
  uint32_t offset = 0;
  uint16_t size = 0;
};

/// All frames of a sound file. G.711 needs no table: frames are equal in size.
struct audio_index {
  audio_description description;
  exact_span frame;  ///< how long one frame lasts
  int64_t frame_count = 0;
  std::vector<audio_unit> units;

  audio_unit unit(int64_t index) const noexcept;
};

/// Reads a whole clip once and notes where its units are, so that playing it needs neither parsing nor memory.
/// Shape: H.264 or H.265 by the name of the file (.h264 .264 .avc, .h265 .265 .hevc), else by what is in it; sound by name
///   (.aac; .alaw; .ulaw), else ADTS by content. Units before the first keyframe and a sound frame cut off by the end of the file
///   are left out; foreign bytes between ADTS frames are skipped.
/// Errors: malformed (not such a clip, or named like the other codec), unsupported (a container, an unknown kind of sound),
///   too_big (over 10 million units, a picture over 8 MiB), cancelled, and those of clip_file. Texts name the path.
/// Thread: capture-thread; `is_cancelled` is set by any-thread.
[[nodiscard]] result<video_index> index_video(clip_file& file, const std::atomic<bool>& is_cancelled);
[[nodiscard]] result<audio_index> index_audio(clip_file& file, const std::atomic<bool>& is_cancelled);

}  // namespace campush
