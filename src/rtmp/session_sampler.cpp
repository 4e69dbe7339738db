#include "rtmp/session_sampler.h"

#include <algorithm>

namespace campush {

namespace {

constexpr duration healthy_within = std::chrono::seconds(2);
/// On shorter ways a pause of TCP hides in a sample or two.
constexpr duration least_paused_way = std::chrono::milliseconds(200);
/// In a pause BBR sends this much in each round trip.
constexpr uint64_t silent_bytes = 4 * 1460;

/// Two round trips, and something for a busy machine.
duration longest_pause(duration round_trip) noexcept {
  return round_trip * 5 / 2 + session_sampler::period;
}

uint64_t per_second(uint64_t amount, duration elapsed) noexcept {
  return elapsed.count() > 0 ? amount * 1'000'000 / static_cast<uint64_t>(elapsed.count()) : 0;
}

uint64_t minus(uint64_t left, uint64_t right) noexcept {
  return left > right ? left - right : 0;
}

}  // namespace

void session_sampler::begin(time_point now, const stream_counters& counters) noexcept {
  *this = session_sampler(m_ack_stall);
  m_begin = m_last_progress = now;
  m_offset = m_written = counters.bytes_written;
  m_acknowledged = minus(counters.bytes_written, counters.unacked_bytes.value_or(0));
  take_kernel_truth(counters);
  m_points[0] = {now, m_written, minus(m_written, counters.unsent_bytes.value_or(0)), 0, false};
  m_point_count = 1;
}

void session_sampler::take_kernel_truth(const stream_counters& counters) noexcept {
  m_rtt_us = counters.rtt_us.value_or(m_rtt_us);
  m_rtt_var_us = counters.rtt_var_us.value_or(m_rtt_var_us);
  m_delivery_rate = counters.delivery_rate_bps.value_or(m_delivery_rate);
  m_retransmits = counters.retransmits.value_or(m_retransmits);
  if (counters.window_limited_us) m_window_limited = std::chrono::microseconds(*counters.window_limited_us);
  if (counters.shortest_rtt_us) {
    m_shortest_rtt = std::chrono::microseconds(*counters.shortest_rtt_us);
  } else if (counters.rtt_us) {
    const duration rtt = std::chrono::microseconds(*counters.rtt_us);
    m_shortest_rtt = m_shortest_rtt == duration::zero() ? rtt : std::min(m_shortest_rtt, rtt);
  }
}

void session_sampler::on_sent(size_t wire_bytes, time_point capture_time, bool is_picture) noexcept {
  m_offset += wire_bytes;
  if (is_picture) ++m_frames;
  // Frames of before the connection (a replayed GOP) are old by intention: they say nothing about the way to the server.
  if (capture_time < m_begin) return;
  // A full ring means that nothing is acknowledged: the marks that wait are the interesting ones.
  if (m_mark_count == max_marks) return;
  m_marks[(m_first_mark + m_mark_count++) % max_marks] = {m_offset, capture_time};
}

void session_sampler::sample(time_point now, const stream_counters& counters, bool has_waiting_data,
                             bool is_drained) noexcept {
  m_written = counters.bytes_written;
  m_unsent = counters.unsent_bytes.value_or(0);
  take_kernel_truth(counters);
  const uint64_t in_kernel = counters.unacked_bytes.value_or(0);
  const uint64_t acknowledged = minus(m_written, in_kernel);
  const bool is_waiting = has_waiting_data || in_kernel > 0;
  if (acknowledged > m_acknowledged) m_last_acknowledged = now;
  if (acknowledged > m_acknowledged || !is_waiting) m_last_progress = now;
  m_acknowledged = std::max(m_acknowledged, acknowledged);
  m_is_stalled = now - m_last_progress >= m_ack_stall;
  m_is_healthy = m_last_acknowledged != time_point{} && now - m_last_acknowledged < healthy_within;
  update_latency(now);
  // The offsets of the marks are reckoned from payload sizes; whenever nothing is held back they are put right.
  if (is_drained) m_offset = m_written;
  update_rates(now);
}

void session_sampler::update_latency(time_point now) noexcept {
  time_point newest{};
  while (m_mark_count > 0 && m_marks[m_first_mark].end_offset <= m_acknowledged) {
    newest = m_marks[m_first_mark].capture_time;
    m_first_mark = (m_first_mark + 1) % max_marks;
    --m_mark_count;
  }
  if (newest == time_point{} || now < newest) return;
  const auto age = static_cast<uint64_t>((now - newest).count());
  m_latency_us = m_latency_us == 0 ? age : m_latency_us - m_latency_us / 8 + age / 8;
}

/// From the point before `index` to it the kernel had what it did not send.
bool session_sampler::is_silent(size_t index) const noexcept {
  const point &from = m_points[index - 1], &to = m_points[index];
  return from.has_unsent && to.has_unsent && minus(to.sent, from.sent) <= silent_bytes;
}

void session_sampler::update_pause() noexcept {
  m_pause = duration::zero();
  if (m_shortest_rtt < least_paused_way) return;
  duration silence{};
  for (size_t i = 1; i < m_point_count; ++i) {
    if (is_silent(i)) silence += m_points[i].at - m_points[i - 1].at;
  }
  const duration longest = longest_pause(m_shortest_rtt);
  // It begins and ends somewhere between two samples.
  if (silence > duration::zero() && silence <= longest) m_pause = std::min(silence + 2 * period, longest);
}

void session_sampler::update_drain_rate() noexcept {
  const size_t last = m_point_count - 1;
  size_t first = last;
  uint64_t sent = 0;
  duration elapsed{};
  for (; first > 0 && last - first + 1 < last_second; --first) {
    const point &from = m_points[first - 1], &to = m_points[first];
    if (!from.has_unsent || !to.has_unsent) break;
    if (m_pause > duration::zero() && is_silent(first)) continue;
    sent += minus(to.sent, from.sent);
    elapsed += to.at - from.at;
  }
  if (elapsed > duration::zero()) {
    m_drain_rate = per_second(sent, elapsed);
  } else if (first == last) {
    // What a source that pauses sends says only that the kernel can send at least that.
    const point& since = m_points[last - 1];
    m_drain_rate =
        std::max(m_drain_rate, per_second(minus(m_points[last].sent, since.sent), m_points[last].at - since.at));
  }
}

void session_sampler::update_rates(time_point now) noexcept {
  if (m_point_count == history) {
    std::move(m_points.begin() + 1, m_points.end(), m_points.begin());
    --m_point_count;
  }
  const point newest{now, m_written, minus(m_written, m_unsent), m_frames, m_unsent > 0};
  m_points[m_point_count++] = newest;
  const point& oldest = m_points[m_point_count - std::min(m_point_count, last_second)];
  const duration elapsed = now - oldest.at;
  m_bitrate_current = per_second(8 * minus(newest.written, oldest.written), elapsed);
  update_pause();
  update_drain_rate();
  m_frames_per_second = static_cast<double>(per_second(1000 * (newest.frames - oldest.frames), elapsed)) / 1000;
  m_bitrate_average = per_second(8 * m_written, now - m_begin);
  // Less than a whole second says nothing about the best second.
  if (m_point_count >= last_second) m_bitrate_peak = std::max(m_bitrate_peak, m_bitrate_current);
}

}  // namespace campush
