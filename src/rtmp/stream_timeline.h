#pragma once

#include <array>

#include "media/media_frame.h"

namespace campush {

/// Where one frame goes on the stream's time line.
/// Units: dts is a whole millisecond; pts is on the same line, as precise as it came.
struct timeline_place {
  time_point dts{};
  time_point pts{};
  bool is_corrected = false;   ///< equal or backward dts became +1 ms
  bool is_reanchored = false;  ///< a jump over 1 s was taken out
};

/// Turns the timestamps of a source into a time line that only goes forward within each track. Pure policy.
/// Shape: equal or backward dts in a track becomes the last one + 1 ms. A jump over 1 s, of the stream forward or of a track
///   backward, shifts the track from there on, so that time continues; the second track follows with the same shift when
///   it jumps too, or as soon as that fits, so sound stays with its picture. A track that begins up to 10 s before or behind the
///   other stays on its clock. A track that pauses while the other goes on did not jump; nor did a
///   stream of one slow track whose steps are all over 1 s.
/// Thread: capture-thread.
/// Source: DESIGN 4.
class stream_timeline {
 public:
  timeline_place place(const media_frame& frame) noexcept;

 private:
  struct track_line {
    bool has_last = false;
    time_point last_raw{};  ///< as the source stamped it
    time_point last{};      ///< as placed
    duration step{};        ///< last regular distance
    duration raw_step{};    ///< last distance of any kind
    duration shift{};
  };

  bool is_jump(const track_line& track, time_point raw) const noexcept;
  bool fits(const track_line& track, time_point candidate) const noexcept;
  duration continued_shift(const track_line& track, const track_line& other, time_point raw) const noexcept;

  std::array<track_line, 2> m_tracks{};
  time_point m_newest{};  ///< the furthest placed dts of both tracks
};

}  // namespace campush
