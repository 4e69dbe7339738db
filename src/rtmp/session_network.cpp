#include "rtmp/session.h"
#include "util/log.h"

namespace campush {

namespace {

constexpr duration clock_poll_period = std::chrono::seconds(1);
constexpr duration between_moves = std::chrono::seconds(10);
constexpr duration between_wakes = std::chrono::minutes(1);

endpoint without_port(endpoint address) noexcept {
  address.port = 0;
  return address;
}

}  // namespace

void session::watch_clock() {
  if (m_manager->is_clock_wrong()) m_clock_timer->arm_after(clock_poll_period);
}

void session::on_clock_poll() {
  if (!m_retry_timer->is_armed() || !m_manager->is_clock_wrong()) return;
  if (!m_clock_watch.is_set(m_loop.time())) return m_clock_timer->arm_after(clock_poll_period);
  log_info(log_module::session, "Session {} tries again: the clock was set", log_name());
  m_manager->end_wait();
  on_retry_due();
}

void session::remember_path() {
  const endpoint local = m_main->output().local();
  m_peer = m_main->output().remote();
  m_status.local_address = local.port != 0 ? local.to_string() : "";
  const bool is_secret = m_main->route().url.is_host_secret();
  m_status.remote_address = m_peer.port == 0 ? "" : is_secret ? "***" : m_peer.to_string();
  m_has_new_path = false;
  m_path.reset();
  if (m_services.links == nullptr || m_peer.port == 0) return;
  if (const auto route = m_services.links->route_to(m_peer)) m_path = *route;
}

void session::on_link_changed(bool has_new_path) {
  if (!is_open() || !m_is_wanted || m_services.links == nullptr) return;
  if (m_status.state == session_state::connected) return check_path();
  m_has_new_path = m_has_new_path || has_new_path;
  if (is_waiting()) wake();
}

void session::on_link_due() {
  if (m_status.state == session_state::connected) return check_path();
  if (is_waiting()) wake();
}

bool session::has_path_changed() const {
  const endpoint local = m_main->output().local();
  if (local.port != 0 && !m_services.links->is_local(without_port(local))) return true;
  // A connection that is bound to an address or interface does not follow the routes.
  if (!m_path || !m_config.bind_address.empty() || !m_config.bind_interface.empty()) return false;
  const auto route = m_services.links->route_to(m_peer);
  return route && *route != *m_path;
}

void session::check_path() {
  if (!m_main || !m_main->is_published() || !has_path_changed()) return;
  const time_point allowed = m_moved_at == time_point{} ? time_point{} : m_moved_at + between_moves;
  if (m_loop.now() < allowed) return m_link_timer->arm_at(allowed);
  follow_path();
}

/// Break before make: over the old path nothing may come any more, and the name must be free.
void session::follow_path() {
  if (!apply(session_event::reconnect, disconnect_reason::link_changed)) return;
  const endpoint local = m_main->output().local();
  const bool is_address_gone = !m_services.links->is_local(without_port(local));
  log_info(log_module::session, "Session {} publishes again: {}", log_name(),
           is_address_gone ? "its local address is gone" : "another path leads to the server");
  m_moved_at = m_loop.now();
  ++m_status.link_changes;
  m_sample_timer->cancel();
  withdraw_bitrate();
  m_manager->on_disconnect(disconnect_reason::link_changed);
  begin_connection();
  if (m_probe) retire(std::move(m_probe));
  if (is_address_gone) {
    retire(std::move(m_main));
  } else {
    stop_link(std::move(m_main));
  }
  connect_or_wait();
  publish_status();
}

/// Only what waits is woken, and not by a loss: a route to the server that was used last must be there, and be another one.
/// What never connected knows of no such server.
void session::wake() {
  if (!m_has_new_path && !m_path) return;
  const time_point allowed = m_woken_at == time_point{} ? time_point{} : m_woken_at + between_wakes;
  if (m_loop.now() < allowed) return m_link_timer->arm_at(allowed);
  if (!m_has_new_path) {
    const auto route = m_services.links->route_to(m_peer);
    if (!route || *route == *m_path) return;
  }
  m_woken_at = m_loop.now();
  log_info(log_module::session, "Session {} tries again: the local network changed", log_name());
  m_manager->on_path_changed(m_has_new_path);
  m_has_new_path = false;
  on_retry_due();
}

}  // namespace campush
