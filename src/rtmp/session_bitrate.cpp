#include <algorithm>

#include "rtmp/session.h"
#include "util/log.h"

namespace campush {

namespace {

constexpr duration bitrate_asked_every = std::chrono::seconds(10);

uint64_t congestion_drops(const drop_counters& dropped) noexcept {
  uint64_t sum = 0;
  for (const auto& kind : dropped.count) {
    for (const drop_reason why : {drop_reason::disposable, drop_reason::congestion, drop_reason::flush}) {
      sum += kind[static_cast<size_t>(why)];
    }
  }
  return sum;
}

}  // namespace

void session::open_bitrate() {
  const bool is_wanted = m_config.adaptive_bitrate.enabled && !m_config.is_secondary;
  m_bitrate = bitrate_controller({is_wanted ? m_config.encoder_kbps : 0, m_config.adaptive_bitrate.floor_kbps});
  m_is_bitrate_reported = false;
  m_lowered_kbps = 0;
  m_bitrate_asked_at = time_point{};
  if (is_wanted && !m_bitrate.is_enabled()) {
    log_warn(log_module::session,
             "{}: adaptive_bitrate needs to know the encoder's bitrate; only drops follow the network", log_name());
  }
}

void session::adapt_bitrate(time_point now) {
  // The rates it knows are those of its own stream's encoder.
  if (!m_bitrate.is_enabled() || !m_feed.is_started() || m_stream != m_own_stream) return;
  bitrate_votes& votes = m_stream->bitrate();
  bitrate_sample seen;
  seen.queue_delay = m_feed.queue().queue_delay();
  seen.is_starting = m_feed.queue().is_starting();
  seen.is_pausing = m_sampler.pause() > duration::zero();
  seen.rtt = std::chrono::microseconds(m_sampler.rtt_us());
  seen.accepted_bytes = m_sampler.written_bytes() + m_main->output().pending_bytes() + m_feed.queue().queued_bytes();
  seen.acknowledged_bytes = m_sampler.acknowledged_bytes();
  seen.offered_video_bytes = m_feed.offered_video_bytes();
  seen.offered_audio_bytes = m_feed.offered_audio_bytes();
  seen.unsendable_bytes = m_feed.unsendable_bytes();
  seen.congestion_drops = congestion_drops(m_feed.queue().dropped());
  seen.asked_kbps = votes.asked_kbps();
  const bool was_obeyed = m_bitrate.is_obeyed();
  m_bitrate.sample(now, seen);
  // It may have been restarted, and with that forgotten what it was told.
  if (was_obeyed && !m_bitrate.is_obeyed()) votes.repeat();
  report_bitrate(votes);
  votes.vote(this, {m_bitrate.target_kbps(), m_bitrate.floor_kbps(), m_config.encoder_kbps}, now);
}

void session::report_bitrate(const bitrate_votes& votes) {
  m_status.adaptive_bitrate = votes.is_unsupported()   ? bitrate_control::unsupported
                              : !m_bitrate.is_obeyed() ? bitrate_control::ignored
                                                       : bitrate_control::following;
  if (m_status.adaptive_bitrate != bitrate_control::ignored || m_is_bitrate_reported) return;
  m_is_bitrate_reported = true;
  log_warn(log_module::session, "{}: the encoder was asked for {} kbit/s and makes more", log_name(),
           votes.asked_kbps());
}

void session::withdraw_bitrate() noexcept {
  m_lowered_kbps = 0;
  if (m_stream != nullptr) m_stream->bitrate().withdraw(this, m_loop.now());
}

void session::lower_bitrate_for_size(time_point now) {
  if (m_config.is_secondary || m_stream != m_own_stream) return;
  if (now - m_bitrate_asked_at < bitrate_asked_every) return;
  bitrate_votes& votes = m_stream->bitrate();
  // What is sent says nothing: with a keyframe its whole group is dropped.
  const uint32_t configured = m_config.encoder_kbps > 0 ? m_config.encoder_kbps : m_feed.offered_video_kbps();
  const uint32_t running = votes.asked_kbps() > 0 ? votes.asked_kbps() : configured;
  if (running == 0) return;
  m_bitrate_asked_at = now;
  const uint32_t wanted = running - running / 4;
  if (m_bitrate.is_enabled()) {
    m_bitrate.lower_ceiling(wanted, now);
    return votes.vote(this, {m_bitrate.target_kbps(), m_bitrate.floor_kbps(), m_config.encoder_kbps}, now);
  }
  const uint32_t floor = usual_floor_kbps(m_config.encoder_kbps);
  m_lowered_kbps = std::min(running, std::max(wanted, floor));
  votes.vote(this, {m_lowered_kbps, floor, m_config.encoder_kbps}, now);
}

}  // namespace campush
