#include <algorithm>
#include <cstdio>

#include "app/agent_client.h"
#include "server/http_client.h"

namespace campush {

namespace {

constexpr auto answer_timeout = std::chrono::seconds(5);

int refuse(const char* what, const std::string& why, int code) {
  std::fprintf(stderr, "%s%s\n", what, why.c_str());
  return code;
}

/// Those that are meant. Errors: not_found, with the first name that means none.
result<std::vector<session_name>> choose(const std::vector<session_name>& all, const std::vector<std::string>& wanted) {
  std::vector<session_name> chosen;
  for (const std::string& name : wanted) {
    const auto is_meant = [&name](const session_name& session) { return is_named(session, name); };
    if (std::none_of(all.begin(), all.end(), is_meant)) {
      return fail(error_code::not_found, name + ": no such session; campush status lists them");
    }
  }
  for (const session_name& session : all) {
    const bool is_meant = std::any_of(wanted.begin(), wanted.end(),
                                      [&session](const std::string& name) { return is_named(session, name); });
    if (wanted.empty() ? !session.is_connected : is_meant) chosen.push_back(session);
  }
  return chosen;
}

int retry_one(const agent_address& agent, const session_name& session) {
  const std::string target = "/api/v1/sessions/" + session.path() + "/retry";
  const auto answer = http_post(agent.server, target, agent.token, answer_timeout);
  if (!answer) return refuse("no agent answers: ", answer.error().message, exit_failed);
  if (answer->status != 202) return refuse("the agent refuses: ", session.path() + ": " + answer->body, exit_failed);
  std::printf("%s: %s\n", session.path().c_str(), session.is_connected ? "stays connected" : "tries again now");
  return exit_good;
}

}  // namespace

int retry_command(const retry_options& options) {
  const auto agent = find_agent(options.config, options.address, options.token_file);
  if (!agent) return refuse("", agent.error().message, exit_usage);
  const auto answer = http_get(agent->server, "/api/v1/sessions", agent->token, answer_timeout);
  if (!answer) return refuse("no agent answers: ", answer.error().message, exit_failed);
  if (answer->status != 200) return refuse("the agent refuses: ", answer->body, exit_failed);
  const auto all = read_session_names(answer->body);
  if (!all) return refuse("", all.error().message, exit_failed);
  const auto chosen = choose(*all, options.sessions);
  if (!chosen) return refuse("", chosen.error().message, exit_usage);
  if (chosen->empty()) std::puts("every session is connected: nothing to retry");
  int code = exit_good;
  for (const session_name& session : *chosen) code = std::max(code, retry_one(*agent, session));
  return code;
}

}  // namespace campush
