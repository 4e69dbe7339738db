#include "rtmp/stream_timeline.h"

#include <algorithm>

namespace campush {
namespace {

using std::chrono::milliseconds;

constexpr duration jump_limit = std::chrono::seconds(1);
// A track whose first frame is further from the other one is of another clock; one that begins late is not.
constexpr duration other_clock_limit = std::chrono::seconds(10);
constexpr duration correction = milliseconds(1);
// How far a track may be set back to stay with the other one: its next frames are moved by a millisecond each until it is there.
constexpr duration set_back_limit = milliseconds(200);

time_point whole_ms(time_point exact) noexcept {
  return std::chrono::round<milliseconds>(exact);
}

}  // namespace

bool stream_timeline::is_jump(const track_line& track, time_point raw) const noexcept {
  const time_point placed = raw + track.shift;
  if (!track.has_last) return m_newest != time_point{} && std::chrono::abs(placed - m_newest) > other_clock_limit;
  if (placed < track.last - jump_limit) return true;
  const duration raw_step = raw - track.last_raw;
  return placed > m_newest + jump_limit && raw_step > std::max(jump_limit, 2 * track.raw_step);
}

bool stream_timeline::fits(const track_line& track, time_point candidate) const noexcept {
  if (track.has_last && candidate <= track.last - set_back_limit) return false;
  return candidate > m_newest - jump_limit && candidate < m_newest + jump_limit;
}

/// The shift that lets time continue: the other track's, or else one that puts the frame right behind all before it.
duration stream_timeline::continued_shift(const track_line& track, const track_line& other,
                                          time_point raw) const noexcept {
  if (other.has_last && fits(track, raw + other.shift)) return other.shift;
  const time_point next = track.has_last ? track.last + std::max(track.step, correction) : m_newest;
  return std::max(next, m_newest) - raw;
}

timeline_place stream_timeline::place(const media_frame& frame) noexcept {
  const bool is_audio = frame.track() == track_kind::audio;
  track_line& track = m_tracks[is_audio ? 1 : 0];
  const track_line& other = m_tracks[is_audio ? 0 : 1];
  timeline_place result;

  if (is_jump(track, frame.dts)) {
    track.shift = continued_shift(track, other, frame.dts);
    result.is_reanchored = true;
  } else if (track.has_last && other.has_last && other.shift != track.shift && fits(track, frame.dts + other.shift)) {
    // They are of one clock after all: what looked like a jump was a pause of both, or of the thread that hands them on.
    track.shift = other.shift;
  }

  result.dts = whole_ms(frame.dts + track.shift);
  result.pts = frame.pts + track.shift;
  if (track.has_last && result.dts <= track.last) {
    result.dts = track.last + correction;
    result.is_corrected = true;
  }
  if (track.has_last) {
    track.raw_step = frame.dts - track.last_raw;
    if (!result.is_reanchored) track.step = std::min(result.dts - track.last, jump_limit);
  }
  track.has_last = true;
  track.last_raw = frame.dts;
  track.last = result.dts;
  m_newest = std::max(m_newest, result.dts);
  return result;
}

}  // namespace campush
