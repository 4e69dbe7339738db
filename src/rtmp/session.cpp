#include "rtmp/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "util/log.h"

namespace campush {

session::session(event_loop& loop, publisher_factory& publishers, const session_services& services)
    : m_loop(loop),
      m_publishers(publishers),
      m_services(services),
      m_retry_timer(loop.make_timer([this] { on_retry_due(); })),
      m_sample_timer(loop.make_timer([this] { on_sample(); })),
      m_leave_timer(loop.make_timer([this] {
        m_leaving.clear();
        on_reap();
      })),
      m_reaper(loop.make_timer([this] { on_reap(); })),
      m_clock_timer(loop.make_timer([this] { on_clock_poll(); })),
      m_link_timer(loop.make_timer([this] { on_link_due(); })),
      m_feed(session_feed::options{}),
      m_sampler(deadlines{}.ack_stall) {}

session::~session() {
  close();
}

void session::open(const session_config& config, media_stream& stream,
                   std::shared_ptr<snapshot<session_status>> published, session_surroundings* surroundings) {
  close();
  m_config = config;
  m_urls = effective_urls(config);
  m_stream = m_own_stream = &stream;
  m_surroundings = surroundings;
  m_plan = plan_hevc(config.hevc, hevc_knowledge::silent);
  m_published = std::move(published);
  const std::string identity = config.device_id + "/" + log_name();
  m_manager.emplace(config.retry_policy, config.failback, m_urls.size(), m_loop.time(), stable_hash(identity));
  session_feed::options feed;
  feed.limits = config.queue;
  feed.dialect = config.hevc == hevc_mode::legacy12 ? video_dialect::legacy12 : video_dialect::enhanced;
  feed.initial_timestamp_ms = config.initial_timestamp_ms;
  feed.max_message_bytes = config.max_message_bytes;
  feed.chunk_size = config.chunk_size;
  m_feed.reset(feed);
  m_sampler = session_sampler(config.timeouts.ack_stall);
  open_bitrate();
  // ± 10 %: a fleet that was started together must not come back together.
  const auto share = static_cast<int64_t>(stable_hash(config.device_id) % 2001) - 1000;
  m_age_limit = duration(config.max_session_age) + duration(config.max_session_age) * share / 10000;
  m_is_stalled = stream.current_state() == stream_state::stalled;
  m_time_accounted = m_loop.now();
  describe_config();
  update_gop_hold();
  m_stream->add_sink(*this);
  publish_status();
}

void session::close() noexcept {
  if (!is_open()) return;
  withdraw_bitrate();
  release_encoder();
  m_stream->remove_sink(*this);
  hold_gop(false);
  m_is_wanted = false;
  for (loop_timer* timer : {m_retry_timer.get(), m_sample_timer.get(), m_leave_timer.get(), m_reaper.get(),
                            m_clock_timer.get(), m_link_timer.get()}) {
    timer->cancel();
  }
  m_main.reset();
  m_probe.reset();
  m_leaving.clear();
  m_retired.clear();
  m_feed.stop();
  m_stream = m_own_stream = nullptr;
  m_surroundings = nullptr;
  m_control.reset();
  m_published.reset();
  m_on_idle = nullptr;
  m_status = session_status{};
  m_missed = m_maybe_missed = {};
  m_manager.reset();
  m_connects_after_leaving = m_is_break_failback = m_is_blocked = m_is_draining = m_is_stalled = false;
  m_renewal = renewal::none;
  m_move_to.reset();
  m_turn_at = time_point{};
  m_ignores_splay = false;
  m_requests_in_a_row = 0;
  m_requested_at = time_point{};
  m_awaits_h264 = m_is_encoder_busy = m_is_encoder_deaf = m_tries_codec_again = m_has_new_path = false;
  m_codec_note.clear();
  m_peer = endpoint{};
  m_path.reset();
  m_held = disconnect_reason::not_started;
  m_moved_at = m_woken_at = m_fed_at = time_point{};
  m_last_audio_at = m_connected_at = m_draining_since = time_point{};
  m_bytes_before = m_acknowledged_before = m_retransmits_before = m_attempt_count = 0;
}

std::string session::log_name() const {
  return fmt::format("cam{}_stream{}/{}", m_config.camera_id, m_config.stream_id, m_config.destination);
}

void session::set_control(std::shared_ptr<stream_control> control) {
  m_control = std::move(control);
  update_gop_hold();
}

bool session::apply(session_event event, disconnect_reason reason) {
  const std::optional<session_state> next = next_state(m_status.state, event);
  if (!next) {
    if (const uint64_t count = m_refused_moves.add(m_loop.now())) {
      log_error(log_module::session, "{}: {} refused in state {} ({} times)", log_name(), session_event_name(event),
                state_name(m_status.state), count);
    }
    return false;
  }
  const time_point now = m_loop.now();
  account_time(now);
  m_status.state = *next;
  m_status.reason = reason;
  m_status.state_since = now;
  m_status.next_retry_at = time_point{};
  m_status.is_waiting_for_turn = false;
  m_turn_at = time_point{};
  if (*next != session_state::connecting) m_status.phase = connect_phase::none;
  return true;
}

void session::connect() {
  if (!is_open()) return;
  m_is_wanted = true;
  if (m_status.state == session_state::disconnected) try_connect(false);
}

void session::try_connect(bool has_start_tag) {
  if (waits_for_start()) return;
  const disconnect_reason reason = hold_reason(has_start_tag);
  if (reason != disconnect_reason::none) return hold(reason);
  if (!apply(session_event::connect, disconnect_reason::none)) return;
  m_retry_timer->cancel();
  connect_or_wait();
}

disconnect_reason session::hold_reason(bool has_start_tag) const {
  const auto headers = m_stream->headers();
  const bool is_h265 = headers && headers->video_codec == codec_id::h265;
  // Another stream can be pushed at once; it is chosen with the attempt.
  const bool is_refused = m_config.hevc == hevc_mode::h264_only && (m_stream != m_own_stream || !other_stream());
  if (is_h265 && (m_awaits_h264 || is_refused)) {
    return disconnect_reason::codec_refused;
  }
  if (has_start_tag) return disconnect_reason::none;
  switch (m_stream->current_state()) {
    case stream_state::waiting: return disconnect_reason::not_started;
    case stream_state::stalled: return disconnect_reason::source_stalled;
    case stream_state::ended: return disconnect_reason::source_ended;
    case stream_state::live: break;
  }
  return headers && headers->is_complete() ? disconnect_reason::none : disconnect_reason::not_started;
}

void session::hold(disconnect_reason reason) {
  const bool is_told = m_held == reason;
  m_held = reason;
  const bool is_known = m_status.state == session_state::disconnected && m_status.reason == reason;
  if (!is_known && !apply(session_event::disconnect, reason)) return;
  if (!is_told && reason == disconnect_reason::codec_refused) hold_codec();
  if (!is_known || !is_told) publish_status();
}

void session::disconnect(duration deadline, std::function<void()> on_idle) {
  if (!is_open()) return;
  m_is_wanted = false;
  m_on_idle = std::move(on_idle);
  m_config.timeouts.unpublish =
      std::min(m_config.timeouts.unpublish, std::chrono::duration_cast<std::chrono::milliseconds>(deadline));
  leave(disconnect_reason::user_request);
  if (is_idle()) return m_reaper->arm_after(duration(0));
  m_leave_timer->arm_after(deadline);
}

void session::leave(disconnect_reason reason) {
  leave(reason, reason);
}

void session::leave(disconnect_reason shown, disconnect_reason judged) {
  m_held = m_is_wanted ? shown : disconnect_reason::none;
  m_connects_after_leaving = false;
  m_move_to.reset();
  m_retry_timer->cancel();
  m_sample_timer->cancel();
  if (!apply(session_event::disconnect, shown)) return;
  withdraw_bitrate();
  m_manager->on_disconnect(judged);
  if (m_main) log_info(log_module::session, "Session {} unpublishes: {}", log_name(), reason_name(shown));
  begin_connection();
  if (m_main) stop_link(std::move(m_main));
  if (m_probe) stop_link(std::move(m_probe));
  publish_status();
}

void session::retry() {
  if (!is_open()) return;
  m_manager->reset_backoff();
  m_requests_in_a_row = 0;
  m_move_to.reset();
  m_held = disconnect_reason::none;
  if (m_renewal == renewal::redirect) m_renewal = renewal::none;
  forget_answers();
  if (try_codec_again()) return;
  if (m_status.state == session_state::error) {
    on_retry_due();
  } else if (m_status.state == session_state::disconnected) {
    m_ignores_splay = true;
    connect();
  }
}

void session::on_main_failed(disconnect_reason reason, std::string_view text) {
  const bool was_connected = m_status.state == session_state::connected;
  if (was_connected && promote_probe()) return;
  ++m_status.errors;
  if (!was_connected) ++m_status.failed_attempts;
  remember_error(reason, with_codec_hint(reason, text));
  if (m_is_break_failback) m_status.failback_error = fmt::format("{}: {}", reason_name(reason), text);
  m_is_break_failback = false;
  m_move_to.reset();
  m_sample_timer->cancel();
  if (m_probe) retire(std::move(m_probe));
  withdraw_bitrate();
  begin_connection();
  if (m_main) retire(std::move(m_main));
  m_manager->on_disconnect(reason);

  const disconnect_reason resting = m_manager->resting_reason();
  const bool is_over = !m_manager->should_reconnect() || resting != disconnect_reason::none;
  const disconnect_reason final_reason = resting != disconnect_reason::none ? resting : disconnect_reason::gave_up;
  if (was_connected) {
    apply(session_event::fault, reason);
    if (is_over) apply(session_event::disconnect, final_reason);
  } else {
    apply(is_over ? session_event::refusal : session_event::failure, is_over ? final_reason : reason);
  }
  plan_retry();
}

void session::plan_retry() {
  const std::string_view why = m_status.last_error.view();
  const char* reason = reason_name(m_status.last_error_reason);
  if (!m_manager->should_reconnect()) {
    m_held = disconnect_reason::none;
    log_warn(log_module::session, "Session failed, no further retry ({}): {}: {}", log_name(), reason, why);
    return publish_status();
  }
  const duration delay = m_manager->get_backoff_delay();
  m_held = disconnect_reason::none;
  m_retry_timer->arm_after(delay);
  m_status.next_retry_at = m_loop.now() + delay;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(delay).count();
  log_warn(log_module::session, "Session failed, retry in {}s ({}): {} at {}: {}", seconds, log_name(), reason,
           m_status.url.view(), why);
  publish_status();
  watch_clock();
  if (m_has_new_path) m_link_timer->arm_after(duration(0));
}

/// The first connections of a fleet that was switched on together.
bool session::waits_for_start() {
  if (m_services.gate == nullptr || m_ignores_splay) return false;
  const duration left = m_services.gate->opens_in();
  if (left <= duration::zero()) return false;
  if (m_retry_timer->is_armed()) return true;
  m_retry_timer->arm_after(left);
  m_status.next_retry_at = m_loop.now() + left;
  log_info(log_module::session, "Session {} connects in {}s (start_splay_s)", log_name(),
           std::chrono::ceil<std::chrono::seconds>(left).count());
  publish_status();
  return true;
}

/// All sessions of a process lose one server at once: they come back by turns.
bool session::waits_for_turn() {
  if (m_services.gate == nullptr || m_status.attempts == 0) return false;
  const time_point now = m_loop.now();
  if (m_turn_at == time_point{}) {
    m_turn_at = now + m_services.gate->take_turn();
    if (m_turn_at > now) ++m_status.turn_waits;
  }
  if (m_turn_at <= now) return false;
  m_retry_timer->arm_at(m_turn_at);
  m_status.is_waiting_for_turn = true;
  m_status.next_retry_at = m_turn_at;
  publish_status();
  return true;
}

void session::on_retry_due() {
  m_retry_timer->cancel();
  if (!m_is_wanted) return;
  // A network that comes up at boot wakes all sessions of all cameras of a site: what the splay is for.
  if (waits_for_start()) return;
  if (m_awaits_h264) {
    give_up_encoder();
  } else if (m_held == disconnect_reason::codec_refused) {
    m_is_encoder_deaf = false;
  }
  // What still holds it is asked for anew.
  m_held = disconnect_reason::none;
  const disconnect_reason reason = hold_reason(false);
  if (reason != disconnect_reason::none) return hold(reason);
  if (waits_for_turn()) return;
  const bool is_resting = m_status.state == session_state::disconnected;
  if (apply(is_resting ? session_event::connect : session_event::reconnect, disconnect_reason::none)) connect_or_wait();
}

void session::on_stream_state(stream_state state) {
  const bool was_stalled = m_is_stalled;
  m_is_stalled = state == stream_state::stalled;
  update_gop_hold();
  if (!m_is_wanted) return;
  const bool is_running = m_status.state == session_state::connecting || m_status.state == session_state::connected;
  switch (state) {
    case stream_state::waiting: break;
    case stream_state::live:
      if (was_stalled && m_main) m_stream->request_keyframe();
      m_is_draining = false;
      break;
    case stream_state::stalled:
      if (is_running && (!m_feed.is_started() || is_silent(m_loop.now()))) leave(disconnect_reason::source_stalled);
      break;
    case stream_state::ended:
      if (m_main && m_main->is_published()) {
        m_is_draining = true;
        m_draining_since = m_loop.now();
        flush();
      } else if (is_running) {
        leave(disconnect_reason::source_ended);
      }
      break;
  }
  const bool waits_for_source = m_status.state == session_state::disconnected && m_held != disconnect_reason::none;
  if (waits_for_source && state != stream_state::live) hold(hold_reason(false));
}

}  // namespace campush
