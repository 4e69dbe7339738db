#include <algorithm>

#include "rtmp/session.h"
#include "util/log.h"

namespace campush {

namespace {

/// Audio holds a connection whose video is silent; after so long without a sound it is silent too.
constexpr duration silent_after = std::chrono::seconds(4);
constexpr duration drain_at_most = std::chrono::seconds(10);
constexpr duration least_grace = std::chrono::seconds(5);
/// A keyframe that does not come is asked for again every 2 s.
constexpr uint64_t samples_between_requests = 10;

}  // namespace

void session::on_tag(const tag_ptr& tag, const std::shared_ptr<const stream_headers>& headers) {
  const time_point now = m_loop.now();
  if (tag->kind == tag_kind::audio) m_last_audio_at = now;
  const bool is_start = m_is_wanted && headers && is_start_tag(*tag, *headers);
  if (is_start && is_start_tag_awaited(*headers)) on_start_tag(*headers);
  if (!m_main || m_main->reached() == session_link::progress::starting) {
    return count_missed(*tag);
  }
  if (!m_feed.is_started()) {
    if (!is_start) return m_feed.count_drop(*tag, drop_reason::before_start);
    if (m_feed.is_too_big(*tag)) {
      m_feed.count_drop(*tag, drop_reason::too_big);
      return on_too_big(*tag, now);
    }
    settle_missed();
    start_feed(*tag, now);
  }
  if (m_feed.push(tag, headers, now) == session_feed::verdict::too_big) on_too_big(*tag, now);
  if (m_feed.queue().level() == queue_level::critical) {
    return on_main_failed(disconnect_reason::queue_critical, "more data waits than the queue may hold");
  }
  consider_publish(*m_main);
  flush();
}

bool session::is_start_tag(const flv_tag& tag, const stream_headers& headers) const noexcept {
  if (headers.video_codec == codec_id::none) return tag.kind == tag_kind::audio;
  return tag.kind == tag_kind::video && tag.is_keyframe;
}

bool session::is_refused_codec(const stream_headers& headers) const noexcept {
  return m_plan.form == hevc_form::refused && headers.video_codec == codec_id::h265;
}

bool session::is_start_tag_awaited(const stream_headers& headers) const noexcept {
  const bool is_disconnected = m_status.state == session_state::disconnected;
  if (is_disconnected && m_held != disconnect_reason::none) return true;
  const bool is_h265 = headers.video_codec == codec_id::h265;
  if (is_disconnected && m_status.reason == disconnect_reason::codec_refused && !is_h265) return true;
  if (m_probe || m_renewal != renewal::none) return true;
  return m_main && is_h265 && (is_refused_codec(headers) || m_tries_codec_again);
}

void session::on_start_tag(const stream_headers& headers) {
  if (m_status.state == session_state::disconnected) {
    if (m_held != disconnect_reason::none) return try_connect(true);
    // Every server refused H.265, and now it is something else.
    m_manager->end_wait();
    return on_retry_due();
  }
  const bool is_h265 = headers.video_codec == codec_id::h265;
  if (m_main && is_refused_codec(headers)) {
    leave(disconnect_reason::codec_refused, disconnect_reason::user_request);
    m_held = disconnect_reason::none;
    return hold(disconnect_reason::codec_refused);
  }
  if (m_tries_codec_again && is_h265) m_renewal = renewal::codec;
  if (m_probe && m_probe->is_published()) {
    switch_to_probe();
  } else if (m_renewal != renewal::none && m_status.state == session_state::connected) {
    renew();
  } else if (m_probe) {
    consider_publish(*m_probe);
  }
}

void session::start_feed(const flv_tag& first, time_point now) {
  m_feed.start(first.dts, now, least_grace);
  m_fed_at = now;
  begin_grace(now);
}

/// Once when the first tag waits, and again when the server takes media: only then the way is known.
void session::begin_grace(time_point now) {
  const duration grace = std::max<duration>(least_grace, 10 * std::chrono::microseconds(m_sampler.rtt_us()));
  m_feed.queue().set_way({m_sampler.shortest_rtt(), m_sampler.pause(), m_sampler.window_limited()});
  m_feed.queue().begin(now, grace);
  m_bitrate.begin(now, grace);
}

bool session::is_gop_usable() const noexcept {
  const std::vector<tag_ptr>& gop = m_stream->gop();
  if (gop.empty() || m_feed.is_too_big(*gop.front())) return false;
  size_t bytes = 0;
  for (const tag_ptr& tag : gop) bytes += tag->payload_bytes(m_feed.dialect());
  // A replay must not by itself fill the queue to the point where the connection is closed.
  return bytes < m_config.queue.critical_bytes / 2;
}

void session::start_from_gop() {
  const auto headers = m_stream->headers();
  const std::vector<tag_ptr>& gop = m_stream->gop();
  if (gop.empty() || !headers) return;
  const time_point now = m_loop.now();
  m_maybe_missed = {};
  start_feed(*gop.front(), now);
  for (const tag_ptr& tag : gop) {
    if (m_feed.push(tag, headers, now) == session_feed::verdict::too_big) on_too_big(*tag, now);
  }
}

void session::on_too_big(const flv_tag& tag, time_point now) {
  const uint64_t count = m_too_big.add(now);
  if (count == 0) return;
  const size_t bytes = tag.payload_bytes(m_feed.dialect());
  remember_error(disconnect_reason::none,
                 fmt::format("message_too_big: a picture of {} bytes is over max_message_bytes "
                             "({}) and was dropped",
                             bytes, m_config.max_message_bytes));
  log_warn(log_module::session, "{}: {} ({} times)", log_name(), m_status.last_error.view(), count);
  publish_status();
  lower_bitrate_for_size(now);
}

void session::flush() {
  if (!m_main || !m_main->is_published() || m_is_blocked) return;
  m_is_blocked = !m_feed.send(m_main->output(), m_sampler);
  if (m_feed.queue().take_keyframe_wish()) m_stream->request_keyframe();
  check_drained();
}

void session::check_drained() {
  if (!m_is_draining || !m_main) return;
  const bool is_drained = m_feed.queue().empty() && m_main->output().is_drained();
  if (is_drained || m_loop.now() - m_draining_since >= drain_at_most) leave(disconnect_reason::source_ended);
}

void session::count_missed(const flv_tag& tag) noexcept {
  if (tag.is_keyframe || !m_holds_gop) settle_missed();
  ++m_maybe_missed[static_cast<size_t>(kind_of(tag))];
}

void session::settle_missed() noexcept {
  for (size_t i = 0; i < frame_kind_count; ++i) m_missed[i] += m_maybe_missed[i];
  m_maybe_missed = {};
}

bool session::is_silent(time_point now) const noexcept {
  const auto headers = m_stream->headers();
  const bool has_audio_beside = headers && headers->audio_codec != codec_id::none &&
                                headers->video_codec != codec_id::none && m_last_audio_at != time_point{};
  return m_is_stalled && !(has_audio_beside && now - m_last_audio_at < silent_after);
}

void session::on_sample() {
  if (!m_main || !m_main->is_published()) return;
  m_sample_timer->arm_after(session_sampler::period);
  const time_point now = m_loop.now();
  const publisher& output = m_main->output();
  const bool has_waiting = !m_feed.queue().empty() || output.pending_bytes() > 0;
  m_sampler.sample(now, output.sample(), has_waiting, output.is_drained());
  m_feed.queue().set_way({m_sampler.shortest_rtt(), m_sampler.pause(), m_sampler.window_limited()});
  m_feed.queue().set_kernel_unsent(m_sampler.unsent_bytes(), m_sampler.drain_rate(), now);
  if (m_sampler.is_healthy() && m_feed.is_started()) note_healthy();
  if (!check_liveness(now)) return;
  adapt_bitrate(now);
  check_plans(now);
  publish_status();
  check_drained();
}

void session::note_healthy() {
  const bool was_stable = m_manager->is_stable();
  m_manager->on_healthy();
  if (!was_stable && m_manager->is_stable()) m_requests_in_a_row = 0;
}

bool session::check_liveness(time_point now) {
  if (m_sampler.is_stalled()) {
    on_main_failed(disconnect_reason::ack_stall, "the server acknowledged nothing while data waited");
    return false;
  }
  if (!is_silent(now)) return true;
  leave(disconnect_reason::source_stalled);
  return false;
}

void session::check_plans(time_point now) {
  if (m_config.max_session_age.count() > 0 && m_renewal == renewal::none && now - m_connected_at >= m_age_limit) {
    m_renewal = renewal::session_age;
    m_stream->request_keyframe();
  }
  const bool can_probe = m_manager->is_failback_due() && !m_probe && m_renewal == renewal::none && !m_is_stalled;
  if (can_probe && (m_services.gate == nullptr || m_services.gate->try_turn())) start_failback();
  if (++m_samples % samples_between_requests == 0) ask_keyframe_if_awaited();
}

void session::ask_keyframe_if_awaited() {
  const bool is_awaited = !m_feed.is_started() || m_renewal != renewal::none || (m_probe && m_probe->is_published()) ||
                          (m_feed.queue().is_waiting_for_keyframe() && m_feed.queue().level() == queue_level::normal);
  if (is_awaited) m_stream->request_keyframe();
}

bool session::is_gop_cache_wanted() const noexcept {
  return m_config.resume == resume_mode::gop_cache || !m_stream->has_keyframe_on_demand();
}

void session::update_gop_hold() {
  hold_gop(is_gop_cache_wanted());
}

void session::hold_gop(bool is_wanted) {
  if (is_wanted == m_holds_gop) return;
  m_holds_gop = is_wanted;
  if (is_wanted) {
    m_stream->hold_gop_cache();
  } else {
    m_stream->release_gop_cache();
  }
}

}  // namespace campush
