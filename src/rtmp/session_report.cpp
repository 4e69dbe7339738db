#include <algorithm>

#include "rtmp/session.h"
#include "util/log.h"

namespace campush {

void session::describe_config() {
  m_status.camera_id = m_config.camera_id;
  m_status.stream_id = m_config.stream_id;
  m_status.stream_name = m_config.stream_name;
  m_status.camera_name =
      m_config.camera_name.empty() ? "cam" + std::to_string(m_config.camera_id) : m_config.camera_name;
  m_status.destination = m_config.destination;
  m_status.url_count = static_cast<uint32_t>(m_urls.size());
  m_status.dialect = m_feed.dialect();
  m_status.state_since = m_loop.now();
  if (m_urls.empty()) return;
  if (const auto url = expand_url(m_urls.front(), url_variables(m_config))) m_status.url = url->masked();
}

void session::describe_connection() {
  const time_point now = m_loop.now();
  m_connected_at = now;
  m_samples = 0;
  m_sampler.begin(now, m_main->output().sample());
  if (m_feed.is_started()) begin_grace(now);
  m_sample_timer->arm_after(session_sampler::period);
  remember_path();
  m_status.security = m_main->output().security();
  ++m_status.connects;
  log_info(log_module::session, "Session cam{}_stream{} connected to {}", m_config.camera_id, m_config.stream_id,
           m_main->masked_url());
  publish_status();
}

void session::remember_error(disconnect_reason reason, std::string_view text) {
  m_status.last_error = text;
  m_status.last_error_reason = reason;
  m_status.last_error_wall = m_loop.time().wall_now();
}

void session::count_connection_bytes() {
  if (!m_main->is_published()) return;
  m_bytes_before += m_sampler.written_bytes();
  m_acknowledged_before += m_sampler.acknowledged_bytes();
  m_retransmits_before += m_sampler.retransmits();
  m_sampler = session_sampler(m_config.timeouts.ack_stall);
}

void session::account_time(time_point now) {
  const duration elapsed = now - m_time_accounted;
  m_time_accounted = now;
  if (m_status.state == session_state::connected) {
    m_status.uptime_total += elapsed;
  } else if (m_is_wanted) {
    m_status.downtime_total += elapsed;
  }
}

void session::publish_status() {
  if (!m_published) return;
  const time_point now = m_loop.now();
  account_time(now);
  const send_queue& queue = m_feed.queue();
  m_status.bitrate_current_bps = m_sampler.bitrate_current_bps();
  m_status.bitrate_average_bps = m_sampler.bitrate_average_bps();
  m_status.bitrate_peak_bps = std::max(m_status.bitrate_peak_bps, m_sampler.bitrate_peak_bps());
  m_status.frames_sent = m_feed.frames_sent();
  m_status.dropped = queue.dropped();
  for (size_t i = 0; i < frame_kind_count; ++i) {
    m_status.dropped.count[i][static_cast<size_t>(drop_reason::not_connected)] += m_missed[i] + m_maybe_missed[i];
  }
  m_status.bytes_sent = m_bytes_before + m_sampler.written_bytes();
  m_status.bytes_acknowledged = m_acknowledged_before + m_sampler.acknowledged_bytes();
  m_status.level = queue.level();
  m_status.queue_bytes = queue.queued_bytes();
  m_status.queue_ms =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(queue.queue_delay()).count());
  m_status.frames_per_second = m_sampler.frames_per_second();
  m_status.pass = m_manager->current_pass();
  m_status.is_name_in_use = m_manager->is_name_in_use();
  m_status.is_failback_waiting = m_manager->is_failback_waiting();
  m_status.failback_at = m_status.is_failback_waiting ? now + m_manager->failback_in() : time_point{};
  m_status.failback_attempts = m_manager->failback_attempts();
  m_status.rtt_us = m_sampler.rtt_us();
  m_status.rtt_var_us = m_sampler.rtt_var_us();
  m_status.delivery_rate_bps = m_sampler.delivery_rate_bps();
  m_status.retransmits = m_retransmits_before + m_sampler.retransmits();
  m_status.bitrate_target_kbps = m_stream->bitrate().asked_kbps();
  m_status.latency_us = m_sampler.latency_us();
  m_status.is_acknowledging = m_status.state == session_state::connected && m_sampler.is_acknowledging();
  if (const auto headers = m_stream->headers()) {
    m_status.video_codec = headers->video_codec;
    m_status.audio_codec = headers->audio_codec;
  }
  m_published->publish(m_status);
}

}  // namespace campush
