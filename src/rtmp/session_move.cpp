#include <fmt/format.h>

#include "rtmp/session.h"
#include "util/log.h"

namespace campush {

namespace {

constexpr uint32_t redirects_in_a_row = 3;
constexpr duration between_requests = std::chrono::seconds(10);

}  // namespace

void session::renew() {
  // By renewal.
  constexpr disconnect_reason reasons[] = {disconnect_reason::none, disconnect_reason::session_age,
                                           disconnect_reason::failback, disconnect_reason::redirected,
                                           disconnect_reason::user_request};
  const disconnect_reason reason = reasons[static_cast<size_t>(m_renewal)];
  if (!apply(session_event::reconnect, reason)) return;
  log_info(log_module::session, "Session {} publishes again: {}", log_name(), reason_name(reason));
  m_sample_timer->cancel();
  m_is_break_failback = m_renewal == renewal::failback;
  m_tries_codec_again = false;
  withdraw_bitrate();
  m_manager->on_disconnect(reason);
  begin_connection();
  // Break before make: the server must have let go of the name before it is asked for again.
  m_connects_after_leaving = true;
  stop_link(std::move(m_main));
  if (m_probe) stop_link(std::move(m_probe));
  publish_status();
}

void session::start_failback() {
  m_manager->on_failback_started();
  const result<link_route> route = route_for(0);
  if (!route) {
    m_status.failback_error = fmt::format("bad_url: {}", route.error().message);
    return m_manager->on_failback_failed();
  }
  log_info(log_module::session, "Session {} tries the primary {}", log_name(), route->url.masked());
  start_probe(*route, probe_kind::failback);
}

void session::start_probe(const link_route& route, probe_kind kind) {
  m_probe_kind = kind;
  result<std::unique_ptr<session_link>> link = make_link(route);
  if (!link) {
    const bool is_clock = link.error().code == error_code::clock_wrong;
    return fail_probe(is_clock ? disconnect_reason::clock_wrong : disconnect_reason::bad_url, link.error().message);
  }
  m_probe = std::move(*link);
  update_gop_hold();
  m_probe->start();
}

void session::fail_probe(disconnect_reason reason, std::string_view text) {
  const bool is_failback = m_probe_kind == probe_kind::failback;
  const std::string why = fmt::format("{}: {}", reason_name(reason), text);
  if (is_failback) {
    m_status.failback_error = why;
  } else {
    remember_error(reason, fmt::format("the server asked for a move, which failed: {}", text));
  }
  log_info(log_module::session, "Session {} stays {}: {}", log_name(), is_failback ? "on the backup" : "where it is",
           why);
  // Both addresses may lead to one server, which holds the name for the connection that we still have.
  if (reason == disconnect_reason::name_in_use && m_probe) return break_for_probe();
  if (m_probe) retire(std::move(m_probe));
  if (is_failback) m_manager->on_failback_failed();
  publish_status();
}

/// Where the two connections cannot be side by side: the present one goes first, at the next keyframe.
void session::break_for_probe() {
  const bool is_failback = m_probe_kind == probe_kind::failback;
  if (!is_failback) m_move_to = m_probe->route();
  m_renewal = is_failback ? renewal::failback : renewal::redirect;
  retire(std::move(m_probe));
  m_stream->request_keyframe();
  publish_status();
}

void session::switch_to_probe() {
  begin_connection();
  stop_link(std::move(m_main));
  m_main = std::move(m_probe);
  adopt_plan();
  if (m_probe_kind == probe_kind::failback) {
    m_manager->on_failback_succeeded();
    m_status.url_index = 0;
    m_status.failback_error = "";
  } else {
    m_manager->on_moved();
  }
  m_status.url = m_main->masked_url();
  describe_connection();
}

/// The server that asked for a move is gone before the new connection was ready: that one is what is left to wait for.
bool session::promote_probe() {
  if (!m_probe || m_probe_kind != probe_kind::redirect) return false;
  if (!apply(session_event::reconnect, disconnect_reason::redirected)) return false;
  log_info(log_module::session, "Session {} goes on at {}", log_name(), m_probe->masked_url());
  m_sample_timer->cancel();
  withdraw_bitrate();
  begin_connection();
  retire(std::move(m_main));
  m_manager->on_disconnect(disconnect_reason::redirected);
  m_manager->on_connecting();
  ++m_status.attempts;
  m_main = std::move(m_probe);
  adopt_plan();
  m_status.url = m_main->masked_url();
  publish_status();
  if (m_main->is_published()) on_main_published();
  return true;
}

result<link_route> session::redirected_route(const session_link& from, std::string_view tc_url,
                                             uint32_t in_a_row) const {
  if (in_a_row >= redirects_in_a_row) {
    return fail(error_code::limit_reached, fmt::format("redirected more than {} times in a row", redirects_in_a_row));
  }
  result<stream_url> url = from.route().url.redirected(tc_url);
  if (!url) return tl::unexpected<error>(std::move(url.error()));
  link_route route = from.route();
  route.url = std::move(*url);
  route.redirects = in_a_row + 1;
  return route;
}

bool session::follow_redirect(session_link& link) {
  const bool is_main = &link == m_main.get();
  if (link.redirect().empty() || (!is_main && &link != m_probe.get())) return false;
  const bool is_stable = is_main && m_manager->is_stable();
  const result<link_route> route = redirected_route(link, link.redirect(), is_stable ? 0 : link.route().redirects);
  if (!route) {
    const disconnect_reason reason = disconnect_reason::server_error;
    if (is_main) {
      on_main_failed(reason, route.error().message);
    } else {
      fail_probe(reason, route.error().message);
    }
    return true;
  }
  ++m_status.redirects;
  log_info(log_module::session, "Session {} was sent to {}", log_name(), route->url.masked());
  if (!is_main) {
    retire(std::move(m_probe));
    start_probe(*route, m_probe_kind);
    return true;
  }
  begin_connection();
  retire(std::move(m_main));
  if (m_status.state == session_state::connected && !leave_connected()) return true;
  ++m_status.attempts;
  if (prepare_codec(*route)) start_main(*route);
  return true;
}

/// What publishes was sent elsewhere. False: there is nothing to go on with.
bool session::leave_connected() {
  const disconnect_reason held = hold_reason(false);
  if (held != disconnect_reason::none) {
    leave(held);
    return false;
  }
  if (!apply(session_event::reconnect, disconnect_reason::redirected)) return false;
  m_sample_timer->cancel();
  withdraw_bitrate();
  if (m_probe) retire(std::move(m_probe));
  m_manager->on_disconnect(disconnect_reason::redirected);
  m_manager->on_connecting();
  return true;
}

/// Counted when they are heard: a move that fails, or is never completed, must count too.
result<link_route> session::requested_route(const session_link& from, std::string_view tc_url) {
  const time_point now = m_loop.now();
  if (m_requested_at != time_point{} && now - m_requested_at < between_requests) {
    return fail(error_code::busy, "less than 10 s after the request before");
  }
  result<link_route> route = redirected_route(from, tc_url, m_requests_in_a_row);
  if (!route) return route;
  m_requested_at = now;
  ++m_requests_in_a_row;
  return route;
}

void session::on_link_reconnect_request(session_link& link, std::string_view tc_url) {
  // A session that is about to publish anew anyway, or to end, has nothing to move.
  if (&link != m_main.get() || m_status.state != session_state::connected || !m_is_wanted) return;
  if (m_renewal != renewal::none || m_is_draining) return;
  if (m_probe && m_probe_kind == probe_kind::redirect) return;
  const result<link_route> route = requested_route(link, tc_url);
  if (!route) {
    const uint64_t count = m_refused_requests.add(m_loop.now());
    if (count == 0) return;
    remember_error(disconnect_reason::redirected, "the server asked for a move: " + route.error().message);
    log_warn(log_module::session, "Session {} stays where it is: {} ({} times)", log_name(), m_status.last_error.view(),
             count);
    return publish_status();
  }
  if (m_probe) {
    retire(std::move(m_probe));
    if (m_probe_kind == probe_kind::failback) m_manager->on_failback_failed();
  }
  ++m_status.redirects;
  log_info(log_module::session, "Session {} is asked to move to {}", log_name(), route->url.masked());
  start_probe(*route, probe_kind::redirect);
  publish_status();
}

}  // namespace campush
