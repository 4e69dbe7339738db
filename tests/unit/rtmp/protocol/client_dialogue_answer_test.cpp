#include <gtest/gtest.h>

#include "fakes/scripted_rtmp_server.h"
#include "rtmp/protocol/client_dialogue.h"

namespace campush {
namespace {

client_dialogue_options offering() {
  client_dialogue_options options = usual_options();
  options.enhanced = {{"hvc1"}, {}, true};
  return options;
}

std::vector<std::string> property_names(const amf0_value& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.properties) names.push_back(name);
  return names;
}

TEST(client_dialogue_answer, says_of_enhanced_rtmp_what_it_was_asked_to_say) {
  scripted_server plain;
  plain.shake_hands();
  const std::vector<std::string> usual = {"app", "type", "flashVer", "swfUrl", "tcUrl"};
  EXPECT_EQ(property_names(plain.commands.at(0).at(2)), usual);
  scripted_server enhanced(offering());
  enhanced.shake_hands();
  std::vector<std::string> more = usual;
  more.insert(more.end(), {"fourCcList", "videoFourCcInfoMap", "capsEx"});
  EXPECT_EQ(property_names(enhanced.commands.at(0).at(2)), more);
}

TEST(client_dialogue_answer, appends_the_proof_of_the_publisher_to_app_and_tc_url_only) {
  client_dialogue_options options = usual_options();
  options.auth_query = secret_text("authmod=adobe&user=camera");
  scripted_server server(options);
  server.shake_hands();
  const amf0_value& connect = server.commands.at(0).at(2);
  EXPECT_EQ(connect.text("app"), "live?authmod=adobe&user=camera");
  EXPECT_EQ(connect.text("tcUrl"), "rtmp://server/live?authmod=adobe&user=camera");
  EXPECT_EQ(connect.text("swfUrl"), "rtmp://server/live");
  EXPECT_EQ(connect.text("type"), "nonprivate");
}

TEST(client_dialogue_answer, reads_capabilities_from_either_object_of_the_result) {
  const amf0_value claims = amf0_value::object(
      {{"videoFourCcInfoMap", amf0_value::object({{"hvc1", amf0_value::of(1.0)}})}, {"capsEx", amf0_value::of(1.0)}});
  const amf0_value success = status("status", "NetConnection.Connect.Success", "ok");
  for (const bool is_first : {true, false}) {
    amf0_value information = success;
    if (!is_first) {
      information.properties.insert(information.properties.end(), claims.properties.begin(), claims.properties.end());
    }
    scripted_server server(offering());
    server.shake_hands();
    EXPECT_FALSE(server.client.is_connected());
    server.answer("_result", 1, is_first ? claims : amf0_value::object(), information);
    EXPECT_TRUE(server.client.is_connected());
    EXPECT_EQ(server.client.capabilities(), (server_capabilities{true, true, true, false}));
  }
}

void ask_for_reconnect(scripted_server& server, const char* tc_url, const char* level = "status") {
  amf0_value info = status(level, "NetConnection.Connect.ReconnectRequest", "move");
  if (tc_url != nullptr) info.properties.emplace_back("tcUrl", amf0_value::of(tc_url));
  server.answer("onStatus", 0, amf0_value::null(), info);
}

TEST(client_dialogue_answer, hands_on_a_reconnect_request_and_goes_on_publishing) {
  scripted_server server(offering());
  server.start_publishing();
  EXPECT_FALSE(server.client.take_reconnect_request());
  for (const char* level : {"status", "error"}) {
    ask_for_reconnect(server, "rtmp://b/live", level);
    EXPECT_EQ(server.client.take_reconnect_request(), "rtmp://b/live");
    EXPECT_FALSE(server.client.take_reconnect_request()) << "once";
  }
  ask_for_reconnect(server, nullptr);
  EXPECT_EQ(server.client.take_reconnect_request(), "");
  ask_for_reconnect(server, "//c/live");
  ask_for_reconnect(server, "/other");
  EXPECT_EQ(server.client.take_reconnect_request(), "/other") << "the latest";
  EXPECT_EQ(server.client.phase(), dialogue_phase::publishing);
}

TEST(client_dialogue_answer, ignores_a_reconnect_request_that_cannot_be_followed) {
  scripted_server server(offering());
  server.start_publishing();
  const std::string too_long(max_server_address + 1, 'a');
  for (const char* tc_url : {"rtmp://b/li ve", "rtmp://b/\n", too_long.c_str()}) {
    ask_for_reconnect(server, tc_url);
    EXPECT_FALSE(server.client.take_reconnect_request());
  }
  scripted_server early(offering());
  early.shake_hands();
  ask_for_reconnect(early, "rtmp://b/live");
  EXPECT_FALSE(early.client.take_reconnect_request()) << "before connect was answered";
}

TEST(client_dialogue_answer, follows_a_redirect_in_a_refusal) {
  amf0_value info = status("error", "NetConnection.Connect.Rejected", "RTMP 302 Redirect");
  info.properties.emplace_back("ex", amf0_value::object({{"code", amf0_value::of(302.0)},
                                                         {"redirect", amf0_value::of("rtmp://b:1936/live")},
                                                         {"redirect2", amf0_value::of("rtmp://b:1936/live/gate")}}));
  for (const char* command : {"_error", "onStatus"}) {
    for (const bool is_late : {false, true}) {
      scripted_server server;
      server.shake_hands();
      if (is_late) server.accept_connect();
      if (is_late) server.accept_create_stream();
      server.answer(command, is_late ? 5 : 1, amf0_value::null(), info);
      EXPECT_EQ(server.client.failure(), dialogue_failure::redirected);
      EXPECT_EQ(server.client.redirect_target(), "rtmp://b:1936/live");
      EXPECT_EQ(server.client.description(), "NetConnection.Connect.Rejected: RTMP 302 Redirect");
    }
  }
}

TEST(client_dialogue_answer, keeps_the_words_of_a_challenge_from_people) {
  const char* words = "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=camera&salt=s&challenge=c";
  for (const char* command : {"_error", "onStatus"}) {
    scripted_server server;
    server.shake_hands();
    server.answer(command, 1, amf0_value::null(), status("error", "NetConnection.Connect.Rejected", words));
    EXPECT_EQ(server.client.failure(), dialogue_failure::auth_needed);
    EXPECT_EQ(server.client.auth_challenge_text(), words);
    EXPECT_EQ(server.client.description().find("camera"), std::string::npos);
  }
  scripted_server late;
  late.start_publishing();
  late.say_status("error", "NetConnection.Connect.Rejected", 0, words);
  EXPECT_EQ(late.client.failure(), dialogue_failure::denied) << "after connect there is nothing to prove";
}

TEST(client_dialogue_answer, does_not_quote_the_proof_of_the_publisher) {
  client_dialogue_options options = usual_options();
  options.auth_query = secret_text("authmod=llnw&user=camera&nonce=n0nce&response=0123abcd");
  scripted_server server(options);
  server.shake_hands();
  server.answer("_error", 1, amf0_value::null(),
                status("error", "NetConnection.Connect.Rejected", "no app live?user=camera&response=0123abcd"));
  EXPECT_EQ(server.client.failure(), dialogue_failure::denied);
  for (const char* secret : {"camera", "0123abcd"}) {
    EXPECT_EQ(server.client.description().find(secret), std::string::npos) << server.client.description();
  }
}

}  // namespace
}  // namespace campush
