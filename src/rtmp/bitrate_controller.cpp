#include "rtmp/bitrate_controller.h"

#include <algorithm>

namespace campush {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr duration least_window = seconds(1);
constexpr duration longest_window = seconds(10);
constexpr duration congested_delay = milliseconds(250), clean_delay = milliseconds(125);
/// Delivery under what the encoder makes for so long; a rise of the round trip alone ends sooner.
constexpr duration short_for = seconds(3);
constexpr uint64_t short_percent = 90;
/// What waits shrinks when so much more was delivered than came in.
constexpr uint64_t draining_percent = 105;
constexpr uint64_t lowered_percent = 85;

constexpr duration raise_every = seconds(5);
constexpr uint32_t raise_percent = 8;
constexpr duration blamed_for = seconds(15);
constexpr duration least_hold = seconds(10), longest_hold = seconds(60);
/// A line that shows no sign of being full is tried again after this: it may have recovered, and shall be full again in a minute.
constexpr duration hold_of_wide_open = seconds(10);
constexpr duration wide_open_delay = milliseconds(50);
constexpr uint32_t hurt_percent = 95;
constexpr duration shortest_for = seconds(30);

constexpr duration remembered_for = seconds(60);
constexpr uint32_t least_floor_kbps = 150, floor_percent = 25;

constexpr duration obeys_within = seconds(5), disobeyed_for = seconds(10), obedience_window = seconds(4);
constexpr uint64_t disobeyed_percent = 130, obeyed_percent = 115;

uint64_t minus(uint64_t left, uint64_t right) noexcept {
  return left > right ? left - right : 0;
}

/// bits a millisecond
uint64_t kbps_of(uint64_t bytes, duration span) noexcept {
  return span.count() > 0 ? bytes * 8000 / static_cast<uint64_t>(span.count()) : 0;
}

}  // namespace

uint32_t usual_floor_kbps(uint32_t ceiling_kbps) noexcept {
  if (ceiling_kbps == 0) return least_floor_kbps;
  return std::min(ceiling_kbps, std::max(least_floor_kbps, ceiling_kbps / 100 * floor_percent));
}

bitrate_controller::bitrate_controller(const bitrate_bounds& bounds) noexcept
    : m_configured(bounds.ceiling_kbps), m_ceiling(bounds.ceiling_kbps), m_target(bounds.ceiling_kbps) {
  m_floor = bounds.floor_kbps > 0 ? std::min(m_configured, bounds.floor_kbps) : usual_floor_kbps(m_configured);
}

void bitrate_controller::begin(time_point now, duration grace) noexcept {
  const bool is_soon = m_last_sample != time_point{} && now - m_last_sample < remembered_for;
  if (!is_soon) m_ceiling = m_target = m_configured;
  m_count = 0;
  m_judged_from = m_clean_since = now + grace;
  m_changed_at = time_point{};
  m_short_since = m_raised_at = m_hurt_until = m_disobeyed_since = time_point{};
  m_hurt_kbps = m_hurts = 0;
  m_shortest = m_shortest_before = duration::max();
  m_shortest_since = m_asked_at = now;
}

void bitrate_controller::lower_ceiling(uint32_t kbps, time_point now) noexcept {
  m_last_sample = now;
  m_ceiling = std::clamp(kbps, m_floor, m_ceiling);
  m_target = std::min(m_target, m_ceiling);
}

void bitrate_controller::sample(time_point now, const bitrate_sample& seen) noexcept {
  if (!is_enabled()) return;
  m_last_sample = now;
  m_points[m_next] = {now, seen};
  m_next = (m_next + 1) % history;
  m_count = std::min(m_count + 1, history);
  judge_obedience(now);
  follow_round_trip(now, seen.rtt);
  if (seen.is_starting) m_judged_from = m_clean_since = std::max(now, m_judged_from);
  const duration window = std::clamp<duration>(2 * seen.rtt, least_window, longest_window);
  view last;
  if (!look(now, window, last)) return;
  switch (judge(now, last, window)) {
    case verdict::unknown: break;
    case verdict::clean: raise(now, seen.asked_kbps); break;
    case verdict::neutral: m_clean_since = now; break;
    case verdict::congested:
      m_clean_since = now;
      if (now - m_changed_at >= 2 * window) lower(now, last, window);
      break;
  }
}

/// The newest sample that is not younger than `at`; null if there is none in the history.
const bitrate_controller::point* bitrate_controller::before(time_point at) const noexcept {
  for (size_t back = 1; back <= m_count; ++back) {
    const point& each = m_points[(m_next + history - back) % history];
    if (each.at <= at) return &each;
  }
  return nullptr;
}

bool bitrate_controller::look(time_point now, duration window, view& out) const noexcept {
  const point* first = before(now - window);
  if (first == nullptr || first->at < m_judged_from) return false;
  const point& last = *before(now);
  out.smallest_delay = out.smallest_way = duration::max();
  for (size_t back = 1; back <= m_count; ++back) {
    const point& each = m_points[(m_next + history - back) % history];
    if (each.at < first->at) break;
    out.smallest_delay = std::min(out.smallest_delay, each.seen.queue_delay);
    out.smallest_way = std::min(out.smallest_way, each.seen.queue_delay + excess(each.seen.rtt));
  }
  out.accepted = minus(last.seen.accepted_bytes, first->seen.accepted_bytes);
  out.acknowledged = minus(last.seen.acknowledged_bytes, first->seen.acknowledged_bytes);
  out.video = minus(last.seen.offered_video_bytes, first->seen.offered_video_bytes);
  out.audio = minus(last.seen.offered_audio_bytes, first->seen.offered_audio_bytes);
  out.unsendable = minus(last.seen.unsendable_bytes, first->seen.unsendable_bytes);
  out.has_drops = last.seen.congestion_drops > first->seen.congestion_drops;
  out.span = last.at - first->at;
  return true;
}

bitrate_controller::verdict bitrate_controller::judge(time_point now, const view& seen, duration window) noexcept {
  // A line that carries nothing at all tells no rate: it recovers, or liveness ends the connection.
  if (seen.acknowledged == 0) m_short_since = time_point{};
  if (seen.acknowledged == 0) return verdict::neutral;
  const bool is_short = seen.acknowledged * 100 < minus(seen.video + seen.audio, seen.unsendable) * short_percent;
  if (!is_short) m_short_since = time_point{};
  if (is_short && m_short_since == time_point{}) m_short_since = now;
  // While the queue is empty and waits for a keyframe nothing is delivered, and nothing is learned.
  const bitrate_sample& newest = before(now)->seen;
  const bool is_dropping = seen.has_drops && !newest.is_pausing && newest.queue_delay > clean_delay;
  const duration patience = is_dropping ? window : std::max(short_for, 2 * window);
  if (is_short && now - m_short_since >= patience) return verdict::congested;
  if (seen.smallest_delay > congested_delay) {
    const bool is_draining = seen.acknowledged * 100 > seen.accepted * draining_percent;
    return is_draining || newest.is_pausing ? verdict::neutral : verdict::congested;
  }
  return seen.smallest_way <= clean_delay ? verdict::clean : verdict::neutral;
}

void bitrate_controller::follow_round_trip(time_point now, duration rtt) noexcept {
  if (now - m_shortest_since >= shortest_for) {
    m_shortest_before = m_shortest;
    m_shortest = rtt;
    m_shortest_since = now;
  }
  m_shortest = std::min(m_shortest, rtt);
}

duration bitrate_controller::excess(duration rtt) const noexcept {
  return std::max(rtt - std::min(m_shortest, m_shortest_before), duration::zero());
}

/// Not even a keyframe had to wait lately.
bool bitrate_controller::is_wide_open(time_point now) const noexcept {
  for (size_t back = 1; back <= m_count; ++back) {
    const point& each = m_points[(m_next + history - back) % history];
    if (now - each.at > raise_every) return true;
    if (each.seen.queue_delay + excess(each.seen.rtt) > wide_open_delay) return false;
  }
  return false;
}

/// Where several sessions share the encoder it may run lower than this one wants.
uint32_t bitrate_controller::running_kbps(uint32_t asked_kbps) const noexcept {
  return asked_kbps > 0 ? std::min(m_target, asked_kbps) : m_target;
}

/// Of pictures. Behind a drop the line runs empty for a while: the best window of the time that delivery has been short tells
/// what it carries.
uint64_t bitrate_controller::delivered_kbps(time_point now, duration window) const noexcept {
  uint64_t best = 0;
  const time_point recent = now - std::max(short_for, 2 * window);
  const time_point since =
      m_short_since == time_point{} ? now - window : std::min(std::max(m_short_since, recent), now - window);
  for (time_point end = now; end - window >= since; end -= window / 4) {
    const point* first = before(end - window);
    const point* last = before(end);
    if (first == nullptr || last == nullptr || first == last) break;
    const uint64_t bytes = minus(last->seen.acknowledged_bytes, first->seen.acknowledged_bytes);
    const uint64_t sound = minus(last->seen.offered_audio_bytes, first->seen.offered_audio_bytes);
    best = std::max(best, kbps_of(minus(bytes, sound), last->at - first->at));
  }
  return best;
}

void bitrate_controller::lower(time_point now, const view& seen, duration window) noexcept {
  const uint32_t running = running_kbps(m_asked);
  uint64_t wanted = std::min<uint64_t>(delivered_kbps(now, window) * lowered_percent / 100, running);
  // What an encoder that does not listen sends says nothing of the rates below.
  const bool is_followed = kbps_of(seen.video, seen.span) * 100 <= uint64_t{running} * obeyed_percent;
  if (is_followed) wanted = std::min<uint64_t>(wanted, uint64_t{running} * lowered_percent / 100);
  if (wanted >= m_target) return;
  const bool is_raise_to_blame = m_raised_at != time_point{} && now - m_raised_at < blamed_for;
  if (is_raise_to_blame) {
    m_hurt_kbps = m_hurt_kbps > 0 ? std::min(m_hurt_kbps, running) : running;
    m_hurt_until = now + std::min(longest_hold, least_hold * (1 << std::min(m_hurts++, 3u)));
    m_hurt_at = now;
  } else {
    m_hurt_kbps = m_hurts = 0;
  }
  m_raised_at = m_short_since = time_point{};
  m_target = std::clamp(static_cast<uint32_t>(wanted), m_floor, m_ceiling);
  m_changed_at = now;
}

void bitrate_controller::raise(time_point now, uint32_t asked_kbps) noexcept {
  if (now - m_clean_since < raise_every || now - m_changed_at < raise_every || m_target >= m_ceiling) return;
  // While another session holds the encoder lower, nothing is known of the rates above.
  if (asked_kbps > 0 && uint64_t{asked_kbps} * 104 < uint64_t{m_target} * 100) return;
  const uint32_t step = std::max(1u, m_configured * raise_percent / 100);
  // Half a step is not worth another wait.
  const uint32_t next = m_ceiling - m_target <= step + step / 2 ? m_ceiling : m_target + step;
  if (m_hurt_kbps > 0 && m_target >= m_hurt_kbps) m_hurt_kbps = m_hurts = 0;
  const bool is_feared = m_hurt_kbps > 0 && uint64_t{next} * 100 >= uint64_t{m_hurt_kbps} * hurt_percent;
  const bool may_try = now >= m_hurt_until || (now - m_hurt_at >= hold_of_wide_open && is_wide_open(now));
  if (is_feared && !may_try) return;
  m_target = next;
  m_changed_at = m_raised_at = now;
}

void bitrate_controller::judge_obedience(time_point now) noexcept {
  const bitrate_sample& seen = before(now)->seen;
  if (seen.asked_kbps != m_asked) {
    m_asked = seen.asked_kbps;
    m_asked_at = now;
    m_disobeyed_since = time_point{};
  }
  const point* first = before(now - obedience_window);
  if (m_asked == 0 || first == nullptr || now - m_asked_at < obeys_within) return;
  const uint64_t video = minus(seen.offered_video_bytes, first->seen.offered_video_bytes);
  const uint64_t made_percent = kbps_of(video, now - first->at) * 100 / m_asked;
  if (made_percent <= obeyed_percent) m_is_obeyed = true;
  if (made_percent <= disobeyed_percent) {
    m_disobeyed_since = time_point{};
  } else if (m_disobeyed_since == time_point{}) {
    m_disobeyed_since = now;
  }
  if (m_disobeyed_since != time_point{} && now - m_disobeyed_since >= disobeyed_for) m_is_obeyed = false;
}

}  // namespace campush
