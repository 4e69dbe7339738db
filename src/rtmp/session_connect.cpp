#include <fmt/format.h>

#include <algorithm>

#include "rtmp/session.h"
#include "util/log.h"

namespace campush {

namespace {

disconnect_reason reason_of(const error& problem) noexcept {
  return problem.code == error_code::clock_wrong ? disconnect_reason::clock_wrong : disconnect_reason::bad_url;
}

}  // namespace

void session::begin_attempt() {
  m_connects_after_leaving = m_tries_codec_again = false;
  begin_connection();
  m_manager->on_connecting();
  ++m_status.attempts;
  const size_t index = m_manager->current_url();
  m_status.url_index = static_cast<uint32_t>(index);
  m_status.pass = m_manager->current_pass();
  m_clock_watch.begin(m_loop.time());
  const std::optional<link_route> elsewhere = std::move(m_move_to);
  m_move_to.reset();
  const result<link_route> route = elsewhere ? result<link_route>(*elsewhere) : route_for(index);
  if (!route) {
    m_status.url = fmt::format("(address {} of the list)", index + 1);
    return on_main_failed(reason_of(route.error()), route.error().message);
  }
  m_status.url = route->url.masked();
  if (prepare_codec(*route)) start_main(*route);
}

void session::start_main(const link_route& route) {
  update_gop_hold();
  m_status.url = route.url.masked();
  m_status.phase = connect_phase::none;
  result<std::unique_ptr<session_link>> link = make_link(route);
  if (!link) return on_main_failed(reason_of(link.error()), link.error().message);
  m_main = std::move(*link);
  m_status.phase = connect_phase::resolve;
  publish_status();
  m_main->start();
}

result<link_route> session::route_for(size_t url_index) const {
  if (url_index >= m_urls.size()) return fail(error_code::invalid_argument, "the session has no URL");
  result<stream_url> url = expand_url(m_urls[url_index], url_variables(m_config));
  if (!url) return tl::unexpected<error>(std::move(url.error()));
  link_route route;
  route.url_index = url_index;
  route.url = std::move(*url);
  return route;
}

result<std::unique_ptr<session_link>> session::make_link(const link_route& route) {
  publish_target target;
  if (auto filled = fill_target(target, route); !filled) return tl::unexpected<error>(std::move(filled.error()));
  auto& events = static_cast<session_link_events&>(*this);
  auto link = std::make_unique<session_link>(events, m_publishers, target, route);
  link->set_plan(plan_hevc(m_config.hevc, known_of(route.url)));
  return link;
}

result<void> session::fill_target(publish_target& target, const link_route& route) {
  const bool is_signed = m_config.sign.type != sign_type::none;
  if (is_signed || (route.url.is_tls() && !m_config.tls.insecure)) {
    if (auto clock = check_wall_clock(m_loop.time()); !clock) return clock;
  }
  ++m_attempt_count;
  const uint64_t seed = stable_hash(m_config.device_id + log_name()) + m_attempt_count;
  result<stream_url> url = sign_url(route.url, m_config.sign, m_loop.time().wall_now(),
                                    fmt::format("{:016x}{:016x}", seed, stable_hash(fmt::format("{}", seed))));
  if (!url) return tl::unexpected<error>(std::move(url.error()));
  result<publish_target> made = make_target(m_config, std::move(*url), seed);
  if (!made) return tl::unexpected<error>(std::move(made.error()));
  target = std::move(*made);
  const hevc_knowledge known = known_of(route.url);
  target.enhanced.reconnect = known != hevc_knowledge::refuses_properties;
  target.enhanced.hevc = has_h265() && plan_hevc(m_config.hevc, known).asks;
  const auto headers = m_stream->headers();
  const bool has_opus = headers && headers->audio_codec == codec_id::opus;
  target.enhanced.opus = has_opus && known != hevc_knowledge::refuses_properties;
  return {};
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
  if (&link != m_main.get() && &link != m_probe.get()) return;
  if (&link == m_main.get()) {
    return is_refused_by(link) ? on_codec_refused(link) : consider_publish(link);
  }
  // Back at the primary the codec is decided anew, and with it the stream: not beside the connection that has the other one.
  const bool has_fallback = m_config.fallback.what != hevc_fallback::kind::none;
  const bool is_refused = is_refused_by(link);
  const bool needs_break = m_stream != m_own_stream || (is_refused && has_fallback);
  if (needs_break && m_probe_kind == probe_kind::failback) return break_for_probe();
  if (is_refused) return fail_probe(disconnect_reason::codec_refused, codec_remedy());
  consider_publish(link);
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
  if (reason == disconnect_reason::redirected) {
    if (follow_redirect(link)) return;
    reason = disconnect_reason::server_error;
  }
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

}  // namespace campush
