#include <gtest/gtest.h>

#include <limits>

#include "fakes/scripted_rtmp_server.h"
#include "rtmp/protocol/client_dialogue.h"

namespace campush {
namespace {

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

TEST(client_dialogue_failure, fails_on_every_refusing_status_with_its_reason) {
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

TEST(client_dialogue_failure, fails_on_every_refused_connect_with_its_reason) {
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

TEST(client_dialogue_failure, fails_when_create_stream_or_publish_is_refused_by_error) {
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

TEST(client_dialogue_failure, believes_fc_publish_that_the_name_is_in_use) {
  for (const char* command : {"onFCPublish", "_error"}) {
    scripted_server server;
    server.shake_hands();
    server.accept_connect();
    server.answer(command, 3, amf0_value::null(), status("error", "NetStream.Publish.BadName", "busy"));
    EXPECT_EQ(server.client.failure(), dialogue_failure::name_in_use) << command;
  }
}

TEST(client_dialogue_failure, ignores_idle_and_unknown_status_codes) {
  scripted_server server;
  server.start_publishing();
  server.say_status("status", "NetStream.Publish.Idle");
  server.say_status("warning", "Something.Unknown");
  server.say_status("status", "NetConnection.Connect.ReconnectRequest");
  server.say({amf0_value::of("onStatus"), amf0_value::of(0.0)});
  server.say({amf0_value::of("onMetaData")});
  EXPECT_EQ(server.client.phase(), dialogue_phase::publishing);
}

TEST(client_dialogue_failure, obeys_a_server_that_ends_the_stream) {
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

TEST(client_dialogue_failure, keeps_its_first_failure) {
  scripted_server server;
  server.start_publishing();
  server.say_status("error", "NetStream.Publish.BadName");
  server.say_status("error", "NetStream.Publish.Denied");
  EXPECT_EQ(server.client.failure(), dialogue_failure::name_in_use);
}

struct violation_case {
  const char* name;
  message_type type;
  const char* body;
  error_code code;
};

TEST(client_dialogue_failure, ends_on_bytes_that_no_server_may_send) {
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

TEST(client_dialogue_failure, ends_when_the_peer_does_not_speak_rtmp) {
  client_dialogue client(usual_options());
  client.start();
  const result<void> outcome = client.receive(byte_view::of_text("HTTP/1.1 400 Bad Request"));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, error_code::protocol_violation);
  EXPECT_EQ(client.failure(), dialogue_failure::protocol_violation);
}

TEST(client_dialogue_failure, refuses_a_stream_id_that_is_none) {
  for (const double id : {0.0, -1.0, 5e9, std::numeric_limits<double>::quiet_NaN()}) {
    scripted_server server;
    server.shake_hands();
    server.accept_connect();
    server.accept_create_stream(id);
    EXPECT_EQ(server.client.failure(), dialogue_failure::protocol_violation) << id;
  }
}

TEST(client_dialogue_failure, ends_when_the_server_pings_without_reading) {
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

TEST(client_dialogue_failure, shows_the_servers_words_printable_short_and_without_the_key) {
  scripted_server server;
  server.start_publishing();
  const std::string text =
      std::string("live/gate?token=s3cret&u=7 or gate or s3cret is\nbusy \x1b[31m") + std::string(500, 'x');
  server.say_status("error", "NetStream.Publish.BadName", 0, text.c_str());
  const std::string& shown = server.client.description();
  EXPECT_EQ(shown.substr(0, 60), "NetStream.Publish.BadName: live/*** or *** or *** is?busy ?[");
  EXPECT_EQ(shown.size(), 200u);
}

TEST(client_dialogue_failure, does_not_quote_a_secret_app_or_a_part_of_a_key_with_slashes) {
  client_dialogue_options options = usual_options();
  options.app = "tenant77/live?sign=abcdef";
  options.stream_key = secret_text("roomA/gnu6655");
  for (const bool is_app_secret : {false, true}) {
    options.is_app_secret = is_app_secret;
    scripted_server server(options);
    server.start_publishing();
    server.say_status("error", "NetStream.Publish.BadName", 0, "tenant77/live?sign=abcdef: gnu6655 of roomA in live");
    EXPECT_EQ(server.client.description(), is_app_secret
                                               ? "NetStream.Publish.BadName: ***: *** of *** in ***"
                                               : "NetStream.Publish.BadName: tenant77/live***: *** of *** in live");
  }
}

TEST(client_dialogue_failure, names_every_failure) {
  EXPECT_STREQ(dialogue_failure_name(dialogue_failure::none), "none");
  EXPECT_STREQ(dialogue_failure_name(dialogue_failure::name_in_use), "name_in_use");
  EXPECT_STREQ(dialogue_failure_name(dialogue_failure::protocol_violation), "protocol_violation");
}

}  // namespace
}  // namespace campush
