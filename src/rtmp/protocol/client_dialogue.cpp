#include "rtmp/protocol/client_dialogue.h"

#include <algorithm>
#include <array>
#include <utility>

#include "rtmp/protocol/command_output.h"
#include "rtmp/protocol/handshake.h"
#include "rtmp/protocol/publisher_auth.h"

namespace campush {

namespace {

constexpr size_t max_pending_output = 64 * 1024;
constexpr size_t max_description_bytes = 200;
constexpr size_t max_challenge_bytes = 1024;

/// Transaction ids are fixed: one connection publishes one stream once.
namespace transaction {
constexpr double connect = 1, release_stream = 2, fc_publish = 3, create_stream = 4, publish = 5, fc_unpublish = 6,
                 delete_stream = 7;
}

struct code_meaning {
  std::string_view code;
  dialogue_failure failure;
};

/// Codes that mean a failure whatever level they come with (facts/rtmp 5.3).
constexpr code_meaning failing_codes[] = {
    {"NetStream.Publish.BadName", dialogue_failure::name_in_use},
    {"NetStream.Publish.Denied", dialogue_failure::denied},
    {"NetStream.Publish.BadAuth", dialogue_failure::denied},
    {"NetStream.Publish.Unauthorized", dialogue_failure::denied},
    {"NetStream.Publish.Rejected", dialogue_failure::denied},
    {"NetStream.Record.NoAccess", dialogue_failure::denied},
    {"NetConnection.Connect.Rejected", dialogue_failure::denied},
    {"NetConnection.Connect.InvalidApp", dialogue_failure::denied},
    {"NetConnection.Connect.Unauthorized", dialogue_failure::denied},
    {"NetConnection.Connect.BadAuth", dialogue_failure::denied},
    {"NetConnection.Connect.Closed", dialogue_failure::closed_by_server},
    {"NetConnection.Connect.AppShutdown", dialogue_failure::server_error},
    {"NetConnection.Connect.Failed", dialogue_failure::server_error},
    {"NetStream.Failed", dialogue_failure::server_error},
};

dialogue_failure meaning_of(std::string_view level, std::string_view code) {
  for (const code_meaning& each : failing_codes) {
    if (each.code == code) return each.failure;
  }
  return level == "error" ? dialogue_failure::server_error : dialogue_failure::none;
}

/// Shorter parts stand in every second word.
constexpr size_t min_secret_bytes = 3;

void hide(std::string& text, std::string_view secret) {
  if (secret.size() < min_secret_bytes) return;
  for (size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
    text.replace(at, secret.size(), "***");
  }
}

/// Hides `secret` whole and in the parts of its path and query: servers repeat either.
void hide_parts(std::string& text, std::string_view secret) {
  hide(text, secret);
  while (!secret.empty()) {
    const size_t end = std::min(secret.find_first_of("/?&="), secret.size());
    hide(text, secret.substr(0, end));
    secret.remove_prefix(std::min(end + 1, secret.size()));
  }
}

const amf0_value* first_object(const std::vector<amf0_value>& values, size_t from) {
  for (size_t i = from; i < values.size(); ++i) {
    if (values[i].is_object()) return &values[i];
  }
  return nullptr;
}

/// The last object of a command is the information object: `_result` of connect has properties before it.
const amf0_value* information_of(const std::vector<amf0_value>& values) {
  const amf0_value* found = nullptr;
  for (size_t i = 2; i < values.size(); ++i) {
    if (values[i].is_object()) found = &values[i];
  }
  return found;
}

}  // namespace

const char* dialogue_failure_name(dialogue_failure failure) noexcept {
  switch (failure) {
    case dialogue_failure::none: return "none";
    case dialogue_failure::closed_by_server: return "closed_by_server";
    case dialogue_failure::name_in_use: return "name_in_use";
    case dialogue_failure::denied: return "denied";
    case dialogue_failure::server_error: return "server_error";
    case dialogue_failure::protocol_violation: return "protocol_violation";
    case dialogue_failure::auth_needed: return "auth_needed";
    case dialogue_failure::redirected: return "redirected";
  }
  return "unknown";
}

struct client_dialogue::state final : chunk_reader::handler {
  explicit state(client_dialogue_options given)
      : options(std::move(given)),
        shake(std::make_unique<handshake>(handshake_role::client, options.handshake_seed)),
        reader(options.limits) {}

  using arguments = std::vector<amf0_value>;
  using command_action = result<void> (state::*)(const arguments&);
  struct command_entry {
    std::string_view name;
    command_action action;
  };
  static const std::array<command_entry, 6> commands;

  result<void> receive(byte_view bytes);
  result<void> on_message(const rtmp_message& message) override;
  result<void> on_user_control(byte_view payload);
  result<void> on_command(byte_view payload);

  result<void> on_result(const arguments& values);
  result<void> on_error(const arguments& values);
  result<void> on_status(const arguments& values);
  result<void> on_fc_publish(const arguments& values);
  result<void> on_fc_unpublish(const arguments& values);
  result<void> on_close(const arguments& values);

  void send_connect();
  void on_connected(const arguments& values);
  void on_reconnect_request(const amf0_value& info);
  void send_publish();
  void call_with_key(const char* command, double id, std::vector<amf0_value> more = {}, uint32_t stream = 0);
  void fail_with(dialogue_failure reason, std::string_view code, std::string_view text);
  void fail_from(dialogue_failure reason, const amf0_value* info, std::string_view fallback);
  bool is_invitation(const amf0_value& info, std::string_view text);

  client_dialogue_options options;
  std::unique_ptr<handshake> shake;  ///< gone once done
  chunk_reader reader;
  command_output output{max_pending_output};
  acknowledgement_counter acknowledgements;

  dialogue_phase phase = dialogue_phase::idle;
  dialogue_failure failure = dialogue_failure::none;
  std::string description;
  std::unique_ptr<error> violation;
  server_capabilities capabilities;
  std::string challenge, redirect;
  std::optional<std::string> reconnect_request;
  bool is_connected = false;
  uint32_t stream_id = 0;
  bool has_stream = false;
  bool holds_publish = false;
  bool has_sent_publish = false;
  bool is_unpublished = false;
  uint32_t announced_window = 0;
  uint64_t acknowledged = 0;
};

const std::array<client_dialogue::state::command_entry, 6> client_dialogue::state::commands = {{
    {"_result", &state::on_result},
    {"_error", &state::on_error},
    {"onStatus", &state::on_status},
    {"onFCPublish", &state::on_fc_publish},
    {"onFCUnpublish", &state::on_fc_unpublish},
    {"close", &state::on_close},
}};

result<void> client_dialogue::state::receive(byte_view bytes) {
  if (shake != nullptr) {
    result<size_t> used = shake->feed(bytes, output.raw());
    if (!used) return tl::unexpected<error>(std::move(used.error()));
    bytes = bytes.subview(*used);
    if (!shake->is_done()) return {};
    shake.reset();
    send_connect();
  }
  if (bytes.empty()) return {};
  if (result<void> fed = reader.feed(bytes, *this); !fed) return fed;
  if (acknowledgements.is_due(reader.bytes_read())) {
    output.write_control(message_type::acknowledgement, static_cast<uint32_t>(reader.bytes_read()));
    acknowledgements.mark_sent(reader.bytes_read());
  }
  return {};
}

result<void> client_dialogue::state::on_message(const rtmp_message& message) {
  if (phase == dialogue_phase::failed) return {};
  if (output.is_overfull()) return fail(error_code::too_big, "server asks more than it reads");
  byte_reader fields(message.payload);
  switch (message.header.type) {
    case message_type::acknowledgement: acknowledged = fields.read_u32(); break;
    case message_type::window_ack_size: acknowledgements.set_window(fields.read_u32()); break;
    case message_type::set_peer_bandwidth:
      if (const uint32_t window = fields.read_u32(); window != announced_window && !fields.failed()) {
        announced_window = window;
        output.write_control(message_type::window_ack_size, window);
      }
      break;
    case message_type::user_control: return on_user_control(message.payload);
    case message_type::command_amf0: return on_command(message.payload);
    case message_type::command_amf3: return on_command(message.payload.subview(1));  // behind a zero byte it is AMF0
    default: break;
  }
  if (fields.failed()) return fail(error_code::protocol_violation, "control message is too short");
  return {};
}

result<void> client_dialogue::state::on_user_control(byte_view payload) {
  byte_reader fields(payload);
  if (fields.read_u16() == user_control::ping_request) {
    const uint32_t time_ms = fields.read_u32();
    if (!fields.failed()) output.write_user_control(user_control::ping_response, time_ms);
  }
  if (fields.failed()) return fail(error_code::protocol_violation, "control message is too short");
  return {};
}

result<void> client_dialogue::state::on_command(byte_view payload) {
  result<arguments> values = read_amf0_all(payload);
  if (!values) return tl::unexpected<error>(wrap(std::move(values.error()), "command"));
  if (values->empty() || values->front().type != amf0_type::string) {
    return fail(error_code::protocol_violation, "command has no name");
  }
  for (const command_entry& each : commands) {
    if (each.name == values->front().string) return (this->*each.action)(*values);
  }
  return {};  // onBWDone and whatever else servers say needs no answer
}

result<void> client_dialogue::state::on_result(const arguments& values) {
  if (values.size() < 2) return {};
  if (values[1].number == transaction::connect && phase == dialogue_phase::connect) {
    const amf0_value* info = information_of(values);
    const dialogue_failure refused =
        info == nullptr ? dialogue_failure::none : meaning_of(info->text("level"), info->text("code"));
    if (refused != dialogue_failure::none) {
      fail_from(refused, info, "connect was refused");
    } else {
      on_connected(values);
    }
  } else if (values[1].number == transaction::create_stream && phase == dialogue_phase::publish && !has_stream) {
    const double id = values.size() > 3 ? values[3].number : -1;
    if (!(id >= 1 && id <= 0xffffffff))
      return fail(error_code::protocol_violation, "createStream answered without a stream");
    stream_id = static_cast<uint32_t>(id);
    has_stream = true;
    if (!holds_publish) send_publish();
  }
  return {};
}

result<void> client_dialogue::state::on_error(const arguments& values) {
  if (values.size() < 2) return {};
  const double call = values[1].number;
  const amf0_value* info = information_of(values);
  const std::string_view code = info == nullptr ? std::string_view() : info->text("code");
  const dialogue_failure meaning = meaning_of("error", code);
  // Servers answer _error to releaseStream and FCPublish because they do not know them; only a name in use counts.
  const bool is_formality = call == transaction::release_stream ||
                            (call == transaction::fc_publish && meaning != dialogue_failure::name_in_use);
  const bool is_awaited = call >= transaction::connect && call <= transaction::publish && !is_formality;
  const bool is_setting_up = phase == dialogue_phase::connect || phase == dialogue_phase::publish;
  if (is_awaited && is_setting_up) fail_from(meaning, info, "request was refused");
  return {};
}

result<void> client_dialogue::state::on_status(const arguments& values) {
  const amf0_value* info = first_object(values, 1);
  if (info == nullptr) return {};
  const std::string_view code = info->text("code");
  if (code == "NetStream.Publish.Start") {
    if (phase == dialogue_phase::publish && has_sent_publish) phase = dialogue_phase::publishing;
    return {};
  }
  if (code == "NetStream.Unpublish.Success") {
    if (phase == dialogue_phase::unpublishing) is_unpublished = true;
    if (phase == dialogue_phase::publishing) fail_from(dialogue_failure::closed_by_server, info, "unpublished");
    return {};
  }
  if (code == "NetConnection.Connect.ReconnectRequest") {
    on_reconnect_request(*info);
    return {};
  }
  const dialogue_failure meaning = meaning_of(info->text("level"), code);
  if (meaning != dialogue_failure::none && phase != dialogue_phase::unpublishing) fail_from(meaning, info, "error");
  return {};
}

result<void> client_dialogue::state::on_fc_publish(const arguments& values) {
  const amf0_value* info = first_object(values, 1);
  if (info == nullptr || phase != dialogue_phase::publish) return {};
  const dialogue_failure meaning = meaning_of(info->text("level"), info->text("code"));
  if (meaning == dialogue_failure::name_in_use || meaning == dialogue_failure::denied) fail_from(meaning, info, "");
  return {};
}

result<void> client_dialogue::state::on_fc_unpublish(const arguments& values) {
  if (phase == dialogue_phase::publishing) {
    fail_from(dialogue_failure::closed_by_server, first_object(values, 1), "onFCUnpublish");
  }
  return {};
}

result<void> client_dialogue::state::on_close(const arguments&) {
  if (phase == dialogue_phase::unpublishing) {
    is_unpublished = true;
  } else {
    fail_with(dialogue_failure::closed_by_server, "close", "");
  }
  return {};
}

void client_dialogue::state::send_connect() {
  const std::string& query = options.auth_query.reveal();
  std::vector<amf0_value::property> properties = {{"app", amf0_value::of(append_query(options.app, query))},
                                                  {"type", amf0_value::of("nonprivate")},
                                                  {"flashVer", amf0_value::of(options.flash_ver)},
                                                  {"swfUrl", amf0_value::of(options.tc_url)},
                                                  {"tcUrl", amf0_value::of(append_query(options.tc_url, query))}};
  append_offer(properties, options.enhanced);
  output.write_set_chunk_size(options.chunk_size);
  output.write_command(
      chunk_stream::command, 0,
      {amf0_value::of("connect"), amf0_value::of(transaction::connect), amf0_value::object(std::move(properties))});
  phase = dialogue_phase::connect;
}

void client_dialogue::state::call_with_key(const char* command, double id, std::vector<amf0_value> more,
                                           uint32_t stream) {
  std::vector<amf0_value> values = {amf0_value::of(command), amf0_value::of(id), amf0_value::null(),
                                    amf0_value::of(options.stream_key.reveal())};
  std::move(more.begin(), more.end(), std::back_inserter(values));
  output.write_command(stream == 0 ? chunk_stream::command : chunk_stream::publish, stream, values);
}

void client_dialogue::state::on_connected(const arguments& values) {
  phase = dialogue_phase::publish;
  is_connected = true;
  capabilities = read_capabilities(values);
  call_with_key("releaseStream", transaction::release_stream);
  call_with_key("FCPublish", transaction::fc_publish);
  output.write_command(
      chunk_stream::command, 0,
      {amf0_value::of("createStream"), amf0_value::of(transaction::create_stream), amf0_value::null()});
}

void client_dialogue::state::send_publish() {
  has_sent_publish = true;
  call_with_key("publish", transaction::publish, {amf0_value::of("live")}, stream_id);
}

void client_dialogue::state::fail_from(dialogue_failure reason, const amf0_value* info, std::string_view fallback) {
  if (info == nullptr) return fail_with(reason, "", fallback);
  const std::string_view text = info->text("description");
  if (reason == dialogue_failure::denied && is_invitation(*info, text)) return;
  fail_with(reason, info->text("code"), text.empty() ? fallback : text);
}

/// A refusal that says how to do better: elsewhere, or with a password.
bool client_dialogue::state::is_invitation(const amf0_value& info, std::string_view text) {
  redirect = read_redirect(info, options.stream_key.reveal());
  if (!redirect.empty()) {
    fail_with(dialogue_failure::redirected, info.text("code"), text);
    return true;
  }
  if (is_connected || parse_auth_challenge(text).method == auth_method::none) return false;
  challenge = text.substr(0, max_challenge_bytes);
  fail_with(dialogue_failure::auth_needed, info.text("code"), "the server asks for a user and a password");
  return true;
}

void client_dialogue::state::on_reconnect_request(const amf0_value& info) {
  const std::string_view tc_url = info.text("tcUrl");
  if (is_connected && is_plain_address(tc_url)) reconnect_request = std::string(tc_url);
}

void client_dialogue::state::fail_with(dialogue_failure reason, std::string_view code, std::string_view text) {
  phase = dialogue_phase::failed;
  failure = reason;
  description = code;
  if (!code.empty() && !text.empty()) description += ": ";
  description += text;
  hide_parts(description, options.stream_key.reveal());
  hide_parts(description, options.auth_query.reveal());
  const size_t app_query = options.is_app_secret ? 0 : std::min(options.app.find('?'), options.app.size());
  hide_parts(description, std::string_view(options.app).substr(app_query));
  for (char& each : description) {
    if (each < ' ' || each > '~') each = '?';
  }
  if (description.size() > max_description_bytes) description.resize(max_description_bytes);
}

client_dialogue::client_dialogue(client_dialogue_options options)
    : m_state(std::make_unique<state>(std::move(options))) {}
client_dialogue::~client_dialogue() = default;

void client_dialogue::start() {
  if (m_state->phase != dialogue_phase::idle) return;
  m_state->phase = dialogue_phase::handshake;
  m_state->shake->start(m_state->output.raw());
}

result<void> client_dialogue::receive(byte_view bytes) {
  if (m_state->violation != nullptr) return tl::unexpected<error>(*m_state->violation);
  if (m_state->phase == dialogue_phase::idle || m_state->phase == dialogue_phase::failed) return {};
  result<void> received = m_state->receive(bytes);
  if (received) return received;
  error& why = received.error();
  if (why.code != error_code::too_big) why.code = error_code::protocol_violation;
  m_state->fail_with(dialogue_failure::protocol_violation, "", why.message);
  m_state->violation = std::make_unique<error>(why);
  return received;
}

byte_view client_dialogue::pending_output() const noexcept {
  return m_state->output.pending();
}
void client_dialogue::consume_output(size_t bytes) noexcept {
  m_state->output.consume(bytes);
}
dialogue_phase client_dialogue::phase() const noexcept {
  return m_state->phase;
}
dialogue_failure client_dialogue::failure() const noexcept {
  return m_state->failure;
}
const std::string& client_dialogue::description() const noexcept {
  return m_state->description;
}
bool client_dialogue::is_connected() const noexcept {
  return m_state->is_connected;
}
const server_capabilities& client_dialogue::capabilities() const noexcept {
  return m_state->capabilities;
}
const std::string& client_dialogue::auth_challenge_text() const noexcept {
  return m_state->challenge;
}
const std::string& client_dialogue::redirect_target() const noexcept {
  return m_state->redirect;
}
std::optional<std::string> client_dialogue::take_reconnect_request() {
  return std::exchange(m_state->reconnect_request, std::nullopt);
}
uint32_t client_dialogue::message_stream_id() const noexcept {
  return m_state->stream_id;
}
uint32_t client_dialogue::chunk_size() const noexcept {
  return m_state->options.chunk_size;
}
uint64_t client_dialogue::acknowledged_bytes() const noexcept {
  return m_state->acknowledged;
}
bool client_dialogue::is_unpublished() const noexcept {
  return m_state->is_unpublished;
}
void client_dialogue::hold_publish() noexcept {
  m_state->holds_publish = true;
}

bool client_dialogue::is_ready_to_publish() const noexcept {
  return m_state->phase == dialogue_phase::publish && m_state->has_stream && !m_state->has_sent_publish;
}

void client_dialogue::publish() {
  m_state->holds_publish = false;
  if (is_ready_to_publish()) m_state->send_publish();
}

void client_dialogue::unpublish() {
  const bool is_up = m_state->phase == dialogue_phase::publish || m_state->phase == dialogue_phase::publishing;
  if (!is_up || !m_state->has_stream) return;
  m_state->phase = dialogue_phase::unpublishing;
  m_state->call_with_key("FCUnpublish", transaction::fc_unpublish);
  m_state->output.write_command(chunk_stream::command, 0,
                                {amf0_value::of("deleteStream"), amf0_value::of(transaction::delete_stream),
                                 amf0_value::null(), amf0_value::of(double(m_state->stream_id))});
}

}  // namespace campush
