#include "rtmp/protocol/client_dialogue.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>

#include "fakes/wire_text.h"
#include "rtmp/protocol/amf0.h"
#include "rtmp/protocol/chunk_writer.h"
#include "rtmp/protocol/handshake.h"

namespace campush {
namespace {

constexpr const char* stream_key = "gate?token=s3cret&u=7";

client_dialogue_options usual_options() {
  client_dialogue_options options;
  options.app = "live";
  options.tc_url = "rtmp://server/live";
  options.stream_key = secret_text(stream_key);
  return options;
}

amf0_value status(const char* level, const char* code, const char* description) {
  return amf0_value::object(
      {{"level", amf0_value::of(level)}, {"code", amf0_value::of(code)}, {"description", amf0_value::of(description)}});
}

/// A server that says only what the test tells it to, and a record of what the client said.
class scripted_server : public chunk_reader::handler {
 public:
  explicit scripted_server(client_dialogue_options options = usual_options()) : client(std::move(options)) {}

  void shake_hands() {
    client.start();
    std::vector<uint8_t> answers;
    pump_handshake(answers);
    feed(answers, 1000000);
    pump_handshake(answers);
    ASSERT_TRUE(m_shake.is_done());
    read_client();
  }

  /// Sends bytes to the client in pieces; keeps its first error.
  void feed(byte_view bytes, size_t piece) {
    for (size_t at = 0; at < bytes.size(); at += piece) {
      result<void> outcome = client.receive(bytes.subview(at, piece));
      if (!outcome && !failure) failure = outcome.error();
    }
  }
  void say_raw(message_type type, byte_view body, uint32_t message_stream_id = 0) {
    std::vector<uint8_t> bytes;
    append_chunked(bytes, {type, chunk_stream::control, 0, message_stream_id}, body, 128);
    feed(bytes, piece_size);
    read_client();
  }
  void say(const std::vector<amf0_value>& values, message_type type = message_type::command_amf0) {
    std::vector<uint8_t> body;
    if (type == message_type::command_amf3) body.push_back(0);
    byte_writer writer(body);
    for (const amf0_value& each : values) write_amf0(writer, each);
    say_raw(type, body);
  }
  void answer(const char* name, double call, amf0_value third, amf0_value fourth) {
    say({amf0_value::of(name), amf0_value::of(call), std::move(third), std::move(fourth)});
  }
  void accept_connect() {
    answer("_result", 1, amf0_value::object({{"fmsVer", amf0_value::of("FMS/3,0,1,123")}}),
           status("status", "NetConnection.Connect.Success", "Connection succeeded."));
  }
  void accept_create_stream(double id = 1) { answer("_result", 4, amf0_value::null(), amf0_value::of(id)); }
  void say_status(const char* level, const char* code, double call = 0, const char* description = "text") {
    answer("onStatus", call, amf0_value::null(), status(level, code, description));
  }
  void start_publishing() {
    shake_hands();
    accept_connect();
    accept_create_stream();
    say_status("status", "NetStream.Publish.Start");
  }

  result<void> on_message(const rtmp_message& message) override {
    if (message.header.type == message_type::command_amf0) {
      commands.push_back(*read_amf0_all(message.payload));
      command_headers.push_back(message.header);
    } else {
      controls.push_back({message.header.type, message.payload.to_vector()});
    }
    return {};
  }
  void read_client() {
    ASSERT_TRUE(m_reader.feed(client.pending_output(), *this));
    client.consume_output(client.pending_output().size());
  }
  std::vector<std::string> command_names() const {
    std::vector<std::string> names;
    for (const auto& each : commands) names.push_back(each.front().string);
    return names;
  }

  client_dialogue client;
  std::vector<std::vector<amf0_value>> commands;
  std::vector<message_header> command_headers;
  std::vector<std::pair<message_type, std::vector<uint8_t>>> controls;
  std::optional<error> failure;
  size_t piece_size = 1000000;

 private:
  void pump_handshake(std::vector<uint8_t>& answers) {
    const result<size_t> used = m_shake.feed(client.pending_output(), answers);
    ASSERT_TRUE(used);
    client.consume_output(*used);
  }

  handshake m_shake{handshake_role::server, 1};
  chunk_reader m_reader{chunk_limits{}};
};

using names = std::vector<std::string>;

TEST(client_dialogue, says_nothing_before_start) {
  scripted_server server;
  EXPECT_EQ(server.client.phase(), dialogue_phase::idle);
  EXPECT_TRUE(server.client.pending_output().empty());
  EXPECT_TRUE(server.client.receive(wire("FF")));
}

TEST(client_dialogue, sends_no_command_before_the_handshake_is_done) {
  client_dialogue client(usual_options());
  client.start();
  EXPECT_EQ(client.phase(), dialogue_phase::handshake);
  client.consume_output(client.pending_output().size());
  std::vector<uint8_t> answers(1 + 2 * handshake::part_bytes - 1, 3);
  ASSERT_TRUE(client.receive(answers));
  EXPECT_EQ(client.pending_output().size(), handshake::part_bytes) << "more than C2";
  ASSERT_TRUE(client.receive(wire("00")));
  EXPECT_EQ(client.phase(), dialogue_phase::connect);
}

TEST(client_dialogue, announces_its_chunk_size_and_then_connects_with_these_bytes) {
  client_dialogue client(usual_options());
  client.start();
  client.consume_output(client.pending_output().size());
  ASSERT_TRUE(client.receive(std::vector<uint8_t>(1 + 2 * handshake::part_bytes, 3)));
  const byte_view out = client.pending_output().subview(handshake::part_bytes);
  const std::vector<uint8_t> connect = wire(
      "02 00 07 'connect' 00 3F F0 00 00 00 00 00 00 03"
      "00 03 'app' 02 00 04 'live'"
      "00 04 'type' 02 00 0A 'nonprivate'"
      "00 08 'flashVer' 02 00 1E 'FMLE/3.0 (compatible; campush)'"
      "00 06 'swfUrl' 02 00 12 'rtmp://server/live'"
      "00 05 'tcUrl' 02 00 12 'rtmp://server/live'"
      "00 00 09");
  std::vector<uint8_t> expected = wire("02 000000 000004 01 00000000 0000EA60 | 03 000000 0000");
  expected.push_back(static_cast<uint8_t>(connect.size()));
  for (const uint8_t each : wire("14 00000000")) expected.push_back(each);
  expected.insert(expected.end(), connect.begin(), connect.end());
  EXPECT_EQ(out.to_vector(), expected);
}

TEST(client_dialogue, walks_the_phases_in_the_order_of_the_facts) {
  scripted_server server;
  server.shake_hands();
  EXPECT_EQ(server.client.phase(), dialogue_phase::connect);
  server.accept_connect();
  EXPECT_EQ(server.client.phase(), dialogue_phase::publish);
  EXPECT_EQ(server.command_names(), (names{"connect", "releaseStream", "FCPublish", "createStream"}));
  server.accept_create_stream(1);
  EXPECT_EQ(server.command_names().back(), "publish");
  EXPECT_FALSE(server.client.is_ready_to_publish()) << "publish is out";
  server.say_status("status", "NetStream.Publish.Start");
  EXPECT_EQ(server.client.phase(), dialogue_phase::publishing);
  EXPECT_EQ(server.client.message_stream_id(), 1u);
  EXPECT_EQ(server.client.chunk_size(), 60000u);
}

TEST(client_dialogue, sends_the_same_key_in_every_command_on_the_right_streams) {
  scripted_server server;
  server.start_publishing();
  server.client.unpublish();
  server.read_client();
  ASSERT_EQ(server.command_names(),
            (names{"connect", "releaseStream", "FCPublish", "createStream", "publish", "FCUnpublish", "deleteStream"}));
  for (const size_t with_key : {1u, 2u, 4u, 5u}) {
    EXPECT_EQ(server.commands[with_key].at(3).string, stream_key);
    EXPECT_EQ(server.commands[with_key].at(2).type, amf0_type::null);
  }
  for (size_t i = 0; i < server.commands.size(); ++i) {
    EXPECT_EQ(server.commands[i].at(1).number, double(i + 1)) << "transaction";
    EXPECT_EQ(server.command_headers[i].message_stream_id, i == 4 ? 1u : 0u);
    EXPECT_EQ(server.command_headers[i].chunk_stream_id, i == 4 ? chunk_stream::publish : chunk_stream::command);
  }
  EXPECT_EQ(server.commands[4].at(4).string, "live");
  EXPECT_EQ(server.commands[6].at(3).number, 1.0);
}

TEST(client_dialogue, reaches_publishing_when_fed_byte_by_byte) {
  scripted_server server;
  server.piece_size = 1;
  server.start_publishing();
  EXPECT_EQ(server.client.phase(), dialogue_phase::publishing);
}

/// facts/rtmp 4.3 and 5.2: who says what beside the awaited answers, and in which order.
struct server_manner {
  const char* name;
  bool answers_formalities;   ///< SRS
  bool refuses_formalities;   ///< servers that answer _error to releaseStream and FCPublish
  bool says_bandwidth_done;   ///< SRS, ZLM
  bool says_fc_publish;       ///< SRS
  bool begins_stream_before;  ///< StreamBegin before onStatus, else behind it
  double status_call;         ///< 0, or 5 with ZLM and MediaMTX
  bool is_ecma_array;         ///< information as ECMA array
  uint32_t stream_id;
};

TEST(client_dialogue, publishes_on_every_known_manner_of_server) {
  const server_manner manners[] = {
      {"srs", true, false, true, true, true, 0, false, 1},
      {"nginx", false, false, false, false, true, 0, false, 1},
      {"zlm", false, false, true, false, false, 5, false, 1},
      {"mediamtx", false, false, false, false, false, 5, true, 1},
      {"nms", false, false, false, false, false, 0, false, 7},
      {"fms_refusing", false, true, true, false, true, 0, true, 1},
  };
  for (const server_manner& manner : manners) {
    SCOPED_TRACE(manner.name);
    scripted_server server;
    server.shake_hands();
    server.say_raw(message_type::window_ack_size, wire("002625A0"));
    server.say_raw(message_type::set_peer_bandwidth, wire("002625A0 02"));
    server.say_raw(message_type::set_chunk_size, wire("00000080"));
    server.accept_connect();
    if (manner.says_bandwidth_done) server.say({amf0_value::of("onBWDone"), amf0_value::of(0.0), amf0_value::null()});
    for (const double call : {2.0, 3.0}) {
      if (manner.answers_formalities) server.answer("_result", call, amf0_value::null(), amf0_value{});
      if (manner.refuses_formalities) {
        server.answer("_error", call, amf0_value::null(),
                      status("error", "NetConnection.Call.Failed", "no such method"));
      }
    }
    server.accept_create_stream(manner.stream_id);
    if (manner.says_fc_publish) {
      server.answer("onFCPublish", 0, amf0_value::null(), status("status", "NetStream.Publish.Start", "Started"));
      EXPECT_EQ(server.client.phase(), dialogue_phase::publish) << "onFCPublish is not the awaited answer";
    }
    if (manner.begins_stream_before) server.say_raw(message_type::user_control, wire("0000 00000001"));
    amf0_value info = status("status", "NetStream.Publish.Start", "Start publishing");
    if (manner.is_ecma_array) info.type = amf0_type::ecma_array;
    server.answer("onStatus", manner.status_call, amf0_value::null(), info);
    if (!manner.begins_stream_before) server.say_raw(message_type::user_control, wire("0000 00000001"));
    EXPECT_EQ(server.client.phase(), dialogue_phase::publishing);
    EXPECT_EQ(server.client.message_stream_id(), manner.stream_id);
    EXPECT_FALSE(server.failure);
  }
}

TEST(client_dialogue, understands_commands_of_the_amf3_type) {
  scripted_server server;
  server.shake_hands();
  server.say({amf0_value::of("_result"), amf0_value::of(1.0), amf0_value::null(), amf0_value::null()},
             message_type::command_amf3);
  EXPECT_EQ(server.client.phase(), dialogue_phase::publish);
}

TEST(client_dialogue, does_not_take_a_start_for_its_own_before_it_published) {
  scripted_server server;
  server.shake_hands();
  server.accept_connect();
  server.say_status("status", "NetStream.Publish.Start");
  EXPECT_EQ(server.client.phase(), dialogue_phase::publish);
}

struct refusal_case {
  const char* name;
  const char* level;
  const char* code;
  dialogue_failure failure;
};

constexpr refusal_case status_refusals[] = {
    {"bad_name", "error", "NetStream.Publish.BadName", dialogue_failure::name_in_use},
    {"bad_name_whatever_the_level", "status", "NetStream.Publish.BadName", dialogue_failure::name_in_use},
    {"denied", "error", "NetStream.Publish.Denied", dialogue_failure::denied},
    {"bad_auth", "error", "NetStream.Publish.BadAuth", dialogue_failure::denied},
    {"unauthorized", "error", "NetStream.Publish.Unauthorized", dialogue_failure::denied},
    {"rejected", "error", "NetStream.Publish.Rejected", dialogue_failure::denied},
    {"no_access", "error", "NetStream.Record.NoAccess", dialogue_failure::denied},
    {"stream_failed", "error", "NetStream.Failed", dialogue_failure::server_error},
    {"unknown_error", "error", "Some.Other.Code", dialogue_failure::server_error},
    {"connection_closed", "status", "NetConnection.Connect.Closed", dialogue_failure::closed_by_server},
};

TEST(client_dialogue, fails_on_every_refusing_status_with_its_reason) {
  for (const refusal_case& each : status_refusals) {
    for (const bool is_streaming : {false, true}) {
      SCOPED_TRACE(each.name);
      scripted_server server;
      server.shake_hands();
      server.accept_connect();
      server.accept_create_stream();
      if (is_streaming) server.say_status("status", "NetStream.Publish.Start");
      server.say_status(each.level, each.code, 0, "why not");
      EXPECT_EQ(server.client.phase(), dialogue_phase::failed);
      EXPECT_EQ(server.client.failure(), each.failure);
      EXPECT_EQ(server.client.description(), std::string(each.code) + ": why not");
      EXPECT_FALSE(server.failure) << "an orderly refusal is not an error of receive()";
    }
  }
}

TEST(client_dialogue, fails_on_every_refused_connect_with_its_reason) {
  const refusal_case cases[] = {
      {"rejected", "error", "NetConnection.Connect.Rejected", dialogue_failure::denied},
      {"invalid_app", "error", "NetConnection.Connect.InvalidApp", dialogue_failure::denied},
      {"failed", "error", "NetConnection.Connect.Failed", dialogue_failure::server_error},
      {"app_shutdown", "error", "NetConnection.Connect.AppShutdown", dialogue_failure::server_error},
  };
  for (const refusal_case& each : cases) {
    for (const char* command : {"_error", "_result"}) {
      SCOPED_TRACE(each.name);
      scripted_server server;
      server.shake_hands();
      server.answer(command, 1, amf0_value::null(), status(each.level, each.code, "no"));
      EXPECT_EQ(server.client.failure(), each.failure);
    }
  }
}

TEST(client_dialogue, fails_when_create_stream_or_publish_is_refused_by_error) {
  for (const double call : {4.0, 5.0}) {
    scripted_server server;
    server.shake_hands();
    server.accept_connect();
    if (call == 5.0) server.accept_create_stream();
    server.answer("_error", call, amf0_value::null(), amf0_value::null());
    EXPECT_EQ(server.client.failure(), dialogue_failure::server_error);
    EXPECT_EQ(server.client.description(), "request was refused");
  }
}

TEST(client_dialogue, believes_fc_publish_that_the_name_is_in_use) {
  for (const char* command : {"onFCPublish", "_error"}) {
    scripted_server server;
    server.shake_hands();
    server.accept_connect();
    server.answer(command, 3, amf0_value::null(), status("error", "NetStream.Publish.BadName", "busy"));
    EXPECT_EQ(server.client.failure(), dialogue_failure::name_in_use) << command;
  }
}

TEST(client_dialogue, ignores_idle_and_unknown_status_codes) {
  scripted_server server;
  server.start_publishing();
  server.say_status("status", "NetStream.Publish.Idle");
  server.say_status("warning", "Something.Unknown");
  server.say_status("status", "NetConnection.Connect.ReconnectRequest");
  server.say({amf0_value::of("onStatus"), amf0_value::of(0.0)});
  server.say({amf0_value::of("onMetaData")});
  EXPECT_EQ(server.client.phase(), dialogue_phase::publishing);
}

TEST(client_dialogue, obeys_a_server_that_ends_the_stream) {
  const std::vector<amf0_value> endings[] = {
      {amf0_value::of("close"), amf0_value::of(0.0), amf0_value::null()},
      {amf0_value::of("onFCUnpublish"), amf0_value::of(0.0), amf0_value::null(),
       status("status", "NetStream.Unpublish.Success", "")},
      {amf0_value::of("onFCUnpublish")},
      {amf0_value::of("onStatus"), amf0_value::of(0.0), amf0_value::null(),
       status("status", "NetStream.Unpublish.Success", "kicked")},
  };
  for (const auto& ending : endings) {
    scripted_server server;
    server.start_publishing();
    server.say(ending);
    EXPECT_EQ(server.client.phase(), dialogue_phase::failed) << ending.front().string;
    EXPECT_EQ(server.client.failure(), dialogue_failure::closed_by_server);
  }
}

TEST(client_dialogue, keeps_its_first_failure) {
  scripted_server server;
  server.start_publishing();
  server.say_status("error", "NetStream.Publish.BadName");
  server.say_status("error", "NetStream.Publish.Denied");
  EXPECT_EQ(server.client.failure(), dialogue_failure::name_in_use);
}

TEST(client_dialogue, answers_a_ping_with_its_time) {
  scripted_server server;
  server.start_publishing();
  server.controls.clear();
  server.say_raw(message_type::user_control, wire("0006 12345678"));
  ASSERT_EQ(server.controls.size(), 1u);
  EXPECT_EQ(server.controls[0].first, message_type::user_control);
  EXPECT_EQ(server.controls[0].second, wire("0007 12345678"));
  for (const char* other :
       {"0000 00000001", "0001 00000001", "0003 00000001 00000064", "001F 00000001", "0020 00000001"}) {
    server.say_raw(message_type::user_control, wire(other));
  }
  EXPECT_EQ(server.controls.size(), 1u) << "other events need no answer";
}

TEST(client_dialogue, answers_set_peer_bandwidth_when_the_value_is_new) {
  scripted_server server;
  server.shake_hands();
  server.controls.clear();
  for (const char* value : {"002625A0 02", "002625A0 02", "004C4B40 02", "004C4B40"}) {
    server.say_raw(message_type::set_peer_bandwidth, wire(value));
  }
  ASSERT_EQ(server.controls.size(), 2u);
  EXPECT_EQ(server.controls[0], std::make_pair(message_type::window_ack_size, wire("002625A0")));
  EXPECT_EQ(server.controls[1], std::make_pair(message_type::window_ack_size, wire("004C4B40")));
}

TEST(client_dialogue, acknowledges_each_half_window) {
  scripted_server server;
  server.start_publishing();
  server.say_raw(message_type::window_ack_size, wire("000003E8"));  // 1000
  server.controls.clear();
  const std::vector<uint8_t> event = wire("0003 00000001 00000064");
  size_t sent = 0;
  while (sent < 2000) {
    server.say_raw(message_type::user_control, event);
    sent += 12 + event.size();
  }
  EXPECT_GE(server.controls.size(), 3u);
  EXPECT_LE(server.controls.size(), 5u);
  uint32_t last = 0;
  for (const auto& [type, body] : server.controls) {
    EXPECT_EQ(type, message_type::acknowledgement);
    byte_reader fields(body);
    const uint32_t count = fields.read_u32();
    if (last != 0) {
      EXPECT_GE(count - last, 500u);
    }
    last = count;
  }
}

TEST(client_dialogue, sends_no_acknowledgement_that_nobody_asked_for) {
  scripted_server server;
  server.start_publishing();
  server.controls.clear();
  for (int i = 0; i < 100; ++i) server.say_raw(message_type::user_control, wire("0003 00000001 00000064"));
  EXPECT_TRUE(server.controls.empty());
}

TEST(client_dialogue, reports_what_the_server_acknowledged) {
  scripted_server server;
  server.start_publishing();
  EXPECT_EQ(server.client.acknowledged_bytes(), 0u);
  server.say_raw(message_type::acknowledgement, wire("00012345"));
  EXPECT_EQ(server.client.acknowledged_bytes(), 0x12345u);
}

TEST(client_dialogue, holds_publish_until_told) {
  scripted_server server;
  server.client.hold_publish();
  server.shake_hands();
  server.client.publish();
  server.client.hold_publish();
  server.accept_connect();
  EXPECT_FALSE(server.client.is_ready_to_publish());
  server.accept_create_stream();
  EXPECT_TRUE(server.client.is_ready_to_publish());
  EXPECT_EQ(server.client.phase(), dialogue_phase::publish);
  EXPECT_EQ(server.command_names().back(), "createStream");
  server.client.publish();
  server.client.publish();
  server.read_client();
  EXPECT_FALSE(server.client.is_ready_to_publish());
  EXPECT_EQ(server.commands.size(), 5u);
  server.say_status("status", "NetStream.Publish.Start");
  EXPECT_EQ(server.client.phase(), dialogue_phase::publishing);
}

TEST(client_dialogue, says_no_command_between_publish_and_unpublish) {
  scripted_server server;
  server.start_publishing();
  const size_t before = server.commands.size();
  server.say({amf0_value::of("onBWDone"), amf0_value::of(0.0), amf0_value::null()});
  server.answer("_result", 4, amf0_value::null(), amf0_value::of(1.0));
  server.accept_connect();
  EXPECT_EQ(server.commands.size(), before);
  EXPECT_EQ(server.client.phase(), dialogue_phase::publishing);
}

TEST(client_dialogue, unpublishes_and_hears_the_confirmation) {
  scripted_server server;
  server.start_publishing();
  server.client.unpublish();
  EXPECT_EQ(server.client.phase(), dialogue_phase::unpublishing);
  EXPECT_FALSE(server.client.is_unpublished());
  server.answer("onFCUnpublish", 0, amf0_value::null(), status("status", "NetStream.Unpublish.Success", ""));
  EXPECT_FALSE(server.client.is_unpublished());
  server.say_status("status", "NetStream.Unpublish.Success");
  EXPECT_TRUE(server.client.is_unpublished());
  EXPECT_EQ(server.client.phase(), dialogue_phase::unpublishing);
}

TEST(client_dialogue, takes_close_as_confirmation_while_it_leaves) {
  scripted_server server;
  server.start_publishing();
  server.client.unpublish();
  server.say({amf0_value::of("close")});
  EXPECT_TRUE(server.client.is_unpublished());
}

TEST(client_dialogue, may_unpublish_only_once_there_is_a_stream) {
  scripted_server server;
  server.client.hold_publish();
  server.shake_hands();
  server.accept_connect();
  server.client.unpublish();
  EXPECT_EQ(server.client.phase(), dialogue_phase::publish);
  server.accept_create_stream();
  server.client.unpublish();
  server.read_client();
  EXPECT_EQ(server.command_names().back(), "deleteStream");
}

struct violation_case {
  const char* name;
  message_type type;
  const char* body;
  error_code code;
};

TEST(client_dialogue, ends_on_bytes_that_no_server_may_send) {
  const violation_case cases[] = {
      {"empty_command", message_type::command_amf0, "", error_code::protocol_violation},
      {"nameless_command", message_type::command_amf0, "05", error_code::protocol_violation},
      {"broken_command", message_type::command_amf0, "02 00 10 'x'", error_code::protocol_violation},
      {"huge_array", message_type::command_amf0, "02 00 01 'x' 0A FF FF FF FF", error_code::too_big},
      {"short_ping", message_type::user_control, "0006 00", error_code::protocol_violation},
      {"short_event", message_type::user_control, "00", error_code::protocol_violation},
      {"short_window", message_type::window_ack_size, "00", error_code::protocol_violation},
      {"short_bandwidth", message_type::set_peer_bandwidth, "000000", error_code::protocol_violation},
      {"short_acknowledgement", message_type::acknowledgement, "0000", error_code::protocol_violation},
      {"chunk_size_0", message_type::set_chunk_size, "00000000", error_code::protocol_violation},
  };
  for (const violation_case& each : cases) {
    SCOPED_TRACE(each.name);
    scripted_server server;
    server.start_publishing();
    server.say_raw(each.type, wire(each.body));
    ASSERT_TRUE(server.failure);
    EXPECT_EQ(server.failure->code, each.code);
    EXPECT_EQ(server.client.phase(), dialogue_phase::failed);
    EXPECT_EQ(server.client.failure(), dialogue_failure::protocol_violation);
    EXPECT_FALSE(server.client.description().empty());
    EXPECT_FALSE(server.client.receive(wire("00"))) << "the error is not repeated";
  }
}

TEST(client_dialogue, ends_when_the_peer_does_not_speak_rtmp) {
  client_dialogue client(usual_options());
  client.start();
  const result<void> outcome = client.receive(byte_view::of_text("HTTP/1.1 400 Bad Request"));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, error_code::protocol_violation);
  EXPECT_EQ(client.failure(), dialogue_failure::protocol_violation);
}

TEST(client_dialogue, refuses_a_stream_id_that_is_none) {
  for (const double id : {0.0, -1.0, 5e9, std::numeric_limits<double>::quiet_NaN()}) {
    scripted_server server;
    server.shake_hands();
    server.accept_connect();
    server.accept_create_stream(id);
    EXPECT_EQ(server.client.failure(), dialogue_failure::protocol_violation) << id;
  }
}

TEST(client_dialogue, ends_when_the_server_pings_without_reading) {
  client_dialogue client(usual_options());
  client.start();
  std::vector<uint8_t> bytes(1 + 2 * handshake::part_bytes, 3);
  ASSERT_TRUE(client.receive(bytes));
  bytes.clear();
  for (int i = 0; i < 10000; ++i) {
    append_chunked(bytes, {message_type::user_control, 2, 0, 0}, wire("0006 00000001"), 128);
  }
  const result<void> outcome = client.receive(bytes);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, error_code::too_big);
  EXPECT_LT(client.pending_output().size(), 70u * 1024);
}

TEST(client_dialogue, shows_the_servers_words_printable_short_and_without_the_key) {
  scripted_server server;
  server.start_publishing();
  const std::string text =
      std::string("live/gate?token=s3cret&u=7 or gate or s3cret is\nbusy \x1b[31m") + std::string(500, 'x');
  server.say_status("error", "NetStream.Publish.BadName", 0, text.c_str());
  const std::string& shown = server.client.description();
  EXPECT_EQ(shown.substr(0, 60), "NetStream.Publish.BadName: live/*** or *** or *** is?busy ?[");
  EXPECT_EQ(shown.size(), 200u);
}

TEST(client_dialogue, sends_app_and_tc_url_byte_for_byte) {
  client_dialogue_options options = usual_options();
  options.app = "live/inst?vhost=a%20b&x=1";
  options.tc_url = "rtmp://[::1]:19350/live/inst?vhost=a%20b&x=1";
  options.chunk_size = 4096;
  scripted_server server(std::move(options));
  server.shake_hands();
  EXPECT_EQ(server.commands[0].at(2).text("app"), "live/inst?vhost=a%20b&x=1");
  EXPECT_EQ(server.commands[0].at(2).text("tcUrl"), "rtmp://[::1]:19350/live/inst?vhost=a%20b&x=1");
  EXPECT_EQ(server.controls[0], std::make_pair(message_type::set_chunk_size, wire("00001000")));
}

TEST(client_dialogue, names_every_failure) {
  EXPECT_STREQ(dialogue_failure_name(dialogue_failure::none), "none");
  EXPECT_STREQ(dialogue_failure_name(dialogue_failure::name_in_use), "name_in_use");
  EXPECT_STREQ(dialogue_failure_name(dialogue_failure::protocol_violation), "protocol_violation");
}

}  // namespace
}  // namespace campush
