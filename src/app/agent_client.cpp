#include "app/agent_client.h"

#include "config/loader.h"
#include "server/http_server.h"
#include "server/rapidjson.h"

namespace campush {

namespace {

std::string text_of(const rapidjson::Value& object, const char* name) {
  const auto member = object.FindMember(name);
  return member != object.MemberEnd() && member->value.IsString() ? member->value.GetString() : std::string();
}

uint32_t number_of(const rapidjson::Value& object, const char* name) {
  const auto member = object.FindMember(name);
  return member != object.MemberEnd() && member->value.IsUint() ? member->value.GetUint() : 0;
}

/// The part before the next slash; `rest` is what comes behind it.
std::string_view next_part(std::string_view& rest) {
  const size_t slash = rest.find('/');
  const std::string_view part = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  return part;
}

}  // namespace

result<agent_address> find_agent(const config_choice& config, const std::string& address,
                                 const std::string& token_file) {
  http_options http;
  if (address.empty()) {
    const auto loaded = load_system_config(resolve_config_path(config));
    if (!loaded) return tl::unexpected(loaded.error());
    http = loaded->http;
    if (http.listen.empty()) {
      return fail(error_code::unsupported, "http.listen is empty: the agent of this configuration does not answer");
    }
  } else {
    http.listen = address;
  }
  if (!token_file.empty()) http.token_file = token_file;
  auto server = parse_listen_address(http.listen);
  if (!server) return tl::unexpected(wrap(server.error(), "address"));
  auto token = read_token(http.token_file);
  if (!token) return tl::unexpected(token.error());
  return agent_address{*server, std::move(*token)};
}

std::string session_name::path() const {
  return std::to_string(camera_id) + "/" + stream + "/" + destination;
}

result<std::vector<session_name>> read_session_names(const std::string& body) {
  rapidjson::Document root;
  root.Parse<rapidjson::kParseIterativeFlag>(body.c_str(), body.size());
  const bool is_object = !root.HasParseError() && root.IsObject();
  const auto sessions = is_object ? root.FindMember("sessions") : rapidjson::Value::MemberIterator();
  if (!is_object || sessions == root.MemberEnd() || !sessions->value.IsArray()) {
    return fail(error_code::malformed, "the answer is not that of a campush agent");
  }
  std::vector<session_name> names;
  for (const rapidjson::Value& session : sessions->value.GetArray()) {
    if (!session.IsObject()) continue;
    names.push_back({number_of(session, "camera_id"), number_of(session, "stream_id"), text_of(session, "camera_name"),
                     text_of(session, "stream"), text_of(session, "destination"),
                     text_of(session, "state") == "connected"});
  }
  return names;
}

bool is_named(const session_name& session, std::string_view wanted) {
  const std::string_view camera = next_part(wanted), stream = next_part(wanted), destination = wanted;
  if (camera != std::to_string(session.camera_id) && camera != session.camera_name) return false;
  if (!stream.empty() && stream != std::to_string(session.stream_id) && stream != session.stream) return false;
  return destination.empty() || destination == session.destination;
}

}  // namespace campush
