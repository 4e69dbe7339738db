#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "app/agent_client.h"
#include "app/session_table.h"
#include "server/http_client.h"
#include "server/rapidjson.h"

namespace campush {

namespace {

constexpr auto answer_timeout = std::chrono::seconds(5);

std::string text_of(const rapidjson::Value& object, const char* name) {
  const auto member = object.FindMember(name);
  return member != object.MemberEnd() && member->value.IsString() ? member->value.GetString() : std::string();
}

double number_of(const rapidjson::Value& object, const char* name) {
  const auto member = object.FindMember(name);
  return member != object.MemberEnd() && member->value.IsNumber() ? member->value.GetDouble() : 0;
}

const rapidjson::Value& part_of(const rapidjson::Value& object, const char* name) {
  static const rapidjson::Value& empty = *new rapidjson::Value(rapidjson::kObjectType);
  const auto member = object.FindMember(name);
  return member != object.MemberEnd() && member->value.IsObject() ? member->value : empty;
}

/// As in the table of the demo: what came before a connection's first keyframe is no loss.
uint64_t drops_of(const rapidjson::Value& counts) {
  constexpr std::string_view early = "_before_start";
  double sum = number_of(counts, "total");
  for (const auto& member : counts.GetObject()) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    const bool is_early = name.size() > early.size() && name.substr(name.size() - early.size()) == early;
    if (is_early && member.value.IsNumber()) sum -= member.value.GetDouble();
  }
  return sum > 0 ? static_cast<uint64_t>(sum) : 0;
}

/// Null where there is none.
const rapidjson::Value* list_of(const rapidjson::Value& root, const char* name) {
  if (!root.IsObject()) return nullptr;
  const auto member = root.FindMember(name);
  return member != root.MemberEnd() && member->value.IsArray() ? &member->value : nullptr;
}

bool flag_of(const rapidjson::Value& object, const char* name) {
  const auto member = object.FindMember(name);
  return member != object.MemberEnd() && member->value.IsTrue();
}

std::string connected_detail_of(const rapidjson::Value& session) {
  const rapidjson::Value& bitrate = part_of(session, "adaptive_bitrate");
  const std::string control = text_of(bitrate, "state");
  connected_facts facts;
  facts.url_index = static_cast<uint32_t>(number_of(session, "url_index"));
  facts.target_kbps = static_cast<uint32_t>(number_of(bitrate, "target_kbps"));
  facts.is_on_fallback = flag_of(session, "is_on_fallback");
  facts.bitrate_control = control;
  return connected_detail(facts);
}

session_row row_of(const rapidjson::Value& session) {
  session_row row;
  row.stream = text_of(session, "camera_name") + "/" + text_of(session, "stream");
  row.destination = text_of(session, "destination");
  row.state = text_of(session, "state");
  row.url = text_of(session, "url");
  row.frames_per_second = number_of(session, "frames_per_second");
  row.kbit_per_s = static_cast<uint64_t>(number_of(part_of(session, "bitrate_bps"), "current") / 1000);
  row.dropped = drops_of(part_of(session, "frames_dropped"));
  row.queue_ms = static_cast<uint64_t>(number_of(part_of(session, "queue"), "ms"));
  if (row.state == "connecting") row.detail = text_of(session, "phase");
  row.rtt_ms = number_of(session, "rtt_ms");
  if (row.state == "connected") row.detail = connected_detail_of(session);
  if (row.state == "error" || row.state == "disconnected") row.detail = text_of(session, "reason");
  const double next_retry = number_of(session, "next_retry_in_s");
  if (next_retry > 0) row.detail += ", retry in " + short_duration(next_retry);
  const std::string failure = text_of(part_of(session, "last_error"), "text");
  if (row.state != "connected" && !failure.empty()) row.detail += ": " + failure;
  return row;
}

/// The table of one answer. Errors: malformed.
result<std::string> render_answer(const std::string& body, table_style style) {
  rapidjson::Document root;
  root.Parse<rapidjson::kParseIterativeFlag>(body.c_str(), body.size());
  const rapidjson::Value* sessions = root.HasParseError() ? nullptr : list_of(root, "sessions");
  if (sessions == nullptr) return fail(error_code::malformed, "the answer is not that of a campush agent");
  std::vector<session_row> rows;
  for (const rapidjson::Value& session : sessions->GetArray()) {
    if (session.IsObject()) rows.push_back(row_of(session));
  }
  const rapidjson::Value& totals = part_of(root, "totals");
  return fmt::format("campush {} on {}, up {}: {:.0f} of {:.0f} sessions connected\n{}", text_of(root, "version"),
                     text_of(root, "device_id"), short_duration(number_of(root, "uptime_s")),
                     number_of(totals, "active_sessions"), number_of(totals, "sessions"), render_table(rows, style));
}

int print_once(const agent_address& agent, const status_options& options, table_style style) {
  const auto answer = http_get(agent.server, "/api/v1/sessions", agent.token, answer_timeout);
  if (!answer) {
    std::fprintf(stderr, "no agent answers: %s\n", answer.error().message.c_str());
    return exit_failed;
  }
  if (answer->status != 200) {
    std::fprintf(stderr, "the agent refuses (HTTP %u): %s", answer->status, answer->body.c_str());
    return exit_failed;
  }
  if (options.as_json) {
    std::fputs(answer->body.c_str(), stdout);
    return exit_good;
  }
  const auto text = render_answer(answer->body, style);
  if (!text) {
    std::fprintf(stderr, "%s\n", text.error().message.c_str());
    return exit_failed;
  }
  if (options.is_watching && style == table_style::coloured) std::fputs("\x1b[H\x1b[J", stdout);
  std::fputs(text->c_str(), stdout);
  std::fflush(stdout);
  return exit_good;
}

}  // namespace

int status_command(const status_options& options) {
  const auto agent = find_agent(options.config, options.address, options.token_file);
  if (!agent) {
    std::fprintf(stderr, "%s\n", agent.error().message.c_str());
    return exit_usage;
  }
  const table_style style = ::isatty(STDOUT_FILENO) == 1 ? table_style::coloured : table_style::plain;
  int code = print_once(*agent, options, style);
  while (options.is_watching && !std::ferror(stdout)) {
    ::sleep(1);
    code = print_once(*agent, options, style);
  }
  return code;
}

}  // namespace campush
