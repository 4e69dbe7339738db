#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "unit/rtmp/session_bench.h"

namespace campush {
namespace {

using namespace test;

/// From 2023, where simulations live, to long after this program was built.
constexpr auto far_ahead = std::chrono::hours(24 * 365 * 20);

endpoint address(std::string_view text, uint16_t port) {
  return *parse_endpoint(text, port);
}

/// A server at a known address, reached over interface 2.
struct link_bench : session_bench {
  explicit link_bench(const frame_feeder::options& source = {}, const std::vector<std::string>& hosts = {"p"})
      : session_bench(source, hosts) {
    for (const std::string& host : hosts) {
      server(host).local = address("10.0.0.2", 40000);
      server(host).remote = address("192.0.2.1", 1935);
    }
    links.lead_over(2);
  }
};

TEST(session_link, is_made_as_the_configuration_says) {
  session_bench bench;
  bench.world.step_wall(far_ahead);
  bench.config.urls = {url_entry("rtmps://p/live/k")};
  bench.config.backend = publish_backend::librtmp;
  bench.config.bind_address = "10.0.0.7";
  bench.config.bind_interface = "wwan0";
  bench.config.tls.ca_file = "/etc/ca.pem";
  bench.server("p").local = address("10.0.0.7", 40001);
  bench.server("p").remote = address("2001:db8::1", 443);
  bench.server("p").security = "TLSv1.3 X";
  bench.start();
  const publish_target& target = bench.last().target;
  EXPECT_EQ(target.backend, publish_backend::librtmp);
  EXPECT_EQ(target.link.bind_address, address("10.0.0.7", 0));
  EXPECT_EQ(target.link.bind_interface, "wwan0");
  EXPECT_EQ(target.tls, bench.config.tls);
  const session_status status = bench.status();
  EXPECT_STREQ(status.local_address.c_str(), "10.0.0.7:40001");
  EXPECT_STREQ(status.remote_address.c_str(), "[2001:db8::1]:443");
  EXPECT_STREQ(status.security.c_str(), "TLSv1.3 X");
}

TEST(session_link, a_bind_address_that_is_none_is_told) {
  session_bench bench;
  bench.config.bind_address = "eth0";
  bench.start();
  EXPECT_EQ(bench.attempts(), 0u);
  EXPECT_EQ(bench.reason(), disconnect_reason::bad_url);
  EXPECT_NE(bench.status().last_error.view().find("bind_address"), std::string_view::npos);
}

TEST(session_link, an_address_that_a_secret_leads_to_is_not_shown) {
  ::setenv("CAMPUSH_TEST_HOST", "hidden.example", 1);
  session_bench bench;
  bench.config.urls = {url_entry("rtmp://{env:CAMPUSH_TEST_HOST}/live/k")};
  bench.server("hidden.example").local = address("10.0.0.7", 40001);
  bench.server("hidden.example").remote = address("192.0.2.1", 1935);
  bench.start();
  ::unsetenv("CAMPUSH_TEST_HOST");
  ASSERT_EQ(bench.state(), session_state::connected);
  EXPECT_STREQ(bench.status().remote_address.c_str(), "***");
  EXPECT_STREQ(bench.status().local_address.c_str(), "10.0.0.7:40001");
}

TEST(session_link, the_url_is_signed_anew_at_each_attempt_and_shown_without) {
  const std::string path = ::testing::TempDir() + "campush_sign_key";
  std::ofstream(path) << "secretsecret\n";
  session_bench bench;
  bench.world.step_wall(far_ahead);
  bench.config.sign.type = sign_type::tencent;
  bench.config.sign.key_file = path;
  bench.start();
  const std::string first = bench.last().key;
  EXPECT_EQ(first.substr(0, 19), "cam0_main?txSecret=");
  bench.servers.kill("p");
  bench.run(seconds(5));
  ASSERT_EQ(bench.attempts(), 2u);
  EXPECT_NE(bench.last().key, first);
  EXPECT_STREQ(bench.status().url.c_str(), "rtmp://p/live/cam0_main");
  std::remove(path.c_str());
}

TEST(session_clock, a_wrong_clock_stops_what_needs_it_and_nothing_else) {
  const struct {
    const char* name;
    const char* url;
    sign_type sign;
    bool is_insecure;
    bool is_stopped;
  } rows[] = {
      {"plain", "rtmp://p/live/k", sign_type::none, false, false},
      {"tls", "rtmps://p/live/k", sign_type::none, false, true},
      {"tls that judges nothing", "rtmps://p/live/k", sign_type::none, true, false},
      {"signed", "rtmp://p/live/k", sign_type::aliyun, false, true},
  };
  for (const auto& row : rows) {
    session_bench bench;
    bench.config.urls = {url_entry(row.url)};
    bench.config.sign.type = row.sign;
    bench.config.tls.insecure = row.is_insecure;
    bench.start();
    EXPECT_EQ(bench.attempts(), row.is_stopped ? 0u : 1u) << row.name;
    EXPECT_EQ(bench.reason(), row.is_stopped ? disconnect_reason::clock_wrong : disconnect_reason::none) << row.name;
  }
}

TEST(session_clock, waits_without_using_a_pass_and_tries_within_a_second_once_it_is_set) {
  session_bench bench;
  bench.config.urls = {url_entry("rtmps://p/live/k")};
  bench.start();
  bench.run(minutes(90));
  EXPECT_EQ(bench.state(), session_state::error);
  EXPECT_EQ(bench.reason(), disconnect_reason::clock_wrong);
  EXPECT_EQ(bench.status().pass, 1u);
  EXPECT_NE(bench.status().last_error.view().find("2023-"), std::string_view::npos) << "the date that it has";
  bench.world.step_wall(far_ahead);
  bench.run(milliseconds(1100));
  EXPECT_EQ(bench.state(), session_state::connected);
}

TEST(session_clock, a_certificate_that_is_not_valid_yet_is_tried_when_time_jumps_by_a_minute) {
  session_bench bench;
  bench.world.step_wall(far_ahead);
  bench.config.urls = {url_entry("rtmps://p/live/k")};
  bench.server("p").connect_failure = disconnect_reason::clock_wrong;
  bench.start();
  bench.run(seconds(1));
  ASSERT_EQ(bench.attempts(), 1u);
  bench.world.step_wall(seconds(30));
  bench.run(seconds(5));
  EXPECT_EQ(bench.attempts(), 1u);
  bench.world.step_wall(seconds(-3600));
  bench.run(seconds(5));
  EXPECT_EQ(bench.attempts(), 1u) << "backward helps nobody";
  bench.world.step_wall(seconds(3700));
  bench.run(milliseconds(1100));
  EXPECT_EQ(bench.attempts(), 2u);
  bench.run(seconds(58));
  EXPECT_EQ(bench.attempts(), 2u);
  bench.run(seconds(3));
  EXPECT_EQ(bench.attempts(), 3u) << "and at the latest after max_delay";
}

TEST(session_clock, another_address_that_needs_no_clock_is_used_at_once) {
  session_bench bench({}, {"p", "b1"});
  bench.config.urls[0] = url_entry("rtmps://p/live/k");
  bench.start();
  EXPECT_EQ(bench.hosts(), "b1");
  EXPECT_EQ(bench.state(), session_state::connected);
}

TEST(session_links, a_change_that_leaves_the_path_alone_is_no_reason) {
  link_bench bench;
  bench.start();
  bench.change_links(true);
  bench.change_links(false);
  bench.links.lead_nowhere();
  bench.change_links(false);
  bench.run(minutes(1));
  EXPECT_EQ(bench.attempts(), 1u);
  EXPECT_EQ(bench.status().link_changes, 0u);
}

TEST(session_links, reconnects_when_its_local_address_is_gone) {
  link_bench bench({}, {"p", "b1"});
  bench.start();
  bench.run(seconds(5));
  bench.links.has_local_address = false;
  bench.change_links(false);
  EXPECT_EQ(bench.subject.status().state, session_state::connecting);
  EXPECT_EQ(bench.subject.status().reason, disconnect_reason::link_changed);
  bench.links.has_local_address = true;
  bench.run(seconds(3));
  EXPECT_EQ(bench.hosts(), "p p");
  EXPECT_FALSE(bench.connection(0).is_stopped) << "there is nothing to say goodbye over";
  const session_status status = bench.status();
  EXPECT_EQ(status.state, session_state::connected);
  EXPECT_EQ(status.link_changes, 1u);
  EXPECT_EQ(status.errors, 0u);
  EXPECT_EQ(status.pass, 1u);
}

TEST(session_links, reconnects_when_another_path_leads_to_the_server_break_before_make) {
  link_bench bench;
  bench.start();
  bench.run(seconds(5));
  bench.links.lead_over(3);
  bench.change_links(true);
  bench.run(seconds(3));
  EXPECT_EQ(bench.attempts(), 2u);
  EXPECT_TRUE(bench.connection(0).is_stopped) << "the name must be free";
  EXPECT_EQ(bench.state(), session_state::connected);
  bench.change_links(true);
  bench.run(seconds(3));
  EXPECT_EQ(bench.attempts(), 2u) << "that is its path now";
}

TEST(session_links, at_most_once_in_ten_seconds) {
  link_bench bench;
  bench.start();
  bench.run(seconds(5));
  for (uint32_t i = 3; i < 9; ++i) {
    bench.links.lead_over(i);
    bench.change_links(false);
    bench.run(seconds(1));
  }
  EXPECT_EQ(bench.attempts(), 2u);
  bench.run(seconds(6));
  EXPECT_EQ(bench.attempts(), 3u) << "the last change is not forgotten";
  bench.run(minutes(1));
  EXPECT_EQ(bench.attempts(), 3u);
  EXPECT_EQ(bench.status().link_changes, 2u);
}

TEST(session_links, a_bound_connection_does_not_follow_the_routes) {
  link_bench bench;
  bench.config.bind_interface = "wwan0";
  bench.start();
  bench.links.lead_over(3);
  bench.change_links(true);
  bench.run(seconds(2));
  EXPECT_EQ(bench.attempts(), 1u);
  bench.links.has_local_address = false;
  bench.change_links(false);
  bench.run(seconds(2));
  EXPECT_EQ(bench.attempts(), 2u);
}

TEST(session_links, a_new_path_wakes_what_waits_and_begins_its_count_anew) {
  const struct {
    const char* name;
    disconnect_reason failure;
    uint32_t max_attempts;
  } rows[] = {
      {"in a long wait", disconnect_reason::unreachable, 0},
      {"given up", disconnect_reason::unreachable, 2},
      {"denied", disconnect_reason::denied, 0},
  };
  for (const auto& row : rows) {
    link_bench bench;
    bench.config.retry_policy.max_attempts = row.max_attempts;
    bench.server("p").connect_failure = row.failure;
    bench.start();
    bench.run(seconds(130));
    const size_t attempts = bench.attempts();
    bench.server("p").connect_failure = disconnect_reason::none;
    bench.change_links(true);
    bench.run(milliseconds(100));
    EXPECT_EQ(bench.attempts(), attempts + 1) << row.name;
    EXPECT_EQ(bench.state(), session_state::connected) << row.name;
    EXPECT_EQ(bench.status().pass, 1u) << row.name;
  }
}

TEST(session_links, wakes_at_most_once_a_minute_and_forgets_no_new_path) {
  link_bench bench;
  bench.config.retry_policy.initial_delay = bench.config.retry_policy.max_delay = seconds(600);
  bench.server("p").connect_failure = disconnect_reason::unreachable;
  bench.start();
  ASSERT_EQ(bench.attempts(), 1u);
  for (int i = 0; i < 50; ++i) {
    bench.change_links(true);
    bench.run(seconds(1));
  }
  EXPECT_EQ(bench.attempts(), 2u);
  bench.change_links(false);
  bench.run(seconds(15));
  EXPECT_EQ(bench.attempts(), 3u);
  EXPECT_EQ(bench.status().pass, 1u) << "the loss that followed does not undo the new path";
  bench.run(seconds(300));
  EXPECT_EQ(bench.attempts(), 3u);
}

TEST(session_links, a_mere_change_wakes_without_resetting_the_count_and_only_if_a_way_is_there) {
  link_bench bench;
  bench.start();
  bench.run(seconds(2));
  bench.server("p").connect_failure = disconnect_reason::unreachable;
  bench.servers.kill("p");
  bench.run(seconds(140));
  const size_t attempts = bench.attempts();
  const uint32_t pass = bench.status().pass;
  ASSERT_GT(pass, 5u);
  bench.links.lead_nowhere();
  bench.change_links(false);
  EXPECT_EQ(bench.attempts(), attempts) << "a loss wakes nobody";
  bench.links.lead_over(3);
  bench.change_links(false);
  bench.run(milliseconds(100));
  EXPECT_EQ(bench.attempts(), attempts + 1);
  EXPECT_EQ(bench.status().pass, pass + 1);
}

TEST(session_links, a_path_that_came_during_an_attempt_is_forgotten_when_it_connects) {
  link_bench bench;
  bench.config.retry_policy.initial_delay = bench.config.retry_policy.max_delay = seconds(600);
  bench.server("p").ready_after = seconds(2);
  bench.start();
  bench.change_links(true);
  bench.run(seconds(5));
  ASSERT_EQ(bench.state(), session_state::connected);
  bench.server("p").connect_failure = disconnect_reason::connect_refused;
  bench.servers.kill("p");
  bench.run(seconds(10));
  EXPECT_EQ(bench.attempts(), 1u) << "not stable yet: the first pass goes on after its wait";
}

TEST(session_links, a_path_that_came_during_an_attempt_is_used_when_it_failed) {
  link_bench bench;
  bench.config.retry_policy.initial_delay = bench.config.retry_policy.max_delay = seconds(600);
  bench.server("p").connect_failure = disconnect_reason::connect_timeout;
  bench.server("p").ready_after = seconds(5);
  bench.start();
  bench.change_links(true);
  bench.server("p").connect_failure = disconnect_reason::none;
  bench.run(seconds(1));
  bench.servers.kill("p", disconnect_reason::connect_timeout);
  bench.run(seconds(6));
  EXPECT_EQ(bench.attempts(), 2u);
  EXPECT_EQ(bench.state(), session_state::connected);
}

TEST(session_links, a_loss_does_not_wake_what_never_connected_and_uses_up_no_wake) {
  link_bench bench;
  bench.config.retry_policy.initial_delay = bench.config.retry_policy.max_delay = seconds(600);
  bench.server("p").connect_failure = disconnect_reason::unreachable;
  bench.start();
  ASSERT_EQ(bench.attempts(), 1u);
  bench.links.lead_nowhere();
  bench.change_links(false);
  bench.run(seconds(5));
  EXPECT_EQ(bench.attempts(), 1u);
  bench.links.lead_over(3);
  bench.change_links(true);
  bench.run(seconds(1));
  EXPECT_EQ(bench.attempts(), 2u) << "at once";
}

}  // namespace
}  // namespace campush
