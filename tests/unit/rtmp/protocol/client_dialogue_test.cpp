#include "rtmp/protocol/client_dialogue.h"

#include <gtest/gtest.h>

#include "fakes/scripted_rtmp_server.h"

namespace campush {
namespace {

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
    EXPECT_EQ(server.commands[with_key].at(3).string, scripted_stream_key);
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

}  // namespace
}  // namespace campush
