#include "rtmp/send_queue.h"

#include <algorithm>
#include <utility>

namespace campush {

namespace {

constexpr size_t first_slots = 64;
/// The kernel's part of the delay is an estimate: a rate of nearly nothing, sampled in a pause, must not become an hour.
constexpr duration longest_kernel_delay = std::chrono::seconds(10);
/// The share of the grace (two of its ten round trips) in which an empty queue tells nothing: TCP has hardly begun.
constexpr int settling_share = 5;
/// Less than what TCP hears of in so long is no sign of congestion. Halves of a round trip.
constexpr int warning_half_trips = 3, high_half_trips = 5, flush_half_trips = 10;
/// Slow start takes seven or eight round trips to carry 4 Mbit/s and what has piled up.
constexpr int start_round_trips = 10;
/// Waiting is no longer live beyond this, whatever the way.
constexpr duration longest_round_trip = std::chrono::seconds(1);

}  // namespace

frame_kind kind_of(const flv_tag& tag) noexcept {
  if (!tag.is_video_track()) return frame_kind::audio;
  if (tag.is_keyframe || tag.is_header()) return frame_kind::key;
  return tag.is_disposable ? frame_kind::disposable : frame_kind::inter;
}

uint64_t drop_counters::total() const noexcept {
  uint64_t sum = 0;
  for (const auto& row : count) {
    for (uint64_t value : row) sum += value;
  }
  return sum;
}

send_queue::send_queue(const queue_limits& limits, video_dialect dialect)
    : m_limits(limits), m_dialect(dialect), m_slots(first_slots) {}

void send_queue::set_way(const way& seen) noexcept {
  m_round_trip = std::min(seen.shortest_rtt, longest_round_trip);
  m_pause = seen.pause;
  const duration most = start_round_trips * m_round_trip;
  m_window_limited = std::min(seen.window_limited.value_or(most), most);
}

void send_queue::begin(time_point now, duration grace) {
  m_has_time_levels = false;
  m_drains_from = now + grace / settling_share;
  m_grace_until = now + grace;
  m_kernel_bytes = 0;
  m_drain_bytes_per_s = 0;
  m_passes_gop = false;
  m_wants_keyframe = false;
  if (empty()) m_waits_for_keyframe = true;
  m_level = queue_level::normal;
  settle();
}

void send_queue::clear() noexcept {
  remove_if(drop_reason::not_connected, [](const entry&) { return true; });
  for (size_t i = 0; i < m_size; ++i) slot(i).tag.reset();
  m_size = 0;
  m_bytes = 0;
  m_level = queue_level::normal;
  m_waits_for_keyframe = true;
  m_passes_gop = false;
  m_wants_keyframe = false;
}

void send_queue::reset(const queue_limits& limits, video_dialect dialect) noexcept {
  clear();
  m_limits = limits;
  m_dialect = dialect;
  m_has_time_levels = true;
  m_kernel_bytes = m_drain_bytes_per_s = 0;
  set_way({});
  m_dropped = {};
}

bool send_queue::push(const tag_ptr& tag, time_point now, bool refers_past_keyframe) {
  if (!m_has_time_levels && now >= m_grace_until + m_window_limited) m_has_time_levels = true;
  settle();
  const bool is_frame = tag->kind == tag_kind::video || tag->kind == tag_kind::audio;
  const frame_kind kind = kind_of(*tag);
  if (refers_past_keyframe && m_starts_at_keyframe) {
    count_leading_drop(*tag, drop_reason::broken_reference);
    return false;
  }
  if (const auto why = is_frame ? reason_to_refuse(kind) : std::nullopt) {
    count_drop(*tag, *why);
    return false;
  }
  if (is_frame && kind == frame_kind::key) take_keyframe();
  const time_point time = is_frame || m_size == 0 ? tag->dts : slot(m_size - 1).time;
  append({tag, time, static_cast<uint32_t>(tag->payload_bytes(m_dialect)), kind, is_frame, refers_past_keyframe});
  settle();
  return true;
}

std::optional<drop_reason> send_queue::reason_to_refuse(frame_kind kind) const noexcept {
  if (m_level == queue_level::critical) return drop_reason::congestion;
  if (kind == frame_kind::key || kind == frame_kind::audio) return std::nullopt;
  const bool is_congested = m_level >= queue_level::warning && !m_passes_gop;
  if (kind == frame_kind::disposable && is_congested) return drop_reason::disposable;
  if (m_waits_for_keyframe) return is_congested ? drop_reason::congestion : drop_reason::broken_reference;
  if (m_level >= queue_level::high || (is_congested && is_over_warning())) return drop_reason::congestion;
  return std::nullopt;
}

/// At `warning` a GOP that starts after a drop passes whole: without that, a queue that hovers at the bound would send
/// the beginning of each GOP and never the rest.
void send_queue::take_keyframe() noexcept {
  m_passes_gop = m_waits_for_keyframe && m_level == queue_level::warning;
  m_starts_at_keyframe = m_waits_for_keyframe;
  m_waits_for_keyframe = false;
  m_wants_keyframe = false;
}

bool send_queue::is_far_start() const noexcept {
  return !m_has_time_levels && start_round_trips * m_round_trip > m_limits.flush_time;
}

/// Slow start on a path of 600 ms lets 4 Mbit/s pile up to 1.3 MB before it carries them, and 2 MB where the receiver's window
/// opens late.
uint64_t send_queue::high_bytes() const noexcept {
  return is_far_start() ? m_limits.high_bytes + (m_limits.critical_bytes - m_limits.high_bytes) / 2
                        : m_limits.high_bytes;
}

uint64_t send_queue::warning_bytes() const noexcept {
  return m_has_time_levels ? m_limits.warning_bytes : high_bytes();
}

duration send_queue::warning_time() const noexcept {
  return std::max(m_limits.warning_time, warning_half_trips * m_round_trip / 2) + m_pause;
}

duration send_queue::high_time() const noexcept {
  return std::max(m_limits.high_time, high_half_trips * m_round_trip / 2) + m_pause;
}

duration send_queue::flush_time() const noexcept {
  const int half_trips = is_far_start() ? 2 * start_round_trips : flush_half_trips;
  return std::max(m_limits.flush_time, half_trips * m_round_trip / 2);
}

bool send_queue::is_over_warning() const noexcept {
  return m_bytes >= warning_bytes() || (m_has_time_levels && queue_delay() >= warning_time());
}

void send_queue::append(entry added) {
  if (m_size == m_slots.size()) grow();
  m_bytes += added.bytes;
  slot(m_size) = std::move(added);
  count_in(m_size++);
}

void send_queue::grow() {
  std::vector<entry> larger(m_slots.size() * 2);
  for (size_t i = 0; i < m_size; ++i) larger[i] = std::move(slot(i));
  m_slots = std::move(larger);
  m_head = 0;
}

void send_queue::pop() noexcept {
  if (m_size == 0) return;
  entry& first = slot(0);
  m_bytes -= first.bytes;
  if (first.is_frame) {
    --m_frames;
    if (first.kind != frame_kind::audio) --m_pictures;
    if (first.kind == frame_kind::disposable) --m_disposables;
    if (m_has_keyframe && m_frames_before_keyframe == 0) {
      m_has_keyframe = false;
    } else if (m_has_keyframe) {
      --m_frames_before_keyframe;
    }
  }
  first.tag.reset();
  m_head = (m_head + 1) & (m_slots.size() - 1);
  --m_size;
  set_level(measure());
}

void send_queue::set_kernel_unsent(uint64_t bytes, uint64_t drain_bytes_per_s, time_point now) noexcept {
  // What the kernel has swallowed is not sent: it takes the first 128 KiB at once, however long the way.
  if (empty() && bytes == 0 && now >= m_drains_from) m_has_time_levels = true;
  m_kernel_bytes = bytes;
  m_drain_bytes_per_s = drain_bytes_per_s;
  settle();
}

duration send_queue::queued_time() const noexcept {
  return m_size > 1 ? std::max(slot(m_size - 1).time - slot(0).time, duration::zero()) : duration::zero();
}

duration send_queue::queue_delay() const noexcept {
  const duration delay = queued_time();
  if (m_kernel_bytes == 0 || m_drain_bytes_per_s == 0) return delay;
  const double seconds = static_cast<double>(m_kernel_bytes) / static_cast<double>(m_drain_bytes_per_s);
  const duration kernel(static_cast<int64_t>(std::min(seconds, 3600.0) * 1e6));
  return delay + std::min(kernel, longest_kernel_delay);
}

queue_level send_queue::measure() const noexcept {
  struct bound {
    queue_level level;
    uint64_t bytes;
    duration time;
  };
  const bound bounds[] = {{queue_level::critical, m_limits.critical_bytes, duration::max()},
                          {queue_level::high, high_bytes(), high_time()},
                          {queue_level::warning, warning_bytes(), warning_time()}};
  const duration delay = m_has_time_levels ? queue_delay() : duration::zero();
  for (const bound& row : bounds) {
    const bool is_inside = m_level >= row.level;
    const bool holds = is_inside ? m_bytes > row.bytes / 2 || delay > row.time / 2
                                 : m_bytes >= row.bytes || (m_has_time_levels && delay >= row.time);
    if (holds) return row.level;
  }
  return queue_level::normal;
}

/// Brings the level in line with what is queued. Sweeps only on the way up, and a flush only where it removes something.
void send_queue::settle() noexcept {
  // The kernel's rate says nothing while TCP still feels its way.
  const duration waiting = m_has_time_levels ? queue_delay() : queued_time();
  const bool did_flush = m_frames > 0 && waiting >= flush_time() && flush();
  set_level(measure());
  if (did_flush && m_waits_for_keyframe && m_level == queue_level::normal) m_wants_keyframe = true;
  if (m_level >= queue_level::warning && m_disposables > 0 && !m_passes_gop) {
    remove_if(drop_reason::disposable, [](const entry& e) { return e.kind == frame_kind::disposable; });
    set_level(measure());
  }
}

void send_queue::set_level(queue_level measured) noexcept {
  const bool is_back = m_level != queue_level::normal && measured == queue_level::normal;
  m_level = measured;
  if (m_level >= queue_level::high) m_passes_gop = false;
  if (is_back && m_waits_for_keyframe) m_wants_keyframe = true;
}

/// Jumps to the newest queued keyframe. Where none is queued the pictures go, and of the sound what is older than half a `warning`: else
/// a stream of sound alone could fall minutes behind before its bytes matter.
bool send_queue::flush() noexcept {
  if (m_has_keyframe) {
    if (m_frames_before_keyframe == 0) return false;
    size_t left = m_frames_before_keyframe;
    m_starts_at_keyframe = true;
    remove_if(drop_reason::flush, [&left](const entry& e) {
      if (left == 0) return e.refers_past_keyframe;
      --left;
      return true;
    });
    return true;
  }
  const time_point keep_from = slot(m_size - 1).time - m_limits.warning_time / 2;
  if (m_pictures == 0 && slot(0).time >= keep_from) return false;
  if (m_pictures > 0) m_waits_for_keyframe = true;
  remove_if(drop_reason::flush,
            [keep_from](const entry& e) { return e.kind != frame_kind::audio || e.time < keep_from; });
  return true;
}

/// Takes every unwanted frame out and closes the gaps; headers are not asked about. Order is kept.
template <class Predicate>
void send_queue::remove_if(drop_reason reason, Predicate is_unwanted) noexcept {
  const size_t before = std::exchange(m_size, 0);
  m_frames = m_pictures = m_disposables = m_frames_before_keyframe = 0;
  m_has_keyframe = false;
  for (size_t i = 0; i < before; ++i) {
    entry& next = slot(i);
    if (next.is_frame && is_unwanted(next)) {
      m_bytes -= next.bytes;
      m_dropped.add(next.kind, reason);
      next.tag.reset();
      continue;
    }
    if (m_size != i) slot(m_size) = std::move(next);
    count_in(m_size++);
  }
}

/// Takes the frame at `index`, the last one, into the counts.
void send_queue::count_in(size_t index) noexcept {
  const entry& added = slot(index);
  if (!added.is_frame) return;
  for (size_t i = index; i > 0 && !slot(i - 1).is_frame; --i) slot(i - 1).time = added.time;
  if (added.kind == frame_kind::key) {
    m_has_keyframe = true;
    m_frames_before_keyframe = m_frames;
  }
  ++m_frames;
  if (added.kind != frame_kind::audio) ++m_pictures;
  if (added.kind == frame_kind::disposable) ++m_disposables;
}

void send_queue::count_drop(const flv_tag& tag, drop_reason reason) noexcept {
  const frame_kind kind = kind_of(tag);
  m_dropped.add(kind, reason);
  if (kind == frame_kind::key || kind == frame_kind::inter) m_waits_for_keyframe = true;
}

bool send_queue::take_keyframe_wish() noexcept {
  return std::exchange(m_wants_keyframe, false);
}

}  // namespace campush
