#include "sink_report.h"

#include <fmt/format.h>

#include <cstdio>

#include "server/json.h"

namespace campush {

namespace {

constexpr size_t max_table_rows = 20;

double seconds_between(time_point from, time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

double lifetime_s(const rtmp_stream_stats& stream, time_point now) {
  return seconds_between(stream.started_at, stream.is_live ? now : stream.ended_at);
}

void print_line(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

void write_track(json_writer& out, const char* name, const track_times& track, const char* codec) {
  out.key(name).begin_object();
  out.member("codec", codec).member("frames", track.count);
  out.member("first_ms", uint64_t{track.first_ms}).member("last_ms", uint64_t{track.last_ms});
  out.member("gaps", track.gaps).member("backward_steps", track.backward_steps);
  out.member("largest_step_ms", uint64_t{track.largest_step_ms}).end_object();
}

void write_stream(json_writer& out, const rtmp_stream_stats& stream, time_point now) {
  out.member("id", stream.id).member("app", stream.app).member("stream", stream.shown_name);
  out.member("remote", stream.remote.to_string()).member("live", stream.is_live);
  if (!stream.is_live) out.member("end_reason", stream.end_reason);
  if (!stream.recording.empty()) out.member("recording", stream.recording);
  out.member("seconds", lifetime_s(stream, now));
  out.member("wire_bytes", stream.wire_bytes).member("payload_bytes", stream.payload_bytes);
  out.member("metadata", stream.metadata).member("video_headers", stream.video_headers);
  out.member("audio_headers", stream.audio_headers).member("keyframes", stream.keyframes).member("other", stream.other);
  write_track(out, "video", stream.video, stream.video_codec);
  write_track(out, "audio", stream.audio, stream.audio_codec);
  out.key("pictures").begin_object().member("marked", stream.pictures.pictures());
  out.member("missing_references", stream.pictures.missing_references());
  out.member("skipped", stream.pictures.skipped()).end_object();
}

void write_totals(json_writer& out, const rtmp_server_totals& totals) {
  out.member("connections", totals.connections_accepted).member("connections_open", totals.connections_open);
  out.member("publishes", totals.publishes_accepted).member("publishes_refused", totals.publishes_refused);
  out.member("connects_refused", totals.connects_refused).member("protocol_errors", totals.protocol_errors);
}

std::string summary_line(const rtmp_stream_stats& stream, time_point now) {
  std::string line = fmt::format(
      "{}/{}: {:.1f} s, {} pictures ({} keyframes) {}, {} audio frames {}, {:.2f} MB, {} gaps, {} backward steps",
      stream.app, stream.shown_name, lifetime_s(stream, now), stream.video.count, stream.keyframes, stream.video_codec,
      stream.audio.count, stream.audio_codec, static_cast<double>(stream.payload_bytes) / 1e6,
      stream.video.gaps + stream.audio.gaps, stream.video.backward_steps + stream.audio.backward_steps);
  if (stream.pictures.pictures() != 0) {
    line += fmt::format(", {} marked pictures, {} skipped, {} without their reference", stream.pictures.pictures(),
                        stream.pictures.skipped(), stream.pictures.missing_references());
  }
  if (!stream.recording.empty()) line += ", recorded to " + stream.recording;
  line += stream.is_live ? ", live" : ", ended: " + stream.end_reason;
  return to_valid_utf8(line);
}

}  // namespace

void sink_report::print_listening(const endpoint& at) {
  if (m_form != report_form::json) return print_line("listening " + at.to_string());
  json_writer out;
  out.begin_object().member("event", "listening").member("address", at.to_string());
  out.member("port", uint64_t{at.port}).end_object();
  print_line(out.take());
}

void sink_report::print_event(const char* event, const rtmp_stream_stats& stream, time_point now) {
  if (m_form == report_form::json) {
    json_writer out;
    out.begin_object().member("event", event);
    write_stream(out, stream, now);
    out.end_object();
    return print_line(out.take());
  }
  clear_table();
  const std::string what = stream.is_live
                               ? fmt::format("{}/{} from {}", stream.app, stream.shown_name, stream.remote.to_string())
                               : summary_line(stream, now);
  print_line(fmt::format("{:<8} {}", event, to_valid_utf8(what)));
}

sink_report::rates sink_report::measure(const rtmp_stream_stats& stream, time_point now) {
  mark& last = m_marks.try_emplace(stream.id, mark{stream.started_at, 0, 0}).first->second;
  const double span_s = seconds_between(last.at, now);
  rates measured;
  if (span_s > 0) {
    measured.fps = static_cast<double>(stream.video.count - last.pictures) / span_s;
    measured.kbit_per_s = static_cast<double>(stream.payload_bytes - last.bytes) * 8 / 1000 / span_s;
  }
  last = {now, stream.video.count, stream.payload_bytes};
  return measured;
}

void sink_report::print_second(const rtmp_server& server, time_point now) {
  if (m_form == report_form::lines) return;
  std::vector<rtmp_stream_stats> live;
  for (rtmp_stream_stats& each : server.streams()) {
    if (each.is_live) {
      live.push_back(std::move(each));
    } else {
      m_marks.erase(each.id);
    }
  }
  if (m_form == report_form::table) return print_table(live, now);
  json_writer out;
  out.begin_object().member("event", "second");
  write_totals(out, server.totals());
  out.key("streams").begin_array();
  for (const rtmp_stream_stats& each : live) {
    const rates now_rates = measure(each, now);
    out.begin_object().member("fps", now_rates.fps).member("kbit_per_s", now_rates.kbit_per_s);
    write_stream(out, each, now);
    out.end_object();
  }
  out.end_array().end_object();
  print_line(out.take());
}

void sink_report::clear_table() {
  if (m_table_lines != 0) fmt::print("\x1b[{}A\x1b[J", m_table_lines);
  m_table_lines = 0;
}

void sink_report::print_table(const std::vector<rtmp_stream_stats>& streams, time_point now) {
  clear_table();
  print_line(fmt::format("{:<24} {:>7} {:>6} {:>8} {:>8} {:>8} {:>6} {:>5} {:>7} {:<12}", "stream", "seconds", "fps",
                         "kbit/s", "pictures", "audio", "keys", "gaps", "missing", "codecs"));
  m_table_lines = 1;
  for (const rtmp_stream_stats& each : streams) {
    const rates measured = measure(each, now);
    if (m_table_lines > max_table_rows) continue;
    const std::string name = to_valid_utf8(each.app + '/' + each.shown_name);
    print_line(fmt::format("{:<24.24} {:>7.0f} {:>6.1f} {:>8.0f} {:>8} {:>8} {:>6} {:>5} {:>7} {}+{}", name,
                           lifetime_s(each, now), measured.fps, measured.kbit_per_s, each.video.count, each.audio.count,
                           each.keyframes, each.video.gaps + each.audio.gaps, each.pictures.missing_references(),
                           each.video_codec, each.audio_codec));
    ++m_table_lines;
  }
  if (streams.size() > max_table_rows) {
    print_line(fmt::format("and {} more", streams.size() - max_table_rows));
    ++m_table_lines;
  }
}

void sink_report::print_summary(const rtmp_server& server, time_point now) {
  const rtmp_server_totals& totals = server.totals();
  if (m_form == report_form::json) {
    json_writer out;
    out.begin_object().member("event", "summary");
    write_totals(out, totals);
    out.key("streams").begin_array();
    for (const rtmp_stream_stats& each : server.streams()) {
      out.begin_object();
      write_stream(out, each, now);
      out.end_object();
    }
    out.end_array().end_object();
    return print_line(out.take());
  }
  clear_table();
  print_line(fmt::format("{} connections, {} publishes, {} refused, {} protocol errors", totals.connections_accepted,
                         totals.publishes_accepted, totals.connects_refused + totals.publishes_refused,
                         totals.protocol_errors));
  for (const rtmp_stream_stats& each : server.streams()) print_line(summary_line(each, now));
}

}  // namespace campush
