#include "server/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/fake_agent_control.h"
#include "server/json.h"

namespace campush {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct api_test : ::testing::Test {
  api_reply get(std::string_view target, std::string_view authorization = {}) {
    return surface.handle({"GET", target, authorization, {}});
  }
  fake_agent_control agent;
  api surface{agent, secret_text()};
};

TEST_F(api_test, health_answers_while_nothing_is_connected) {
  agent.agent.version = "1.2.3";
  agent.all = {make_status(0, "default", session_state::error)};
  const api_reply reply = get("/health");
  EXPECT_EQ(reply.status, 200u);
  EXPECT_THAT(reply.body, HasSubstr("\"version\":\"1.2.3\""));
}

TEST_F(api_test, ready_says_which_session_is_not) {
  EXPECT_EQ(get("/ready").status, 200u);
  agent.all = {make_status(0, "default", session_state::connected)};
  EXPECT_EQ(get("/ready").status, 200u);
  agent.all.push_back(make_status(1, "cloud", session_state::error));
  const api_reply reply = get("/ready");
  EXPECT_EQ(reply.status, 503u);
  EXPECT_THAT(reply.body, HasSubstr("cam1_stream0/cloud: error (connect_refused)"));
  EXPECT_THAT(reply.body, Not(HasSubstr("cam0")));
}

TEST_F(api_test, ready_wants_acknowledged_frames) {
  agent.all = {make_status(0, "default", session_state::connected)};
  agent.all[0].is_acknowledging = false;
  EXPECT_EQ(get("/ready").status, 503u);
}

TEST_F(api_test, finds_a_session_by_stream_number_and_by_name) {
  agent.all = {make_status(0, "default", session_state::connected), make_status(7, "a b", session_state::error)};
  for (const char* path :
       {"/api/v1/sessions/0/0/default", "/api/v1/sessions/0/main/default", "/api/v1/sessions/7/main/a%20b"}) {
    EXPECT_EQ(get(path).status, 200u) << path;
  }
  EXPECT_THAT(get("/api/v1/sessions/7/0/a%20b?pretty").body, HasSubstr("\"state\":\"error\""));
}

TEST_F(api_test, a_session_says_what_its_link_is_like) {
  agent.all = {make_status(0, "default", session_state::connected)};
  EXPECT_THAT(get("/api/v1/sessions/0/0/default").body,
              HasSubstr(R"("adaptive_bitrate":{"state":"off","target_kbps":null})"));
  session_status& status = agent.all[0];
  status.rtt_us = 40'000;
  status.rtt_var_us = 1500;
  status.delivery_rate_bps = 8'000'000;
  status.retransmits = 12;
  status.bitrate_target_kbps = 1275;
  status.adaptive_bitrate = bitrate_control::ignored;
  status.local_address = "10.0.0.2:40112";
  status.remote_address = "10.0.0.1:443";
  status.security = "TLSv1.3";
  status.codec_note = "no H.265";
  status.is_on_fallback = true;
  status.redirects = 2;
  status.link_changes = 3;
  const std::string body = get("/api/v1/sessions/0/0/default").body;
  EXPECT_THAT(body, HasSubstr(R"("adaptive_bitrate":{"state":"ignored","target_kbps":1275})"));
  EXPECT_THAT(body, HasSubstr(R"("codec_note":"no H.265","is_on_fallback":true)"));
  EXPECT_THAT(body, HasSubstr(R"("link":{"local":"10.0.0.2:40112","remote":"10.0.0.1:443","security":"TLSv1.3",)"
                              R"("rtt_ms":40.0,"rtt_variation_ms":1.5,"delivery_rate_bps":8000000,"retransmits":12,)"
                              R"("link_changes":3,"redirects":2})"));
}

TEST_F(api_test, refuses_what_does_not_exist) {
  agent.all = {make_status(0, "default", session_state::connected)};
  for (const char* path : {"/", "/api", "/api/v1/sessions/", "/api/v1/sessions/0", "/api/v1/sessions/0/0/other",
                           "/api/v1/sessions/00/0/default", "/api/v1/sessions/0/0/default/retry/x", "/api/v1/sessionsx",
                           "/api/v1/sessions/0/0/%zz", "/healthy"}) {
    EXPECT_EQ(get(path).status, 404u) << path;
  }
}

TEST_F(api_test, retry_is_a_post) {
  agent.all = {make_status(3, "default", session_state::error)};
  const api_reply wrong = get("/api/v1/sessions/3/main/default/retry");
  EXPECT_EQ(wrong.status, 405u);
  EXPECT_EQ(wrong.allow, "POST");
  EXPECT_TRUE(agent.retried.empty());
  EXPECT_EQ(surface.handle({"POST", "/api/v1/sessions/3/main/default/retry", {}, {}}).status, 202u);
  ASSERT_EQ(agent.retried.size(), 1u);
  EXPECT_EQ(agent.retried[0].to_string(), "cam3_stream0/default");
  EXPECT_EQ(surface.handle({"POST", "/metrics", {}, {}}).status, 405u);
}

TEST_F(api_test, a_web_page_cannot_retry_sessions) {
  agent.all = {make_status(3, "default", session_state::error)};
  const api_reply reply = surface.handle({"POST", "/api/v1/sessions/3/main/default/retry", {}, "http://somewhere"});
  EXPECT_EQ(reply.status, 403u);
  EXPECT_TRUE(agent.retried.empty());
}

TEST_F(api_test, a_token_guards_everything_but_health) {
  api guarded(agent, secret_text("correct-horse"));
  struct row {
    const char* path;
    const char* authorization;
    unsigned status;
  };
  for (const row& row : {row{"/health", "", 200}, row{"/ready", "", 401}, row{"/metrics", "Bearer wrong", 401},
                         row{"/metrics", "correct-horse", 401}, row{"/metrics", "Bearer correct-hors", 401},
                         row{"/metrics", "Bearer correct-horsee", 401}, row{"/metrics", "Bearer ", 401},
                         row{"/metrics", "Bearer correct-horse", 200}, row{"/nothing", "", 401}}) {
    EXPECT_EQ(guarded.handle({"GET", row.path, row.authorization, {}}).status, row.status)
        << row.path << " " << row.authorization;
  }
}

TEST_F(api_test, lists_sessions_with_totals_and_times) {
  agent.now.advance(std::chrono::seconds(100));
  session_status waiting = make_status(0, "default", session_state::error);
  waiting.next_retry_at = agent.now.now() + std::chrono::milliseconds(3500);
  waiting.last_error_reason = disconnect_reason::dns_failed;
  waiting.last_error = "no such host";
  agent.all = {waiting};
  agent.sums.failed_attempts = 9;
  const std::string body = get("/api/v1/sessions").body;
  EXPECT_THAT(body, HasSubstr("\"next_retry_in_s\":3.5"));
  EXPECT_THAT(body, HasSubstr("\"failed_connection_attempts\":9"));
  EXPECT_THAT(body, HasSubstr("\"last_error\":{\"reason\":\"dns_failed\",\"text\":\"no such host\""));
}

TEST_F(api_test, lists_cameras) {
  camera_summary camera;
  camera.camera_name = "gate";
  camera.state = "running";
  agent.all_cameras = {camera};
  const std::string body = get("/api/v1/cameras").body;
  EXPECT_THAT(body, HasSubstr("\"camera_name\":\"gate\""));
  EXPECT_THAT(body, HasSubstr("\"last_frame_age_s\":null"));
}

TEST(json_writer, makes_hostile_text_valid) {
  struct row {
    const char* name;
    std::string text, expected;
  };
  for (const row& row :
       {row{"plain", "a\"b\\\n", "\"a\\\"b\\\\\\n\""}, row{"lone byte", "\xff", "\"\xef\xbf\xbd\""},
        row{"cut", "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""}, row{"euro", "\xe2\x82\xac", "\"\xe2\x82\xac\""},
        row{"surrogate", "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        row{"overlong", "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""}}) {
    json_writer out;
    EXPECT_EQ(out.value(std::string_view(row.text)).take(), row.expected) << row.name;
  }
}

TEST(json_writer, writes_null_for_numbers_json_has_not) {
  json_writer out;
  out.begin_array().value(1.0 / 3).value(0.0 / 1).value(std::numeric_limits<double>::quiet_NaN()).end_array();
  EXPECT_EQ(out.take(), "[0.333,0.0,null]");
}

}  // namespace
}  // namespace campush
