#include <fmt/format.h>

#include <algorithm>

#include "rtmp/session.h"
#include "util/log.h"

namespace campush {

void session::begin_attempt() {
  m_connects_after_leaving = false;
  begin_connection();
  m_manager->on_connecting();
  ++m_status.attempts;
  const size_t index = m_manager->current_url();
  m_status.url_index = static_cast<uint32_t>(index);
  m_status.pass = m_manager->current_pass();
  update_gop_hold();
  result<std::unique_ptr<session_link>> link = make_link(index);
  if (!link) {
    m_status.url = fmt::format("(address {} of the list)", index + 1);
    return on_main_failed(disconnect_reason::bad_url, link.error().message);
  }
  m_main = std::move(*link);
  m_status.url = m_main->masked_url();
  m_status.phase = connect_phase::resolve;
  publish_status();
  m_main->start();
}

result<std::unique_ptr<session_link>> session::make_link(size_t url_index) {
  if (url_index >= m_urls.size()) return fail(error_code::invalid_argument, "the session has no URL");
  result<stream_url> url = expand_url(m_urls[url_index], url_variables(m_config));
  if (!url) return tl::unexpected<error>(std::move(url.error()));
  publish_target target;
  target.url = std::move(*url);
  target.backend = m_config.backend;
  target.chunk_size = m_config.chunk_size;
  target.resolve_timeout = m_config.timeouts.resolve;
  target.tcp_timeout = m_config.timeouts.tcp;
  target.handshake_timeout = m_config.timeouts.handshake;
  target.handshake_seed = stable_hash(m_config.device_id + log_name()) + ++m_attempt_count;
  return std::make_unique<session_link>(static_cast<session_link_events&>(*this), m_publishers, target);
}

void session::connect_or_wait() {
  // An address must have been let go before it is asked for again.
  m_connects_after_leaving = !m_leaving.empty();
  if (!m_connects_after_leaving) begin_attempt();
}

void session::begin_connection() {
  if (m_main) count_connection_bytes();
  m_feed.stop();
  m_is_blocked = m_is_draining = false;
  m_renewal = renewal::none;
}

void session::on_link_phase(session_link& link, connect_phase phase) {
  if (&link != m_main.get()) return;
  m_status.phase = phase;
  publish_status();
}

void session::on_link_ready(session_link& link) {
  if (&link == m_main.get() || &link == m_probe.get()) consider_publish(link);
}

void session::consider_publish(session_link& link) {
  if (link.reached() != session_link::progress::ready) return;
  const auto headers = m_stream->headers();
  const bool is_audio_only = headers && headers->video_codec == codec_id::none;
  const bool has_start = is_audio_only || (m_feed.is_started() && &link == m_main.get()) || is_gop_usable();
  const bool asks = m_stream->has_keyframe_on_demand() && (m_config.resume == resume_mode::keyframe || !has_start);
  // A name is taken only when media follows at once: servers drop a publisher that stays silent (SRS after 5 to 20 s).
  if (asks) m_stream->request_keyframe();
  if (asks || has_start) link.publish();
}

void session::on_link_published(session_link& link) {
  if (&link == m_main.get()) return on_main_published();
  if (&link != m_probe.get()) return;
  if (!is_gop_cache_wanted() || !is_gop_usable()) {
    m_stream->request_keyframe();
    return;
  }
  switch_to_probe();
  start_from_gop();
  flush();
}

void session::on_main_published() {
  if (!apply(session_event::success, disconnect_reason::none)) return;
  m_is_break_failback = false;
  m_manager->on_connected();
  describe_connection();
  if (!m_feed.is_started() && is_gop_cache_wanted() && is_gop_usable()) start_from_gop();
  flush();
}

void session::stop_link(std::unique_ptr<session_link> link) {
  session_link& leaving = *link;
  m_leaving.push_back(std::move(link));
  leaving.output().stop(m_config.timeouts.unpublish);
}

void session::retire(std::unique_ptr<session_link> link) {
  link->silence();
  m_retired.push_back(std::move(link));
  m_reaper->arm_after(duration(0));
}

void session::on_link_writable(session_link& link) {
  if (&link != m_main.get()) return;
  m_is_blocked = false;
  flush();
}

void session::on_link_failed(session_link& link, disconnect_reason reason, std::string_view text) {
  if (&link == m_main.get()) return on_main_failed(reason, text);
  if (&link == m_probe.get()) return fail_probe(reason, text);
  on_leaving_ended(link);
}

void session::on_leaving_ended(session_link& link) {
  const auto found = std::find_if(m_leaving.begin(), m_leaving.end(),
                                  [&link](const std::unique_ptr<session_link>& each) { return each.get() == &link; });
  if (found == m_leaving.end()) return;
  std::unique_ptr<session_link> ended = std::move(*found);
  m_leaving.erase(found);
  retire(std::move(ended));
  if (m_leaving.empty() && m_connects_after_leaving && m_status.state == session_state::connecting && !m_main) {
    begin_attempt();
  }
}

void session::on_reap() {
  m_retired.clear();
  if (!m_on_idle || !is_idle()) return;
  m_leave_timer->cancel();
  // The callee may close() this session.
  const std::function<void()> tell = std::move(m_on_idle);
  m_on_idle = nullptr;
  tell();
}

void session::start_probe() {
  m_manager->on_failback_started();
  result<std::unique_ptr<session_link>> link = make_link(0);
  if (!link) {
    m_status.failback_error = fmt::format("bad_url: {}", link.error().message);
    return m_manager->on_failback_failed();
  }
  m_probe = std::move(*link);
  update_gop_hold();
  log_info(log_module::session, "Session {} tries the primary {}", log_name(), m_probe->masked_url());
  m_probe->start();
}

void session::fail_probe(disconnect_reason reason, std::string_view text) {
  m_status.failback_error = fmt::format("{}: {}", reason_name(reason), text);
  log_info(log_module::session, "Session {} stays on the backup: {}", log_name(), m_status.failback_error.view());
  retire(std::move(m_probe));
  if (reason == disconnect_reason::name_in_use) {
    // Both addresses may lead to one server, which holds the name for our own backup connection.
    m_renewal = renewal::failback;
    m_stream->request_keyframe();
  } else {
    m_manager->on_failback_failed();
  }
  publish_status();
}

void session::switch_to_probe() {
  begin_connection();
  stop_link(std::move(m_main));
  m_main = std::move(m_probe);
  m_manager->on_failback_succeeded();
  m_status.url_index = 0;
  m_status.url = m_main->masked_url();
  m_status.failback_error = "";
  describe_connection();
}

}  // namespace campush
