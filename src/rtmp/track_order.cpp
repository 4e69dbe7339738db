#include "rtmp/track_order.h"

#include <algorithm>

namespace campush {
namespace {

constexpr duration lag_memory = std::chrono::seconds(5);
// 200 ms of the densest track that makes sense (120 pictures/s, or sound in frames of 2.5 ms) with room to spare.
constexpr size_t held_at_most = 128;

}  // namespace

track_order::track_order(duration interleave) : m_interleave(interleave) {
  for (track_state& track : m_tracks) track.ring.resize(held_at_most);
}

void track_order::push(ordered_tag item, time_point now) noexcept {
  const bool is_audio = item.tag->is_audio_track();
  track_state& track = m_tracks[is_audio ? 1 : 0];
  track_state& other = m_tracks[is_audio ? 0 : 1];
  m_is_flushing = false;

  const time_point dts = item.tag->dts;
  const duration inversion = other.has_arrived ? other.newest - dts : duration::zero();
  if (inversion > duration::zero() && inversion <= m_interleave) track.lags_until = now + lag_memory;
  track.has_arrived = true;
  track.newest = dts;
  track.arrived_at = now;

  held_tag& slot = track.ring[(track.first + track.count) % held_at_most];
  slot.item = std::move(item);
  slot.deadline = now + m_interleave;
  ++track.count;
}

bool track_order::may_leave(const track_state& track, const track_state& other, time_point now) const noexcept {
  if (m_is_flushing || other.count > 0 || !other.has_arrived) return true;
  if (track.count == held_at_most || track.front().deadline <= now) return true;
  return other.newest >= track.front().item.tag->dts || other.lags_until <= now;
}

bool track_order::pop(ordered_tag& out, time_point now) noexcept {
  track_state* track = &m_tracks[0];
  track_state* other = &m_tracks[1];
  if (track->count == 0 || (other->count > 0 && other->front().item.tag->dts < track->front().item.tag->dts)) {
    std::swap(track, other);
  }
  if (track->count == 0 || !may_leave(*track, *other, now)) return false;
  // Nothing came of the other track for as long as this tag waited: it is silent, which is not the same as late.
  if (track->front().deadline <= now && other->arrived_at + m_interleave <= now) other->lags_until = now;
  leave(*track, out);
  return true;
}

void track_order::leave(track_state& track, ordered_tag& out) noexcept {
  out = std::move(track.ring[track.first].item);
  track.first = (track.first + 1) % held_at_most;
  --track.count;

  time_point dts = out.tag->dts;
  if (m_has_left) dts = std::max(dts, m_last_left);
  if (track.has_left) dts = std::max<time_point>(dts, track.last_left + std::chrono::milliseconds(1));
  if (dts != out.tag->dts) {
    retime(*out.tag, dts);
    ++m_corrections;
  }
  m_has_left = track.has_left = true;
  m_last_left = track.last_left = dts;
}

std::optional<time_point> track_order::next_due() const noexcept {
  std::optional<time_point> due;
  for (size_t i = 0; i < m_tracks.size(); ++i) {
    if (m_tracks[i].count == 0) continue;
    const time_point leaves = std::min(m_tracks[i].front().deadline, m_tracks[1 - i].lags_until);
    due = due ? std::min(*due, leaves) : leaves;
  }
  return due;
}

}  // namespace campush
