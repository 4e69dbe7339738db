#include "server/api.h"

#include <fmt/format.h>

#include <vector>

#include "server/json.h"
#include "server/metrics.h"

namespace campush {

namespace {

constexpr std::string_view sessions_path = "/api/v1/sessions";

api_reply error_reply(unsigned status, std::string_view text) {
  json_writer out;
  out.begin_object().member("error", text).end_object();
  return {status, "application/json", out.take() + "\n", {}};
}

api_reply json_reply(json_writer& out, unsigned status = 200) {
  return {status, "application/json", out.take() + "\n", {}};
}

/// Compares in a time that does not depend on where the texts differ.
bool is_same_secret(std::string_view left, std::string_view right) noexcept {
  if (right.empty()) return left.empty();
  unsigned difference = left.size() == right.size() ? 0 : 1;
  for (size_t i = 0; i < left.size(); ++i) difference |= static_cast<unsigned>(left[i] ^ right[i % right.size()]);
  return difference == 0;
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high << 4 | low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const size_t end = path.find('/', 1);
    parts.push_back(percent_decoded(path.substr(1, end == std::string_view::npos ? end : end - 1)));
    if (end == std::string_view::npos) break;
    path.remove_prefix(end);
  }
  return parts;
}

bool is_number(std::string_view text, uint64_t value) {
  return text == fmt::format("{}", value);
}

const session_status* find_session(const std::vector<session_status>& all, const std::vector<std::string>& parts) {
  for (const session_status& status : all) {
    if (is_number(parts[0], status.camera_id) &&
        (is_number(parts[1], status.stream_id) || parts[1] == status.stream_name.view()) &&
        parts[2] == status.destination.view()) {
      return &status;
    }
  }
  return nullptr;
}

/// Why a session keeps /ready at 503, or an empty text.
std::string unready_reason(const session_status& status) {
  const std::string name =
      fmt::format("cam{}_stream{}/{}", status.camera_id, status.stream_id, status.destination.view());
  if (status.state != session_state::connected) {
    return fmt::format("{}: {} ({})", name, state_name(status.state), reason_name(status.reason));
  }
  if (!status.is_acknowledging) return fmt::format("{}: connected, but nothing is acknowledged", name);
  return {};
}

api_reply ready(const agent_control& agent) {
  json_writer out;
  std::vector<std::string> reasons;
  for (const session_status& status : agent.sessions()) {
    std::string reason = unready_reason(status);
    if (!reason.empty()) reasons.push_back(std::move(reason));
  }
  out.begin_object().member("ready", reasons.empty()).key("why").begin_array();
  for (const std::string& reason : reasons) out.value(std::string_view(reason));
  out.end_array().end_object();
  return json_reply(out, reasons.empty() ? 200 : 503);
}

api_reply health(const agent_control& agent) {
  const agent_summary summary = agent.summary();
  json_writer out;
  out.begin_object().member("alive", true).member("version", summary.version).member("uptime_s", summary.uptime_s);
  out.end_object();
  return json_reply(out);
}

api_reply metrics(const agent_control& agent) {
  return {200, "text/plain; version=0.0.4; charset=utf-8", render_metrics(agent), {}};
}

api_reply session_list(const agent_control& agent) {
  const time_point now = agent.time().now();
  json_writer out;
  const agent_summary summary = agent.summary();
  const session_totals totals = agent.totals();
  out.begin_object().member("device_id", summary.device_id).member("version", summary.version);
  out.member("uptime_s", summary.uptime_s);
  out.key("totals").begin_object();
  out.member("sessions", totals.sessions).member("active_sessions", totals.active_sessions);
  out.member("bytes_sent", totals.bytes_sent).member("failed_connection_attempts", totals.failed_attempts);
  out.member("average_latency_ms", static_cast<double>(totals.average_latency_us) / 1000);
  out.member("keyframes_asked", totals.keyframes_asked).member("keyframes_suppressed", totals.keyframes_suppressed);
  out.end_object().key("sessions").begin_array();
  for (const session_status& status : agent.sessions()) write_session(out, status, now);
  out.end_array().end_object();
  return json_reply(out);
}

void write_health(json_writer& out, const source_health& health) {
  out.key("health").begin_object().member("encoder", health.encoder);
  out.member("encode_cpu_percent", health.encode_permille / 10.0);
  out.member("lost_pictures", health.lost_pictures).member("damaged_buffers", health.damaged_buffers);
  out.member("stalls", health.stalls).member("overruns", health.overruns);
  out.member("drift_ppm", int64_t{health.drift_ppm}).member("is_filled_with_silence", health.is_filled_with_silence);
  out.end_object();
}

void write_camera(json_writer& out, const camera_summary& camera) {
  const auto optional_seconds = [&](std::string_view name, double seconds) {
    seconds < 0 ? out.key(name).null() : out.member(name, seconds);
  };
  out.begin_object().member("camera_id", uint64_t{camera.camera_id}).member("camera_name", camera.camera_name);
  out.member("stream_id", uint64_t{camera.stream_id}).member("stream", camera.stream_name);
  out.member("source", camera.source).member("state", camera.state);
  out.member("video_codec", camera.video_codec).member("audio_codec", camera.audio_codec);
  out.member("width", uint64_t{camera.width}).member("height", uint64_t{camera.height});
  out.member("frame_rate_declared", camera.frame_rate_declared);
  out.member("frame_rate_measured", camera.frame_rate_measured);
  out.member("video_frames", camera.video_frames).member("audio_frames", camera.audio_frames);
  out.member("keyframes", camera.keyframes).member("bytes", camera.bytes);
  out.member("failures", camera.failures).member("reopens", camera.reopens);
  optional_seconds("last_frame_age_s", camera.last_frame_age_s);
  optional_seconds("next_reopen_in_s", camera.next_reopen_in_s);
  write_health(out, camera.health);
  out.member("last_error", camera.last_error).end_object();
}

api_reply camera_list(const agent_control& agent) {
  json_writer out;
  out.begin_object().key("cameras").begin_array();
  for (const camera_summary& camera : agent.cameras()) write_camera(out, camera);
  out.end_array().end_object();
  return json_reply(out);
}

struct route {
  std::string_view path;
  api_reply (*handle)(const agent_control&);
};
constexpr route routes[] = {
    {"/health", health},
    {"/ready", ready},
    {"/metrics", metrics},
    {sessions_path, session_list},
    {"/api/v1/cameras", camera_list},
};

api_reply not_allowed(std::string_view allowed) {
  api_reply reply = error_reply(405, fmt::format("this path takes {}", allowed));
  reply.allow = allowed;
  return reply;
}

/// /api/v1/sessions/{camera}/{stream}/{destination}[/retry]
api_reply one_session(agent_control& agent, std::string_view method, const std::vector<std::string>& parts) {
  const bool is_retry = parts.size() == 4 && parts[3] == "retry";
  if (parts.size() != 3 && !is_retry)
    return error_reply(404, "expected /api/v1/sessions/{camera}/{stream}/{destination}");
  const std::vector<session_status> all = agent.sessions();
  const session_status* status = find_session(all, parts);
  if (status == nullptr) return error_reply(404, "no such session; GET /api/v1/sessions lists them");
  if (method != (is_retry ? "POST" : "GET")) return not_allowed(is_retry ? "POST" : "GET");
  if (!is_retry) return {200, "application/json", session_json(*status, agent.time().now()) + "\n", {}};
  const auto done = agent.retry({status->camera_id, status->stream_id, std::string(status->destination.view())});
  if (!done) return error_reply(404, done.error().message);
  json_writer out;
  out.begin_object().member("retrying", true).end_object();
  return json_reply(out, 202);
}

}  // namespace

api::api(agent_control& agent, secret_text token) : m_agent(agent), m_token(std::move(token)) {}

api_reply api::handle(const api_request& request) {
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  constexpr std::string_view bearer = "Bearer ";
  if (!m_token.empty() && path != "/health") {
    const bool has_token = request.authorization.substr(0, bearer.size()) == bearer;
    if (!has_token || !is_same_secret(m_token.reveal(), request.authorization.substr(bearer.size()))) {
      return error_reply(401, "send the token: Authorization: Bearer TOKEN");
    }
  }
  if (request.method == "POST" && !request.origin.empty()) {
    return error_reply(403, "a web page may not do this; use curl or another client");
  }
  const std::string_view method = request.method == "HEAD" ? "GET" : request.method;
  for (const route& entry : routes) {
    if (path == entry.path) return method == "GET" ? entry.handle(m_agent) : not_allowed("GET");
  }
  if (path.substr(0, sessions_path.size()) == sessions_path && path.size() > sessions_path.size() &&
      path[sessions_path.size()] == '/') {
    return one_session(m_agent, method, split_path(path.substr(sessions_path.size())));
  }
  return error_reply(404, "no such path; there are /health /ready /metrics /api/v1/sessions /api/v1/cameras");
}

}  // namespace campush
