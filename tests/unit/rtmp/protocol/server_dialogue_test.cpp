#include "rtmp/protocol/server_dialogue.h"

#include <gtest/gtest.h>

#include "fakes/wire_text.h"
#include "rtmp/protocol/amf0.h"
#include "rtmp/protocol/chunk_writer.h"
#include "rtmp/protocol/client_dialogue.h"
#include "rtmp/protocol/handshake.h"

namespace campush {
namespace {

struct recorded_media {
  message_type type;
  uint32_t timestamp_ms;
  std::vector<uint8_t> payload;
};

class recording_handler final : public server_dialogue_handler {
 public:
  dialogue_verdict on_connect(std::string_view app, std::string_view tc_url) override {
    log.push_back("connect " + std::string(app) + " " + std::string(tc_url));
    return connect_verdict;
  }
  dialogue_verdict on_publish(std::string_view app, std::string_view stream_key) override {
    log.push_back("publish " + std::string(app) + " " + std::string(stream_key));
    return publish_verdict;
  }
  void on_media(const rtmp_message& message) override {
    media.push_back({message.header.type, message.header.timestamp_ms, message.payload.to_vector()});
  }
  void on_unpublish() override { log.push_back("unpublish"); }

  dialogue_verdict connect_verdict, publish_verdict;
  std::vector<std::string> log;
  std::vector<recorded_media> media;
};

/// Both dialogues joined back to back.
struct joined {
  explicit joined(const server_dialogue_options& manner = {}, const enhanced_offer& offer = {})
      : server(manner, handler), client(options(offer)) {}

  static client_dialogue_options options(const enhanced_offer& offer) {
    client_dialogue_options made;
    made.enhanced = offer;
    made.app = "live";
    made.tc_url = "rtmp://server/live";
    made.stream_key = secret_text("gate");
    return made;
  }
  void pump(size_t piece = 100000) {
    for (bool moved = true; moved;) {
      moved = false;
      while (!client.pending_output().empty()) {
        const auto bytes = client.pending_output().subview(0, piece).to_vector();
        client.consume_output(bytes.size());
        ASSERT_TRUE(server.receive(bytes));
        moved = true;
      }
      while (!server.pending_output().empty()) {
        const auto bytes = server.pending_output().subview(0, piece).to_vector();
        server.consume_output(bytes.size());
        ASSERT_TRUE(client.receive(bytes));
        moved = true;
      }
    }
  }
  void send_media(message_type type, uint32_t timestamp_ms, byte_view payload, uint32_t stream = 1) {
    std::vector<uint8_t> bytes;
    append_chunked(bytes, {type, chunk_stream::video, timestamp_ms, stream}, payload, client.chunk_size());
    ASSERT_TRUE(server.receive(bytes));
  }

  recording_handler handler;
  server_dialogue server;
  client_dialogue client;
};

TEST(server_dialogue, brings_our_client_to_publishing_at_any_cut) {
  for (const size_t piece : {size_t{1}, size_t{50}, size_t{100000}}) {
    joined both;
    both.client.start();
    both.pump(piece);
    EXPECT_EQ(both.client.phase(), dialogue_phase::publishing);
    EXPECT_TRUE(both.server.is_publishing());
    EXPECT_EQ(both.handler.log, (std::vector<std::string>{"connect live rtmp://server/live", "publish live gate"}));
  }
}

TEST(server_dialogue, passes_media_of_the_published_stream_in_order) {
  joined both;
  both.client.start();
  both.pump();
  both.send_media(message_type::data_amf0, 0, wire("05"));
  both.send_media(message_type::video, 0xfffffffe, std::vector<uint8_t>(100000, 7));
  both.send_media(message_type::audio, 3, wire("AF 01 00"));
  both.send_media(message_type::video, 4, wire("17"), 2);
  ASSERT_EQ(both.handler.media.size(), 3u) << "stream 2 is not published";
  EXPECT_EQ(both.handler.media[1].timestamp_ms, 0xfffffffeu);
  EXPECT_EQ(both.handler.media[1].payload.size(), 100000u);
  EXPECT_EQ(both.handler.media[2].type, message_type::audio);
}

TEST(server_dialogue, ignores_media_before_publish_and_after_unpublish) {
  joined both;
  both.client.hold_publish();
  both.client.start();
  both.pump();
  both.send_media(message_type::video, 0, wire("17"));
  EXPECT_TRUE(both.handler.media.empty());
  both.client.publish();
  both.pump();
  both.send_media(message_type::video, 0, wire("17"));
  EXPECT_EQ(both.handler.media.size(), 1u);
  both.client.unpublish();
  both.pump();
  EXPECT_TRUE(both.client.is_unpublished());
  EXPECT_FALSE(both.server.is_publishing());
  both.send_media(message_type::video, 0, wire("17"));
  EXPECT_EQ(both.handler.media.size(), 1u);
  EXPECT_EQ(both.handler.log.back(), "unpublish");
}

TEST(server_dialogue, refuses_a_connect_as_told) {
  joined both;
  both.handler.connect_verdict = {false, "", "go away", true};
  both.client.start();
  both.pump();
  EXPECT_EQ(both.client.failure(), dialogue_failure::denied);
  EXPECT_EQ(both.client.description(), "NetConnection.Connect.Rejected: go away");
  EXPECT_TRUE(both.server.should_close());
}

TEST(server_dialogue, refuses_a_publish_as_told) {
  joined both;
  both.handler.publish_verdict = {false, "", "", false};
  both.client.start();
  both.pump();
  EXPECT_EQ(both.client.failure(), dialogue_failure::name_in_use);
  EXPECT_FALSE(both.server.should_close());
  EXPECT_FALSE(both.server.is_publishing());
}

TEST(server_dialogue, kicks_with_a_status) {
  joined both;
  both.client.start();
  both.pump();
  both.server.send_status("status", "NetStream.Unpublish.Success", "kicked");
  both.pump();
  EXPECT_EQ(both.client.failure(), dialogue_failure::closed_by_server);
}

/// A client that says what the test tells it to.
class scripted_client final : public chunk_reader::handler {
 public:
  scripted_client() : server(small_window(), handler) {}
  static server_dialogue_options small_window() {
    server_dialogue_options options;
    options.chunk_size = 128;
    return options;
  }
  void shake_hands() {
    handshake shake(handshake_role::client, 1);
    std::vector<uint8_t> out;
    shake.start(out);
    ASSERT_TRUE(server.receive(out));
    out.clear();
    const result<size_t> used = shake.feed(server.pending_output(), out);
    ASSERT_TRUE(used);
    server.consume_output(*used);
    ASSERT_TRUE(server.receive(out));
  }
  void say_raw(message_type type, byte_view body, uint32_t stream = 0) {
    std::vector<uint8_t> bytes;
    append_chunked(bytes, {type, chunk_stream::command, 0, stream}, body, 128);
    outcome = server.receive(bytes);
    ASSERT_TRUE(m_reader.feed(server.pending_output(), *this));
    server.consume_output(server.pending_output().size());
  }
  void say(const std::vector<amf0_value>& values, uint32_t stream = 0) {
    std::vector<uint8_t> body;
    byte_writer writer(body);
    for (const amf0_value& each : values) write_amf0(writer, each);
    say_raw(message_type::command_amf0, body, stream);
  }
  void call(const char* name, double id, const char* argument = "", uint32_t stream = 0) {
    say({amf0_value::of(name), amf0_value::of(id), amf0_value::null(), amf0_value::of(argument)}, stream);
  }
  void connect() {
    shake_hands();
    say({amf0_value::of("connect"), amf0_value::of(1.0), amf0_value::object({{"app", amf0_value::of("live")}})});
  }
  result<void> on_message(const rtmp_message& message) override {
    heard.emplace_back(message.header.type, message.payload.to_vector());
    if (message.header.type != message_type::command_amf0) return {};
    const std::vector<amf0_value> values = *read_amf0_all(message.payload);
    std::string text = values[0].string + " " + std::to_string(int(values[1].number));
    if (values.size() > 3 && values[3].is_object()) text += " " + std::string(values[3].text("code"));
    if (values.size() > 3 && values[3].type == amf0_type::number) text += " " + std::to_string(int(values[3].number));
    said.push_back(text);
    return {};
  }
  std::vector<message_type> types() const {
    std::vector<message_type> all;
    for (const auto& each : heard) all.push_back(each.first);
    return all;
  }

  recording_handler handler;
  server_dialogue server;
  result<void> outcome;
  std::vector<std::string> said;
  std::vector<std::pair<message_type, std::vector<uint8_t>>> heard;

 private:
  chunk_reader m_reader{chunk_limits{}};
};

using lines = std::vector<std::string>;

TEST(server_dialogue, answers_connect_in_the_usual_order) {
  scripted_client client;
  client.connect();
  EXPECT_EQ(client.types(), (std::vector<message_type>{message_type::window_ack_size, message_type::set_peer_bandwidth,
                                                       message_type::set_chunk_size, message_type::command_amf0}));
  EXPECT_EQ(client.said, (lines{"_result 1 NetConnection.Connect.Success"}));
}

TEST(server_dialogue, answers_the_whole_publish_dialogue) {
  scripted_client client;
  client.connect();
  client.said.clear();
  client.call("releaseStream", 2, "gate");
  client.call("FCPublish", 3, "gate");
  client.call("createStream", 4);
  client.call("publish", 5, "gate", 1);
  client.call("FCUnpublish", 6, "gate");
  client.say({amf0_value::of("deleteStream"), amf0_value::of(7.0), amf0_value::null(), amf0_value::of(1.0)});
  EXPECT_EQ(client.said, (lines{"_result 2", "_result 3", "onFCPublish 0 NetStream.Publish.Start", "_result 4 1",
                                "onStatus 0 NetStream.Publish.Start", "onFCUnpublish 0 NetStream.Unpublish.Success",
                                "_result 6", "onStatus 0 NetStream.Unpublish.Success"}));
  EXPECT_EQ(client.handler.log.back(), "unpublish");
}

TEST(server_dialogue, ends_the_stream_on_close_stream_too) {
  scripted_client client;
  client.connect();
  client.call("createStream", 4);
  client.call("publish", 5, "gate", 1);
  client.call("closeStream", 0, "", 1);
  EXPECT_EQ(client.handler.log.back(), "unpublish");
  client.call("publish", 6, "other", 1);
  EXPECT_TRUE(client.server.is_publishing()) << "a stream may be published again";
}

TEST(server_dialogue, sends_players_away) {
  scripted_client client;
  client.connect();
  client.call("createStream", 4);
  client.call("play", 5, "gate", 1);
  EXPECT_EQ(client.said.back(), "onStatus 0 NetStream.Play.Failed");
}

TEST(server_dialogue, refuses_a_second_publish_and_one_without_a_stream) {
  scripted_client client;
  client.connect();
  client.call("publish", 5, "gate", 1);
  EXPECT_EQ(client.said.back(), "onStatus 0 NetStream.Failed");
  client.call("createStream", 4);
  client.call("publish", 5, "gate", 1);
  client.call("publish", 6, "gate", 1);
  EXPECT_EQ(client.said.back(), "onStatus 0 NetStream.Publish.BadName");
}

TEST(server_dialogue, limits_the_streams_of_a_connection) {
  scripted_client client;
  client.connect();
  for (int i = 0; i < 8; ++i) client.call("createStream", 4);
  EXPECT_EQ(client.said.back(), "_result 4 8");
  client.call("createStream", 4);
  EXPECT_EQ(client.said.back(), "_error 4 NetConnection.Call.Failed");
}

TEST(server_dialogue, acknowledges_each_half_window_of_the_client) {
  scripted_client client;
  client.connect();
  client.call("createStream", 4);
  client.call("publish", 5, "gate", 1);
  client.say_raw(message_type::window_ack_size, wire("000007D0"));  // 2000
  client.heard.clear();
  for (int i = 0; i < 40; ++i) client.say_raw(message_type::video, std::vector<uint8_t>(100), 1);
  EXPECT_GE(client.heard.size(), 3u);
  EXPECT_LE(client.heard.size(), 5u);
  EXPECT_EQ(client.heard[0].first, message_type::acknowledgement);
}

TEST(server_dialogue, acknowledges_late_when_told) {
  recording_handler handler;
  server_dialogue_options options;
  options.acknowledges = false;
  server_dialogue server(options, handler);
  std::vector<uint8_t> bytes(1 + 2 * handshake::part_bytes, 3);
  append_chunked(bytes, {message_type::window_ack_size, 2, 0, 0}, wire("00000001"), 128);
  append_chunked(bytes, {message_type::abort, 2, 0, 0}, wire("00000009"), 128);
  ASSERT_TRUE(server.receive(bytes));
  server.consume_output(server.pending_output().size());
  server.send_acknowledgement();
  EXPECT_EQ(server.pending_output().to_vector(), wire("02 000000 000004 03 00000000 00000020"));
}

TEST(server_dialogue, pings_and_answers_pings) {
  scripted_client client;
  client.connect();
  client.heard.clear();
  client.server.send_ping(0x12345678);
  client.say_raw(message_type::user_control, wire("0006 00000007"));
  ASSERT_EQ(client.heard.size(), 2u);
  EXPECT_EQ(client.heard[0].second, wire("0006 12345678"));
  EXPECT_EQ(client.heard[1].second, wire("0007 00000007"));
}

struct violation_case {
  const char* name;
  message_type type;
  const char* body;
  error_code code;
};

TEST(server_dialogue, ends_on_bytes_that_no_client_may_send) {
  const violation_case cases[] = {
      {"nameless_command", message_type::command_amf0, "05", error_code::protocol_violation},
      {"broken_command", message_type::command_amf0, "02 00 10 'x'", error_code::protocol_violation},
      {"deep_command", message_type::command_amf0,
       "02 00 01 'x' 0A00000001 0A00000001 0A00000001 0A00000001 0A00000001 0A00000001 0A00000001 0A00000001 "
       "0A00000001 05",
       error_code::too_big},
      {"short_ping", message_type::user_control, "0006 00", error_code::protocol_violation},
      {"short_window", message_type::window_ack_size, "00", error_code::protocol_violation},
  };
  for (const violation_case& each : cases) {
    SCOPED_TRACE(each.name);
    scripted_client client;
    client.connect();
    client.say_raw(each.type, wire(each.body));
    ASSERT_FALSE(client.outcome);
    EXPECT_EQ(client.outcome.error().code, each.code);
  }
}

TEST(server_dialogue, wants_connect_first) {
  scripted_client client;
  client.shake_hands();
  client.call("createStream", 4);
  ASSERT_FALSE(client.outcome);
  EXPECT_EQ(client.outcome.error().code, error_code::protocol_violation);
}

TEST(server_dialogue, ends_when_the_client_asks_without_reading) {
  recording_handler handler;
  server_dialogue server({}, handler);
  std::vector<uint8_t> bytes(1 + 2 * handshake::part_bytes, 3);
  for (int i = 0; i < 40000; ++i) {
    append_chunked(bytes, {message_type::user_control, 2, 0, 0}, wire("0006 00000001"), 128);
  }
  const result<void> outcome = server.receive(bytes);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, error_code::too_big);
}

TEST(server_dialogue, answers_enhanced_properties_as_configured) {
  const server_capabilities answers[] = {{},
                                         {true, true, false, false},
                                         {true, false, false, false},
                                         {false, false, true, false},
                                         {true, true, true, false}};
  for (const server_capabilities& claims : answers) {
    for (const bool is_first : {false, true}) {
      server_dialogue_options manner;
      manner.claims = claims;
      manner.claims_in_properties = is_first;
      joined both(manner, {{"hvc1"}, {}, true});
      both.client.start();
      both.pump();
      EXPECT_EQ(both.client.phase(), dialogue_phase::publishing);
      EXPECT_EQ(both.client.capabilities(), claims);
      EXPECT_EQ(both.server.offer().video, std::vector<std::string>{"hvc1"});
      EXPECT_TRUE(both.server.offer().reconnect);
    }
  }
}

TEST(server_dialogue, refuses_enhanced_properties_as_configured) {
  server_dialogue_options manner;
  manner.claims.refuses_properties = true;
  joined with(manner, {{"hvc1"}, {}, false});
  with.client.start();
  with.pump();
  EXPECT_EQ(with.client.failure(), dialogue_failure::server_error);
  EXPECT_FALSE(with.client.is_connected());
  EXPECT_TRUE(with.server.should_close());
  EXPECT_TRUE(with.handler.log.empty());
  joined without(manner);
  without.client.start();
  without.pump();
  EXPECT_EQ(without.client.phase(), dialogue_phase::publishing);
}

TEST(server_dialogue, asks_a_publisher_to_reconnect) {
  joined both;
  both.client.start();
  both.pump();
  both.server.send_reconnect_request("rtmp://b/live");
  both.pump();
  EXPECT_EQ(both.client.take_reconnect_request(), "rtmp://b/live");
  both.server.send_reconnect_request("");
  both.pump();
  EXPECT_EQ(both.client.take_reconnect_request(), "");
  EXPECT_EQ(both.client.phase(), dialogue_phase::publishing);
}

TEST(server_dialogue, sends_a_publisher_elsewhere) {
  for (const bool at_publish : {false, true}) {
    joined both;
    (at_publish ? both.handler.publish_verdict : both.handler.connect_verdict) = {
        false, "NetConnection.Connect.Rejected", "RTMP 302 Redirect", true, "rtmp://b:1936/live"};
    both.client.start();
    both.pump();
    EXPECT_EQ(both.client.failure(), dialogue_failure::redirected);
    EXPECT_EQ(both.client.redirect_target(), "rtmp://b:1936/live");
  }
}

}  // namespace
}  // namespace campush
