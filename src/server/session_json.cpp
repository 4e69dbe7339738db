#include "server/api.h"
#include "server/json.h"

namespace campush {

namespace {

double seconds(duration span) noexcept {
  return std::chrono::duration<double>(span).count();
}

void write_counts(json_writer& out, const session_status& status) {
  out.key("frames_sent").begin_object();
  for (size_t kind = 0; kind < frame_kind_count; ++kind) {
    out.member(frame_kind_name(static_cast<frame_kind>(kind)), status.frames_sent[kind]);
  }
  out.end_object();
  out.key("frames_dropped").begin_object();
  out.member("total", status.dropped.total());
  for (size_t kind = 0; kind < frame_kind_count; ++kind) {
    for (size_t reason = 0; reason < drop_reason_count; ++reason) {
      const uint64_t count = status.dropped.count[kind][reason];
      if (count == 0) continue;
      const std::string name = std::string(frame_kind_name(static_cast<frame_kind>(kind))) + "_" +
                               drop_reason_name(static_cast<drop_reason>(reason));
      out.member(name.c_str(), count);
    }
  }
  out.end_object();
}

void write_failback(json_writer& out, const session_status& status, time_point now) {
  out.key("failback").begin_object();
  if (status.is_failback_waiting) {
    out.member("next_in_s", status.failback_at > now ? seconds(status.failback_at - now) : 0.0);
  } else {
    out.key("next_in_s").null();
  }
  out.member("attempts", uint64_t{status.failback_attempts});
  out.member("last_error", status.failback_error.view());
  out.end_object();
}

void write_last_error(json_writer& out, const session_status& status) {
  out.key("last_error");
  if (status.last_error_reason == disconnect_reason::none) {
    out.null();
    return;
  }
  out.begin_object();
  out.member("reason", reason_name(status.last_error_reason));
  out.member("text", status.last_error.view());
  out.member("unix_s",
             static_cast<int64_t>(
                 std::chrono::duration_cast<std::chrono::seconds>(status.last_error_wall.time_since_epoch()).count()));
  out.end_object();
}

void write_bitrate(json_writer& out, const session_status& status) {
  out.key("bitrate_bps").begin_object();
  out.member("current", status.bitrate_current_bps);
  out.member("average", status.bitrate_average_bps);
  out.member("peak", status.bitrate_peak_bps);
  out.end_object();
  out.key("adaptive_bitrate").begin_object();
  out.member("state", bitrate_control_name(status.adaptive_bitrate));
  if (status.bitrate_target_kbps > 0) {
    out.member("target_kbps", uint64_t{status.bitrate_target_kbps});
  } else {
    out.key("target_kbps").null();
  }
  out.end_object();
}

void write_link(json_writer& out, const session_status& status) {
  out.key("link").begin_object();
  out.member("local", status.local_address.view());
  out.member("remote", status.remote_address.view());
  out.member("security", status.security.view());
  out.member("rtt_ms", status.rtt_us / 1000.0);
  out.member("rtt_variation_ms", status.rtt_var_us / 1000.0);
  out.member("delivery_rate_bps", status.delivery_rate_bps);
  out.member("retransmits", status.retransmits);
  out.member("link_changes", uint64_t{status.link_changes});
  out.member("redirects", uint64_t{status.redirects});
  out.end_object();
}

}  // namespace

void write_session(json_writer& out, const session_status& status, time_point now) {
  out.begin_object();
  out.member("camera_id", uint64_t{status.camera_id});
  out.member("camera_name", status.camera_name.view());
  out.member("stream_id", uint64_t{status.stream_id});
  out.member("stream", status.stream_name.view());
  out.member("destination", status.destination.view());
  out.member("state", state_name(status.state));
  out.member("phase", phase_name(status.phase));
  out.member("reason", reason_name(status.reason));
  out.member("url", status.url.view());
  out.member("url_index", uint64_t{status.url_index});
  out.member("url_count", uint64_t{status.url_count});
  out.member("video_codec", codec_name(status.video_codec));
  out.member("audio_codec", codec_name(status.audio_codec));
  out.member("dialect", dialect_name(status.dialect));
  out.member("codec_note", status.codec_note.view());
  out.member("is_on_fallback", status.is_on_fallback);
  write_bitrate(out, status);
  out.member("frames_per_second", status.frames_per_second);
  write_counts(out, status);
  out.member("bytes_sent", status.bytes_sent);
  out.member("bytes_acknowledged", status.bytes_acknowledged);
  out.member("is_acknowledging", status.is_acknowledging);
  out.key("queue").begin_object();
  out.member("level", queue_level_name(status.level));
  out.member("bytes", status.queue_bytes);
  out.member("ms", status.queue_ms);
  out.end_object();
  out.member("errors", status.errors);
  out.member("connects", status.connects);
  out.member("failed_attempts", status.failed_attempts);
  out.member("attempts", uint64_t{status.attempts});
  out.member("pass", uint64_t{status.pass});
  out.member("state_age_s", seconds(now - status.state_since));
  out.member("uptime_s", seconds(status.uptime_total));
  out.member("downtime_s", seconds(status.downtime_total));
  if (status.next_retry_at > now) {
    out.member("next_retry_in_s", seconds(status.next_retry_at - now));
  } else {
    out.key("next_retry_in_s").null();
  }
  out.member("is_waiting_for_turn", status.is_waiting_for_turn);
  out.member("turn_waits", status.turn_waits);
  out.member("is_name_in_use", status.is_name_in_use);
  write_failback(out, status, now);
  write_last_error(out, status);
  write_link(out, status);
  out.member("rtt_ms", status.rtt_us / 1000.0);
  out.member("latency_ms", static_cast<double>(status.latency_us) / 1000.0);
  out.end_object();
}

std::string session_json(const session_status& status, time_point now) {
  json_writer out;
  write_session(out, status, now);
  return out.take();
}

}  // namespace campush
