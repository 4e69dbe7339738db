#pragma once

#include "device/sound/silence.h"

namespace campush {

/// Keeps the time line of a sound track whole: silence where the microphone gives nothing, nothing twice where it comes back.
/// Shape: begin() says from when on there is sound. admit() judges each real frame and fills what is missing before it; fill() is
///   called with the time and adds what the microphone owes. Frames of silence follow each other, and the sound before, without gap.
/// Thread: one thread. Allocates nothing.
class sound_filler {
 public:
  /// `is_filling` false: real frames are only judged.
  explicit sound_filler(bool is_filling) : m_is_filling(is_filling) {}

  void describe(const audio_description& sound, time_point now);
  /// False: the frame overlaps with what has been given already.
  bool admit(const media_frame& frame, frame_sink& sink);
  /// `is_missing`: the microphone is known to give nothing, so that nobody has to wait for what it may still have.
  void fill(time_point now, bool is_missing, frame_sink& sink);
  /// When fill() has something to do; time_point::max(): never.
  time_point next_due(bool is_missing) const noexcept;
  /// The last frame was silence.
  bool is_silent() const noexcept { return m_is_silent; }

 private:
  time_point next_time() const noexcept;
  duration patience(bool is_missing) const noexcept;
  duration length_of(uint64_t samples) const noexcept;
  duration frame_length() const noexcept;  ///< of silence
  void give(frame_sink& sink);

  bool m_is_filling;
  codec_id m_codec = codec_id::none;
  std::optional<silent_frame> m_silence;
  time_point m_anchor{};   ///< of m_samples 0
  uint64_t m_samples = 0;  ///< given since the anchor
  bool m_is_silent = false, m_has_anchor = false;
  bool m_is_heard = false;  ///< a real frame has come since silence began, be it late
};

}  // namespace campush
