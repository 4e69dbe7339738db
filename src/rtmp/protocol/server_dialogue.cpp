#include "rtmp/protocol/server_dialogue.h"

#include <array>

#include "rtmp/protocol/command_output.h"
#include "rtmp/protocol/handshake.h"

namespace campush {

namespace {

constexpr size_t max_pending_output = 256 * 1024;
constexpr uint32_t max_streams_made = 8;
/// onStatus goes on a chunk stream of its own, as FMS and SRS do it.
constexpr uint32_t status_chunk_stream = 5;
constexpr uint8_t dynamic_limit = 2;

using arguments = std::vector<amf0_value>;

std::string_view text_at(const arguments& values, size_t index) {
  return index < values.size() ? std::string_view(values[index].string) : std::string_view();
}

amf0_value call_of(const arguments& values) {
  return amf0_value::of(values.size() > 1 ? values[1].number : 0.0);
}

amf0_value status_object(std::string_view level, std::string_view code, std::string_view description) {
  return amf0_value::object(
      {{"level", amf0_value::of(level)}, {"code", amf0_value::of(code)}, {"description", amf0_value::of(description)}});
}

std::string_view or_default(const std::string& given, std::string_view usual) {
  return given.empty() ? usual : std::string_view(given);
}

chunk_limits server_limits(chunk_limits limits) {
  limits.accepts_first_type1 = true;
  return limits;
}

}  // namespace

struct server_dialogue::state final : chunk_reader::handler {
  state(const server_dialogue_options& given, server_dialogue_handler& to)
      : options(given),
        events(to),
        shake(std::make_unique<handshake>(handshake_role::server, given.handshake_seed)),
        reader(server_limits(given.limits)) {}

  using command_action = void (state::*)(const rtmp_message&, const arguments&);
  struct command_entry {
    std::string_view name;
    command_action action;
  };
  static const std::array<command_entry, 11> commands;

  result<void> receive(byte_view bytes);
  result<void> on_message(const rtmp_message& message) override;
  result<void> on_command(const rtmp_message& message, byte_view body);

  void on_connect(const rtmp_message& message, const arguments& values);
  void on_create_stream(const rtmp_message& message, const arguments& values);
  void on_publish(const rtmp_message& message, const arguments& values);
  void on_play(const rtmp_message& message, const arguments& values);
  void on_formality(const rtmp_message& message, const arguments& values);
  void on_fc_publish(const rtmp_message& message, const arguments& values);
  void on_fc_unpublish(const rtmp_message& message, const arguments& values);
  void on_delete_stream(const rtmp_message& message, const arguments& values);

  void refuse_connect(const arguments& call, const dialogue_verdict& verdict);
  void answer(const arguments& call, const char* name, std::vector<amf0_value> more);
  void status_on(uint32_t stream, amf0_value information);
  void status_on(uint32_t stream, std::string_view level, std::string_view code, std::string_view description);
  void end_publishing();

  server_dialogue_options options;
  server_dialogue_handler& events;
  std::unique_ptr<handshake> shake;
  chunk_reader reader;
  command_output output{max_pending_output};
  acknowledgement_counter acknowledgements;

  std::string app;
  enhanced_offer offer;
  bool is_connected = false;
  bool closes = false;
  uint32_t streams_made = 0;
  uint32_t publish_stream = 0;  ///< 0: not publishing
  uint32_t status_stream = 1;   ///< where send_status() speaks
};

const std::array<server_dialogue::state::command_entry, 11> server_dialogue::state::commands = {{
    {"connect", &state::on_connect},
    {"createStream", &state::on_create_stream},
    {"publish", &state::on_publish},
    {"play", &state::on_play},
    {"play2", &state::on_play},
    {"releaseStream", &state::on_formality},
    {"_checkbw", &state::on_formality},
    {"FCPublish", &state::on_fc_publish},
    {"FCUnpublish", &state::on_fc_unpublish},
    {"deleteStream", &state::on_delete_stream},
    {"closeStream", &state::on_delete_stream},
}};

result<void> server_dialogue::state::receive(byte_view bytes) {
  if (shake != nullptr) {
    result<size_t> used = shake->feed(bytes, output.raw());
    if (!used) return tl::unexpected<error>(std::move(used.error()));
    bytes = bytes.subview(*used);
    if (!shake->is_done()) return {};
    shake.reset();
  }
  if (result<void> fed = reader.feed(bytes, *this); !fed) return fed;
  if (options.acknowledges && acknowledgements.is_due(reader.bytes_read())) {
    output.write_control(message_type::acknowledgement, static_cast<uint32_t>(reader.bytes_read()));
    acknowledgements.mark_sent(reader.bytes_read());
  }
  return {};
}

result<void> server_dialogue::state::on_message(const rtmp_message& message) {
  if (output.is_overfull()) return fail(error_code::too_big, "client asks more than it reads");
  byte_reader fields(message.payload);
  switch (message.header.type) {
    case message_type::audio:
    case message_type::video:
    case message_type::data_amf0:
    case message_type::data_amf3:
      if (publish_stream != 0 && message.header.message_stream_id == publish_stream) events.on_media(message);
      break;
    case message_type::window_ack_size: acknowledgements.set_window(fields.read_u32()); break;
    case message_type::user_control:
      if (fields.read_u16() == user_control::ping_request) {
        const uint32_t time_ms = fields.read_u32();
        if (!fields.failed()) output.write_user_control(user_control::ping_response, time_ms);
      }
      break;
    case message_type::command_amf0: return on_command(message, message.payload);
    case message_type::command_amf3: return on_command(message, message.payload.subview(1));
    default: break;
  }
  if (fields.failed()) return fail(error_code::protocol_violation, "control message is too short");
  return {};
}

result<void> server_dialogue::state::on_command(const rtmp_message& message, byte_view body) {
  result<arguments> values = read_amf0_all(body);
  if (!values) return tl::unexpected<error>(wrap(std::move(values.error()), "command"));
  if (values->empty() || values->front().type != amf0_type::string) {
    return fail(error_code::protocol_violation, "command has no name");
  }
  const std::string& name = values->front().string;
  if (!is_connected && name != "connect") return fail(error_code::protocol_violation, "command before connect");
  for (const command_entry& each : commands) {
    if (each.name != name) continue;
    (this->*each.action)(message, *values);
    break;
  }
  return {};
}

void server_dialogue::state::answer(const arguments& call, const char* name, std::vector<amf0_value> more) {
  std::vector<amf0_value> values = {amf0_value::of(name), call_of(call)};
  std::move(more.begin(), more.end(), std::back_inserter(values));
  output.write_command(chunk_stream::command, 0, values);
}

void server_dialogue::state::status_on(uint32_t stream, amf0_value information) {
  output.write_command(status_chunk_stream, stream,
                       {amf0_value::of("onStatus"), amf0_value::of(0.0), amf0_value::null(), std::move(information)});
}

void server_dialogue::state::status_on(uint32_t stream, std::string_view level, std::string_view code,
                                       std::string_view description) {
  status_on(stream, status_object(level, code, description));
}

void server_dialogue::state::refuse_connect(const arguments& call, const dialogue_verdict& verdict) {
  closes = closes || verdict.closes;
  amf0_value information = status_object("error", or_default(verdict.code, "NetConnection.Connect.Rejected"),
                                         or_default(verdict.description, "Connection rejected."));
  if (!verdict.redirect.empty()) information.properties.emplace_back("ex", redirect_object(verdict.redirect));
  answer(call, "_error", {amf0_value::null(), std::move(information)});
}

void server_dialogue::state::on_connect(const rtmp_message&, const arguments& values) {
  if (is_connected || values.size() < 3 || !values[2].is_object()) return;
  app = values[2].text("app");
  offer = read_offer(values[2]);
  if (options.claims.refuses_properties && offer.any()) {
    events.on_properties_refused();
    return refuse_connect(values, {false, "NetConnection.Connect.Failed", "Connect failed.", true});
  }
  const dialogue_verdict verdict = events.on_connect(app, values[2].text("tcUrl"));
  if (!verdict.is_accepted) return refuse_connect(values, verdict);
  closes = closes || verdict.closes;
  is_connected = true;
  output.write_control(message_type::window_ack_size, options.window_ack_bytes);
  output.write_peer_bandwidth(options.window_ack_bytes, dynamic_limit);
  output.write_set_chunk_size(options.chunk_size);
  amf0_value properties =
      amf0_value::object({{"fmsVer", amf0_value::of("FMS/3,0,1,123")}, {"capabilities", amf0_value::of(31.0)}});
  amf0_value information = status_object("status", or_default(verdict.code, "NetConnection.Connect.Success"),
                                         or_default(verdict.description, "Connection succeeded."));
  information.properties.emplace_back("objectEncoding", amf0_value::of(0.0));
  append_claims((options.claims_in_properties ? properties : information).properties, options.claims);
  answer(values, "_result", {std::move(properties), std::move(information)});
}

void server_dialogue::state::on_create_stream(const rtmp_message&, const arguments& values) {
  if (streams_made == max_streams_made) {
    answer(values, "_error",
           {amf0_value::null(), status_object("error", "NetConnection.Call.Failed", "Too many streams.")});
    return;
  }
  ++streams_made;
  answer(values, "_result", {amf0_value::null(), amf0_value::of(double(streams_made))});
}

void server_dialogue::state::on_publish(const rtmp_message& message, const arguments& values) {
  const uint32_t stream = message.header.message_stream_id;
  if (stream == 0 || stream > streams_made) {
    return status_on(stream, "error", "NetStream.Failed", "Publish needs a stream made by createStream.");
  }
  if (publish_stream != 0) {
    return status_on(stream, "error", "NetStream.Publish.BadName", "This connection publishes already.");
  }
  const dialogue_verdict verdict = events.on_publish(app, text_at(values, 3));
  closes = closes || verdict.closes;
  status_stream = stream;
  if (!verdict.is_accepted) {
    amf0_value information = status_object("error", or_default(verdict.code, "NetStream.Publish.BadName"),
                                           or_default(verdict.description, "Publishing is refused."));
    if (!verdict.redirect.empty()) {
      information.properties.emplace_back("ex", redirect_object(verdict.redirect, text_at(values, 3)));
    }
    return status_on(stream, std::move(information));
  }
  publish_stream = stream;
  output.write_user_control(user_control::stream_begin, stream);
  status_on(stream, "status", or_default(verdict.code, "NetStream.Publish.Start"),
            or_default(verdict.description, "Start publishing"));
}

void server_dialogue::state::on_play(const rtmp_message& message, const arguments&) {
  status_on(message.header.message_stream_id, "error", "NetStream.Play.Failed", "This server has no players.");
}

void server_dialogue::state::on_formality(const rtmp_message&, const arguments& values) {
  answer(values, "_result", {amf0_value::null(), amf0_value{}});
}

void server_dialogue::state::on_fc_publish(const rtmp_message& message, const arguments& values) {
  on_formality(message, values);
  output.write_command(chunk_stream::command, 0,
                       {amf0_value::of("onFCPublish"), amf0_value::of(0.0), amf0_value::null(),
                        status_object("status", "NetStream.Publish.Start", "FCPublish to stream")});
}

void server_dialogue::state::on_fc_unpublish(const rtmp_message& message, const arguments& values) {
  output.write_command(chunk_stream::command, 0,
                       {amf0_value::of("onFCUnpublish"), amf0_value::of(0.0), amf0_value::null(),
                        status_object("status", "NetStream.Unpublish.Success", "FCUnpublish from stream")});
  on_formality(message, values);
}

void server_dialogue::state::on_delete_stream(const rtmp_message& message, const arguments& values) {
  const bool is_close = message.header.message_stream_id != 0;
  const double named = values.size() > 3 ? values[3].number : 0;
  const bool is_ours = is_close ? message.header.message_stream_id == publish_stream : named == double(publish_stream);
  if (publish_stream != 0 && is_ours) end_publishing();
}

void server_dialogue::state::end_publishing() {
  const uint32_t stream = publish_stream;
  publish_stream = 0;
  status_on(stream, "status", "NetStream.Unpublish.Success", "Stop publishing");
  events.on_unpublish();
}

server_dialogue::server_dialogue(const server_dialogue_options& options, server_dialogue_handler& handler)
    : m_state(std::make_unique<state>(options, handler)) {}
server_dialogue::~server_dialogue() = default;

result<void> server_dialogue::receive(byte_view bytes) {
  result<void> received = m_state->receive(bytes);
  if (!received && received.error().code != error_code::too_big) {
    received.error().code = error_code::protocol_violation;
  }
  return received;
}

byte_view server_dialogue::pending_output() const noexcept {
  return m_state->output.pending();
}
void server_dialogue::consume_output(size_t bytes) noexcept {
  m_state->output.consume(bytes);
}
bool server_dialogue::is_publishing() const noexcept {
  return m_state->publish_stream != 0;
}
const enhanced_offer& server_dialogue::offer() const noexcept {
  return m_state->offer;
}
bool server_dialogue::should_close() const noexcept {
  return m_state->closes;
}

void server_dialogue::send_status(std::string_view level, std::string_view code, std::string_view description) {
  m_state->status_on(m_state->status_stream, level, code, description);
}

void server_dialogue::send_reconnect_request(std::string_view tc_url) {
  amf0_value information = status_object("status", "NetConnection.Connect.ReconnectRequest", "Please connect again.");
  if (!tc_url.empty()) information.properties.emplace_back("tcUrl", amf0_value::of(tc_url));
  m_state->output.write_command(
      chunk_stream::command, 0,
      {amf0_value::of("onStatus"), amf0_value::of(0.0), amf0_value::null(), std::move(information)});
}

void server_dialogue::send_ping(uint32_t time_ms) {
  m_state->output.write_user_control(user_control::ping_request, time_ms);
}

void server_dialogue::send_acknowledgement() {
  m_state->output.write_control(message_type::acknowledgement, static_cast<uint32_t>(m_state->reader.bytes_read()));
  m_state->acknowledgements.mark_sent(m_state->reader.bytes_read());
}

}  // namespace campush
