#include "server/metrics.h"

#include <fmt/format.h>

#include <iterator>

namespace campush {

namespace {

using buffer = fmt::memory_buffer;

double seconds(duration span) noexcept {
  return std::chrono::duration<double>(span).count();
}

double seconds_until(time_point when, time_point now) noexcept {
  return when > now ? seconds(when - now) : 0;
}

/// A label value: backslash, quote and newline escaped as the text format wants it.
std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

/// One metric of things of type Item: `write` adds its samples, each as a whole line.
template <class Item>
struct metric {
  const char* name;
  const char* type;
  const char* help;
  void (*write)(buffer& out, const char* name, const std::string& labels, const Item& item, time_point now);
};

void put(buffer& out, const char* name, const std::string& labels, double value) {
  fmt::format_to(std::back_inserter(out), "{}{{{}}} {}\n", name, labels, value);
}
void put(buffer& out, const char* name, const std::string& labels, uint64_t value) {
  fmt::format_to(std::back_inserter(out), "{}{{{}}} {}\n", name, labels, value);
}

constexpr session_state all_states[] = {session_state::disconnected, session_state::connecting,
                                        session_state::connected, session_state::error};

constexpr bitrate_control all_controls[] = {bitrate_control::off, bitrate_control::following,
                                            bitrate_control::unsupported, bitrate_control::ignored};

/// The port of our side is another one with each connection: as a label it would make a new series each time.
std::string_view without_port(std::string_view address) noexcept {
  return address.substr(0, address.rfind(':'));
}

void write_state(buffer& out, const char* name, const std::string& labels, const session_status& item, time_point) {
  for (const session_state state : all_states) {
    put(out, name, fmt::format("{},state=\"{}\"", labels, state_name(state)), uint64_t{item.state == state});
  }
}

void write_info(buffer& out, const char* name, const std::string& labels, const session_status& item, time_point) {
  put(out, name,
      fmt::format("{},url=\"{}\",reason=\"{}\",phase=\"{}\",video=\"{}\",audio=\"{}\",dialect=\"{}\"", labels,
                  escaped(item.url.view()), reason_name(item.reason), phase_name(item.phase),
                  codec_name(item.video_codec), codec_name(item.audio_codec), dialect_name(item.dialect)),
      uint64_t{1});
}

void write_sent(buffer& out, const char* name, const std::string& labels, const session_status& item, time_point) {
  for (size_t kind = 0; kind < frame_kind_count; ++kind) {
    put(out, name, fmt::format("{},kind=\"{}\"", labels, frame_kind_name(static_cast<frame_kind>(kind))),
        item.frames_sent[kind]);
  }
}

void write_dropped(buffer& out, const char* name, const std::string& labels, const session_status& item, time_point) {
  for (size_t kind = 0; kind < frame_kind_count; ++kind) {
    for (size_t reason = 0; reason < drop_reason_count; ++reason) {
      put(out, name,
          fmt::format("{},kind=\"{}\",reason=\"{}\"", labels, frame_kind_name(static_cast<frame_kind>(kind)),
                      drop_reason_name(static_cast<drop_reason>(reason))),
          item.dropped.count[kind][reason]);
    }
  }
}

void write_link(buffer& out, const char* name, const std::string& labels, const session_status& item, time_point) {
  put(out, name,
      fmt::format("{},local=\"{}\",remote=\"{}\",security=\"{}\",codec_note=\"{}\"", labels,
                  escaped(without_port(item.local_address.view())), escaped(item.remote_address.view()),
                  escaped(item.security.view()), escaped(item.codec_note.view())),
      uint64_t{1});
}

void write_control(buffer& out, const char* name, const std::string& labels, const session_status& item, time_point) {
  for (const bitrate_control each : all_controls) {
    put(out, name, fmt::format("{},state=\"{}\"", labels, bitrate_control_name(each)),
        uint64_t{item.adaptive_bitrate == each});
  }
}

#define CAMPUSH_SAMPLE(Item, expression)                                                                            \
  [](buffer& out, const char* name, const std::string& labels, const Item& item, [[maybe_unused]] time_point now) { \
    put(out, name, labels, expression);                                                                             \
  }
#define CAMPUSH_SESSION(expression) CAMPUSH_SAMPLE(session_status, expression)
#define CAMPUSH_STREAM(expression) CAMPUSH_SAMPLE(stream_status, expression)
#define CAMPUSH_CAMERA(expression) CAMPUSH_SAMPLE(camera_summary, expression)

constexpr metric<session_status> session_metrics[] = {
    {"campush_session_state", "gauge", "1 for the state the session is in.", write_state},
    {"campush_session_info", "gauge", "Masked URL, reason, phase, codecs and dialect as labels; always 1.", write_info},
    {"campush_session_up", "gauge", "1 while connected and acknowledged by the server's TCP.",
     CAMPUSH_SESSION(uint64_t{item.state == session_state::connected && item.is_acknowledging})},
    {"campush_session_bitrate_bps", "gauge", "Bit/s sent over the last second.",
     CAMPUSH_SESSION(item.bitrate_current_bps)},
    {"campush_session_bitrate_average_bps", "gauge", "Bit/s over the life of the connection.",
     CAMPUSH_SESSION(item.bitrate_average_bps)},
    {"campush_session_bitrate_peak_bps", "gauge", "Bit/s in the best second.", CAMPUSH_SESSION(item.bitrate_peak_bps)},
    {"campush_session_frames_per_second", "gauge", "Pictures sent over the last second.",
     CAMPUSH_SESSION(item.frames_per_second)},
    {"campush_session_frames_sent_total", "counter", "Frames handed to the kernel, by kind.", write_sent},
    {"campush_session_frames_dropped_total", "counter", "Frames that were not sent, by kind and reason.",
     write_dropped},
    {"campush_session_bytes_sent_total", "counter", "Bytes handed to the kernel.", CAMPUSH_SESSION(item.bytes_sent)},
    {"campush_session_bytes_acknowledged_total", "counter", "Bytes the peer's TCP acknowledged.",
     CAMPUSH_SESSION(item.bytes_acknowledged)},
    {"campush_session_queue_bytes", "gauge", "Bytes waiting in the session's queue.",
     CAMPUSH_SESSION(item.queue_bytes)},
    {"campush_session_queue_seconds", "gauge", "Media time waiting in queue and kernel.",
     CAMPUSH_SESSION(static_cast<double>(item.queue_ms) / 1000)},
    {"campush_session_queue_level", "gauge", "0 normal, 1 warning, 2 high, 3 critical.",
     CAMPUSH_SESSION(static_cast<uint64_t>(item.level))},
    {"campush_session_errors_total", "counter", "Connections lost or refused.", CAMPUSH_SESSION(item.errors)},
    {"campush_session_connects_total", "counter", "Connections that reached publishing.",
     CAMPUSH_SESSION(item.connects)},
    {"campush_session_failed_attempts_total", "counter", "Attempts that did not reach publishing.",
     CAMPUSH_SESSION(item.failed_attempts)},
    {"campush_session_uptime_seconds_total", "counter", "Time spent connected.",
     CAMPUSH_SESSION(seconds(item.uptime_total))},
    {"campush_session_downtime_seconds_total", "counter", "Time spent not connected.",
     CAMPUSH_SESSION(seconds(item.downtime_total))},
    {"campush_session_next_retry_seconds", "gauge", "Until the next attempt, 0 if none is planned.",
     CAMPUSH_SESSION(seconds_until(item.next_retry_at, now))},
    {"campush_session_waiting_for_turn", "gauge", "1 while other sessions of the process reconnect first.",
     CAMPUSH_SESSION(uint64_t{item.is_waiting_for_turn})},
    {"campush_session_turn_waits_total", "counter", "Attempts that reconnect_limit held up.",
     CAMPUSH_SESSION(item.turn_waits)},
    {"campush_session_url_index", "gauge", "Which URL of the list is in use, 0 is the primary.",
     CAMPUSH_SESSION(uint64_t{item.url_index})},
    {"campush_session_rtt_seconds", "gauge", "Round trip as TCP measures it, 0 where the kernel does not say.",
     CAMPUSH_SESSION(item.rtt_us / 1e6)},
    {"campush_session_rtt_variation_seconds", "gauge", "Variation of the round trip as TCP measures it.",
     CAMPUSH_SESSION(item.rtt_var_us / 1e6)},
    {"campush_session_delivery_rate_bps", "gauge", "Bit/s the kernel saw delivered at best lately, 0 while unknown.",
     CAMPUSH_SESSION(item.delivery_rate_bps)},
    {"campush_session_retransmits_total", "counter", "TCP segments sent more than once.",
     CAMPUSH_SESSION(item.retransmits)},
    {"campush_session_bitrate_target_bps", "gauge", "What the encoder was last asked for, 0 for nothing.",
     CAMPUSH_SESSION(uint64_t{item.bitrate_target_kbps} * 1000)},
    {"campush_session_adaptive_bitrate", "gauge", "1 for how the encoder follows the network.", write_control},
    {"campush_session_link_info", "gauge", "Both ends, protection and what became of H.265 as labels; always 1.",
     write_link},
    {"campush_session_on_fallback", "gauge", "1 while something else than the stream's H.265 is pushed.",
     CAMPUSH_SESSION(uint64_t{item.is_on_fallback})},
    {"campush_session_redirects_total", "counter", "Moves that servers asked for.",
     CAMPUSH_SESSION(uint64_t{item.redirects})},
    {"campush_session_link_changes_total", "counter", "Connections renewed because the local network changed.",
     CAMPUSH_SESSION(uint64_t{item.link_changes})},
    {"campush_session_latency_seconds", "gauge", "Capture to acknowledged, smoothed, 0 while unknown.",
     CAMPUSH_SESSION(static_cast<double>(item.latency_us) / 1e6)},
};

constexpr metric<stream_status> stream_metrics[] = {
    {"campush_stream_tags_total", "counter", "Tags the stream handed to its destinations.",
     CAMPUSH_STREAM(item.counters.tags_out)},
    {"campush_stream_ring_overflows_total", "counter", "Frames lost between capture and loop.",
     CAMPUSH_STREAM(item.counters.ring_overflows)},
    {"campush_stream_timestamp_corrections_total", "counter", "Timestamps that did not increase.",
     CAMPUSH_STREAM(item.counters.dts_corrections)},
    {"campush_stream_reanchors_total", "counter", "Jumps of the timeline over 1 s.",
     CAMPUSH_STREAM(item.counters.reanchors)},
    {"campush_stream_keyframes_asked_total", "counter", "Keyframe requests that reached the source.",
     CAMPUSH_STREAM(item.counters.keyframes_asked)},
    {"campush_stream_keyframes_suppressed_total", "counter", "Keyframe requests gathered into an earlier one.",
     CAMPUSH_STREAM(item.counters.keyframes_suppressed)},
    {"campush_stream_frames_malformed_total", "counter", "Frames that could not be packaged.",
     CAMPUSH_STREAM(item.packager.frames_malformed)},
    {"campush_stream_pool_bytes", "gauge", "Memory of the stream's tag pool.", CAMPUSH_STREAM(item.pool.bytes_held)},
};

constexpr metric<camera_summary> camera_metrics[] = {
    {"campush_camera_up", "gauge", "1 while the source delivers.", CAMPUSH_CAMERA(uint64_t{item.state == "running"})},
    {"campush_camera_video_frames_total", "counter", "Pictures captured.", CAMPUSH_CAMERA(item.video_frames)},
    {"campush_camera_audio_frames_total", "counter", "Audio frames captured.", CAMPUSH_CAMERA(item.audio_frames)},
    {"campush_camera_keyframes_total", "counter", "Keyframes captured.", CAMPUSH_CAMERA(item.keyframes)},
    {"campush_camera_bytes_total", "counter", "Bytes captured.", CAMPUSH_CAMERA(item.bytes)},
    {"campush_camera_frames_per_second", "gauge", "Pictures captured over the last second.",
     CAMPUSH_CAMERA(item.frame_rate_measured)},
    {"campush_camera_failures_total", "counter", "Times the source failed.", CAMPUSH_CAMERA(item.failures)},
    {"campush_camera_reopens_total", "counter", "Times the source was opened again.", CAMPUSH_CAMERA(item.reopens)},
    {"campush_camera_encode_cpu_ratio", "gauge", "CPU time of the software encoder, in cores.",
     CAMPUSH_CAMERA(item.health.encode_permille / 1000.0)},
    {"campush_camera_lost_pictures_total", "counter", "Pictures the driver or a busy encoder left out.",
     CAMPUSH_CAMERA(item.health.lost_pictures)},
    {"campush_camera_damaged_buffers_total", "counter", "Buffers that the driver marked as bad, or of wrong size.",
     CAMPUSH_CAMERA(item.health.damaged_buffers)},
    {"campush_camera_stalls_total", "counter", "Times no data came for 5 frame periods.",
     CAMPUSH_CAMERA(item.health.stalls)},
    {"campush_camera_sound_overruns_total", "counter", "Times sound was lost because nobody read it in time.",
     CAMPUSH_CAMERA(item.health.overruns)},
    {"campush_camera_sound_drift_ppm", "gauge", "How much faster the sound card runs than the monotonic clock.",
     CAMPUSH_CAMERA(double{1} * item.health.drift_ppm)},
    {"campush_camera_filled_with_silence", "gauge", "1 while silence stands for a missing microphone.",
     CAMPUSH_CAMERA(uint64_t{item.health.is_filled_with_silence})},
};

struct process_view {
  agent_summary agent;
  session_totals totals;
};
#define CAMPUSH_PROCESS(expression) CAMPUSH_SAMPLE(process_view, expression)

constexpr metric<process_view> process_metrics[] = {
    {"campush_build_info", "gauge", "Version as a label; always 1.",
     [](buffer& out, const char* name, const std::string&, const process_view& item, time_point) {
       put(out, name, fmt::format("version=\"{}\"", escaped(item.agent.version)), uint64_t{1});
     }},
    {"campush_start_time_seconds", "gauge", "Wall clock at start, Unix time.",
     CAMPUSH_PROCESS(static_cast<double>(item.agent.started_unix_s))},
    {"campush_uptime_seconds", "gauge", "Since the start.", CAMPUSH_PROCESS(item.agent.uptime_s)},
    {"campush_reloads_total", "counter", "Configuration reloads that were carried out.",
     CAMPUSH_PROCESS(item.agent.reloads)},
    {"campush_failed_reloads_total", "counter", "Reloads refused because of the file.",
     CAMPUSH_PROCESS(item.agent.failed_reloads)},
    {"campush_sessions", "gauge", "Sessions that exist.", CAMPUSH_PROCESS(item.totals.sessions)},
    {"campush_active_sessions", "gauge", "Sessions that are connected.", CAMPUSH_PROCESS(item.totals.active_sessions)},
    {"campush_bytes_sent_total", "counter", "Bytes sent by all sessions.", CAMPUSH_PROCESS(item.totals.bytes_sent)},
    {"campush_failed_connection_attempts_total", "counter", "Attempts of all sessions that did not reach publishing.",
     CAMPUSH_PROCESS(item.totals.failed_attempts)},
    {"campush_average_latency_seconds", "gauge", "Capture to acknowledged, mean of all sessions.",
     CAMPUSH_PROCESS(static_cast<double>(item.totals.average_latency_us) / 1e6)},
    {"campush_keyframes_asked_total", "counter", "Keyframe requests that reached sources.",
     CAMPUSH_PROCESS(item.totals.keyframes_asked)},
    {"campush_keyframes_suppressed_total", "counter", "Keyframe requests gathered into earlier ones.",
     CAMPUSH_PROCESS(item.totals.keyframes_suppressed)},
};

#undef CAMPUSH_PROCESS
#undef CAMPUSH_CAMERA
#undef CAMPUSH_STREAM
#undef CAMPUSH_SESSION
#undef CAMPUSH_SAMPLE

std::string labels_of(const session_status& item) {
  return fmt::format("camera_id=\"{}\",stream=\"{}\",destination=\"{}\"", item.camera_id,
                     escaped(item.stream_name.view()), escaped(item.destination.view()));
}
std::string labels_of(const stream_status& item) {
  return fmt::format("camera_id=\"{}\",stream=\"{}\"", item.key.camera_id, escaped(item.stream_name));
}
std::string labels_of(const camera_summary& item) {
  return fmt::format("camera_id=\"{}\",stream=\"{}\"", item.camera_id, escaped(item.stream_name));
}
std::string labels_of(const process_view&) {
  return {};
}

template <class Item, size_t Count>
void render(buffer& out, const metric<Item> (&table)[Count], const std::vector<Item>& items, time_point now) {
  for (const metric<Item>& entry : table) {
    fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", entry.name, entry.help, entry.name,
                   entry.type);
    for (const Item& item : items) entry.write(out, entry.name, labels_of(item), item, now);
  }
}

template <class Item, size_t Count>
void describe(std::vector<metric_description>& out, const metric<Item> (&table)[Count]) {
  for (const metric<Item>& entry : table) out.push_back({entry.name, entry.type, entry.help});
}

}  // namespace

std::string render_metrics(const agent_control& agent) {
  const time_point now = agent.time().now();
  buffer out;
  render(out, process_metrics, std::vector<process_view>{{agent.summary(), agent.totals()}}, now);
  render(out, session_metrics, agent.sessions(), now);
  render(out, stream_metrics, agent.streams(), now);
  render(out, camera_metrics, agent.cameras(), now);
  return fmt::to_string(out);
}

std::vector<metric_description> describe_metrics() {
  std::vector<metric_description> out;
  describe(out, process_metrics);
  describe(out, session_metrics);
  describe(out, stream_metrics);
  describe(out, camera_metrics);
  return out;
}

}  // namespace campush
