#include <gtest/gtest.h>

#include "unit/rtmp/session_bench.h"

namespace campush {
namespace {

using namespace test;

bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// Pictures that reached any server.
uint64_t received(const session_bench& bench) {
  uint64_t count = 0;
  for (const auto& each : bench.servers.connections) count += each->count(tag_kind::video);
  return count;
}

TEST(session_302, goes_to_the_new_address_at_once_and_uses_no_pass) {
  session_bench bench;
  bench.server("p").redirect_to = "rtmp://q:1936/other";
  bench.start();
  ASSERT_EQ(bench.hosts(), "p q");
  EXPECT_EQ(bench.last().target.url.full().reveal(), "rtmp://q:1936/other/cam0_main");
  const session_status status = bench.status();
  EXPECT_EQ(status.state, session_state::connected);
  EXPECT_EQ(status.url.view(), "rtmp://q:1936/other/cam0_main");
  EXPECT_EQ(status.url_index, 0u);
  EXPECT_EQ(status.pass, 1u);
  EXPECT_EQ(status.errors, 0u);
  EXPECT_EQ(status.failed_attempts, 0u);
  EXPECT_EQ(status.redirects, 1u);
}

TEST(session_302, the_list_rules_again_after_a_failure) {
  session_bench bench;
  bench.server("p").redirect_to = "rtmp://q/live";
  bench.start();
  bench.run(seconds(2));
  bench.server("p").redirect_to = "";
  bench.servers.kill("q");
  bench.run(seconds(3));
  EXPECT_EQ(bench.hosts(), "p q p");
  EXPECT_EQ(bench.state(), session_state::connected);
}

TEST(session_302, a_target_that_fails_is_a_failure_of_its_entry) {
  session_bench bench({}, {"p", "b1"});
  bench.server("p").redirect_to = "rtmp://q/live";
  bench.server("q").connect_failure = disconnect_reason::connect_refused;
  bench.start();
  EXPECT_EQ(bench.hosts(), "p q b1");
  EXPECT_EQ(bench.status().url_index, 1u);
}

TEST(session_302, follows_three_in_a_row_and_begins_to_count_with_each_attempt) {
  session_bench bench;
  bench.server("p").redirect_to = "rtmp://q/live";
  bench.server("q").redirect_to = "/live2";
  bench.start();
  EXPECT_EQ(bench.hosts(), "p q q q");
  EXPECT_EQ(bench.state(), session_state::error);
  EXPECT_EQ(bench.reason(), disconnect_reason::server_error);
  EXPECT_TRUE(holds(bench.status().last_error.view(), "3 times in a row"));
  bench.server("q").redirect_to = "";
  bench.run(seconds(2));
  EXPECT_EQ(bench.hosts(), "p q q q p q");
  EXPECT_EQ(bench.state(), session_state::connected);
}

TEST(session_302, never_changes_the_security_level_and_carries_no_password_away) {
  session_bench bench({}, {"p"});
  bench.world.step_wall(std::chrono::hours(24 * 365 * 20));
  bench.config.urls = {url_entry("rtmps://user:word@p/live/k")};
  bench.server("p").redirect_to = "rtmp://q/live";
  bench.start();
  EXPECT_EQ(bench.hosts(), "p");
  EXPECT_EQ(bench.reason(), disconnect_reason::server_error);
  EXPECT_TRUE(holds(bench.status().last_error.view(), "only the same scheme"));
  bench.server("p").redirect_to = "rtmps://q/live";
  bench.run(seconds(2));
  ASSERT_EQ(bench.last().host, "q");
  EXPECT_EQ(bench.last().target.url.user(), "");
  EXPECT_TRUE(bench.last().target.url.password().empty());
}

TEST(session_302, one_without_an_address_is_a_failure) {
  session_bench bench;
  bench.server("p").connect_failure = disconnect_reason::redirected;
  bench.start();
  EXPECT_EQ(bench.hosts(), "p");
  EXPECT_EQ(bench.reason(), disconnect_reason::server_error);
}

TEST(session_302, is_followed_by_the_probe_of_the_primary) {
  session_bench bench({}, {"p", "b1"});
  bench.server("p").connect_failure = disconnect_reason::connect_refused;
  bench.start();
  bench.server("p").connect_failure = disconnect_reason::none;
  bench.server("p").redirect_to = "rtmp://q/live";
  bench.run(seconds(305));
  EXPECT_EQ(bench.hosts(), "p b1 p q");
  EXPECT_EQ(bench.status().url_index, 0u);
  EXPECT_TRUE(bench.connection(1).is_stopped);
  EXPECT_FALSE(bench.last().is_gone);
}

TEST(session_302, that_comes_while_publishing_is_a_planned_move_and_the_new_connection_is_watched) {
  session_bench bench;
  bench.start();
  bench.run(seconds(2));
  bench.server("p").redirect_to = "rtmp://q/live";
  bench.servers.kill("p", disconnect_reason::redirected);
  bench.run(milliseconds(5));
  EXPECT_EQ(bench.state(), session_state::connecting);
  EXPECT_EQ(bench.reason(), disconnect_reason::redirected);
  bench.run(seconds(3));
  ASSERT_EQ(bench.hosts(), "p q");
  session_status status = bench.status();
  EXPECT_EQ(status.state, session_state::connected);
  EXPECT_EQ(status.connects, 2u);
  EXPECT_EQ(status.attempts, 2u);
  EXPECT_EQ(status.errors, 0u);
  EXPECT_EQ(status.pass, 1u);
  EXPECT_EQ(bench.last().order().substr(0, 3), "MVk");
  bench.server("q").acknowledges = false;
  bench.run(seconds(10));
  EXPECT_EQ(bench.status().last_error_reason, disconnect_reason::ack_stall);
}

TEST(session_302, that_comes_while_publishing_ends_a_probe_of_the_primary) {
  session_bench bench({}, {"p", "b1"});
  bench.server("p").connect_failure = disconnect_reason::connect_refused;
  bench.start();
  bench.server("p").connect_failure = disconnect_reason::none;
  bench.server("p").ready_after = minutes(10);
  bench.run(seconds(302));
  ASSERT_EQ(bench.hosts(), "p b1 p");
  bench.server("b1").redirect_to = "rtmp://b2/live";
  bench.servers.kill("b1", disconnect_reason::redirected);
  bench.run(seconds(3));
  EXPECT_EQ(bench.hosts(), "p b1 p b2");
  EXPECT_TRUE(bench.connection(2).is_gone);
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_EQ(bench.status().url_index, 1u);
}

TEST(session_302, that_comes_while_the_last_pictures_leave_is_not_followed) {
  session_bench bench;
  bench.start();
  bench.run(seconds(2));
  bench.server("p").refuses_writes = true;
  bench.run(seconds(1));
  bench.camera.end();
  ASSERT_EQ(bench.subject.status().state, session_state::connected);
  bench.server("p").redirect_to = "rtmp://q/live";
  bench.servers.kill("p", disconnect_reason::redirected);
  bench.run(seconds(3));
  EXPECT_EQ(bench.hosts(), "p");
  EXPECT_EQ(bench.state(), session_state::disconnected);
  EXPECT_EQ(bench.reason(), disconnect_reason::source_ended);
}

TEST(session_reconnect_request, moves_make_before_break_and_loses_no_picture) {
  session_bench bench(on_demand());
  bench.start();
  bench.run(seconds(2));
  bench.servers.request_reconnect("p", "rtmp://q/live");
  bench.run(seconds(5));
  ASSERT_EQ(bench.hosts(), "p q");
  EXPECT_EQ(bench.last().order().substr(0, 3), "MVk");
  EXPECT_EQ(bench.last().sent.front().timestamp_ms, 0u);
  EXPECT_EQ(bench.last().key, "cam0_main");
  EXPECT_TRUE(bench.connection(0).is_stopped);
  const uint64_t dropped_at_start = 1;  // the frame that made the session connect
  EXPECT_EQ(received(bench) + dropped_at_start, bench.camera.pictures());
  const session_status status = bench.status();
  EXPECT_EQ(status.state, session_state::connected);
  EXPECT_EQ(status.url.view(), "rtmp://q/live/cam0_main");
  EXPECT_EQ(status.errors, 0u);
  EXPECT_EQ(status.redirects, 1u);
  EXPECT_EQ(status.pass, 1u);
}

TEST(session_reconnect_request, without_keyframes_on_demand_it_waits_for_the_next_one_or_replays) {
  session_bench bench;
  bench.start();
  bench.run(milliseconds(2300));
  bench.servers.request_reconnect("p", "");
  bench.run(seconds(5));
  ASSERT_EQ(bench.hosts(), "p p") << "the same again";
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_EQ(bench.last().order().substr(0, 3), "MVk");
  EXPECT_EQ(bench.status().dropped.total(), 0u);
}

TEST(session_reconnect_request, a_name_in_use_turns_it_into_break_before_make) {
  session_bench bench;
  bench.start();
  bench.run(seconds(2));
  bench.server("q").publish_failure = disconnect_reason::name_in_use;
  bench.servers.request_reconnect("p", "rtmp://q/live");
  while (!bench.connection(0).is_stopped && bench.world.now() < time_point(seconds(1010))) bench.run(milliseconds(10));
  ASSERT_TRUE(bench.connection(0).is_stopped);
  bench.server("q").publish_failure = disconnect_reason::none;
  bench.run(seconds(3));
  EXPECT_EQ(bench.hosts(), "p q q");
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_EQ(bench.status().errors, 0u);
}

TEST(session_reconnect_request, a_target_that_fails_leaves_the_connection_alone) {
  session_bench bench;
  bench.start();
  bench.run(seconds(2));
  bench.server("q").connect_failure = disconnect_reason::connect_refused;
  bench.servers.request_reconnect("p", "rtmp://q/live");
  bench.run(minutes(1));
  EXPECT_EQ(bench.hosts(), "p q");
  EXPECT_FALSE(bench.connection(0).is_gone);
  EXPECT_EQ(bench.status().errors, 0u);
  EXPECT_EQ(bench.status().last_error_reason, disconnect_reason::connect_refused);
}

TEST(session_reconnect_request, leaves_the_security_level_alone) {
  session_bench bench;
  bench.start();
  bench.servers.request_reconnect("p", "rtmps://q/live");
  bench.run(seconds(1));
  EXPECT_EQ(bench.hosts(), "p");
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_EQ(bench.status().redirects, 0u);
  EXPECT_TRUE(holds(bench.status().last_error.view(), "only the same scheme")) << bench.status().last_error.c_str();
}

TEST(session_reconnect_request, three_in_a_row_until_publishing_was_stable) {
  session_bench bench;
  bench.start();
  for (int i = 0; i < 5; ++i) {
    bench.run(seconds(11));
    bench.servers.request_reconnect("p", "");
  }
  bench.run(seconds(4));
  EXPECT_EQ(bench.attempts(), 4u);
  EXPECT_EQ(bench.status().redirects, 3u);
  EXPECT_EQ(bench.state(), session_state::connected);
  bench.run(seconds(35));
  for (int i = 0; i < 5; ++i) {
    bench.servers.request_reconnect("p", "");
    bench.run(seconds(11));
  }
  EXPECT_EQ(bench.attempts(), 7u) << "and three more from there";
}

TEST(session_reconnect_request, a_new_connection_that_waits_for_its_keyframe_takes_over_when_the_old_one_dies) {
  session_bench bench(on_demand());
  bench.start();
  bench.run(seconds(2));
  bench.servers.request_reconnect("p", "rtmp://q/live");
  const auto is_published = [&bench] { return bench.attempts() == 2 && bench.last().is_published; };
  ASSERT_TRUE(bench.world.run_until_true(is_published, seconds(1)));
  ASSERT_TRUE(bench.last().sent.empty());
  bench.camera.mute_video(true);
  bench.servers.kill("p");
  bench.run(milliseconds(10));
  bench.camera.mute_video(false);
  bench.run(seconds(4));
  EXPECT_EQ(bench.hosts(), "p q");
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_EQ(bench.last().order().substr(0, 3), "MVk");
  EXPECT_EQ(bench.status().connects, 2u);
}

TEST(session_reconnect_request, the_new_connection_is_waited_for_when_the_old_server_goes_first) {
  session_bench bench;
  bench.start();
  bench.run(seconds(40));
  bench.server("q").ready_after = seconds(3);
  bench.servers.request_reconnect("p", "rtmp://q/live");
  bench.run(milliseconds(500));
  bench.servers.kill("p", disconnect_reason::closed_by_server);
  bench.run(seconds(1));
  EXPECT_EQ(bench.state(), session_state::connecting);
  EXPECT_EQ(bench.status().errors, 0u);
  bench.run(seconds(4));
  EXPECT_EQ(bench.hosts(), "p q");
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_EQ(bench.last().order().substr(0, 3), "MVk");
  bench.servers.kill("q");
  bench.run(seconds(3));
  EXPECT_EQ(bench.hosts(), "p q p") << "the list rules again";
}

TEST(session_reconnect_request, stops_a_probe_of_the_primary_and_takes_its_place) {
  session_bench bench({}, {"p", "b1"});
  bench.server("p").connect_failure = disconnect_reason::connect_refused;
  bench.start();
  bench.server("p").connect_failure = disconnect_reason::none;
  bench.server("p").ready_after = minutes(10);
  bench.run(seconds(302));
  ASSERT_EQ(bench.hosts(), "p b1 p");
  bench.servers.request_reconnect("b1", "rtmp://b2/live");
  bench.run(seconds(5));
  EXPECT_EQ(bench.hosts(), "p b1 p b2");
  EXPECT_TRUE(bench.connection(2).is_gone);
  EXPECT_EQ(bench.status().url_index, 1u) << "it is still the backup's entry";
  EXPECT_TRUE(bench.status().is_failback_waiting);
  EXPECT_EQ(bench.state(), session_state::connected);
}

TEST(session_reconnect_request, ends_with_the_session) {
  session_bench bench;
  bench.start();
  bench.server("q").ready_after = seconds(3);
  bench.servers.request_reconnect("p", "rtmp://q/live");
  bench.run(seconds(1));
  bool is_idle = false;
  bench.subject.disconnect(seconds(2), [&] { is_idle = true; });
  bench.run(seconds(3));
  EXPECT_TRUE(is_idle);
  EXPECT_EQ(bench.state(), session_state::disconnected);
  EXPECT_TRUE(bench.last().is_gone);
}

TEST(session_reconnect_request, a_target_that_fails_counts_too) {
  session_bench bench;
  bench.server("q").connect_failure = disconnect_reason::connect_refused;
  bench.start();
  bench.run(seconds(40));
  for (int i = 0; i < 10; ++i) {
    bench.servers.request_reconnect("p", "rtmp://q/live");
    bench.run(seconds(11));
  }
  EXPECT_EQ(bench.hosts(), "p q q q");
  EXPECT_EQ(bench.status().redirects, 3u);
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_TRUE(holds(bench.status().last_error.view(), "3 times in a row")) << bench.status().last_error.c_str();
}

TEST(session_reconnect_request, another_one_during_the_move_changes_nothing) {
  session_bench bench;
  bench.server("q").ready_after = seconds(30);
  bench.start();
  bench.run(seconds(2));
  bench.servers.request_reconnect("p", "rtmp://q/live");
  bench.run(seconds(11));
  bench.servers.request_reconnect("p", "rtmp://r/live");
  bench.run(seconds(25));
  EXPECT_EQ(bench.hosts(), "p q");
  EXPECT_EQ(bench.status().redirects, 1u);
  EXPECT_TRUE(bench.last().is_published);
}

TEST(session_reconnect_request, is_heard_once_in_ten_seconds) {
  session_bench bench;
  bench.start();
  bench.run(seconds(2));
  bench.servers.request_reconnect("p", "rtmp://q/live");
  bench.run(seconds(5));
  bench.servers.request_reconnect("q", "rtmp://p/live");
  bench.run(seconds(4));
  EXPECT_EQ(bench.hosts(), "p q");
  EXPECT_EQ(bench.state(), session_state::connected);
  bench.run(seconds(2));
  bench.servers.request_reconnect("q", "rtmp://p/live");
  bench.run(seconds(3));
  EXPECT_EQ(bench.hosts(), "p q p");
}

TEST(session_reconnect_request, whose_break_before_make_did_not_happen_leads_nowhere_any_more) {
  const struct {
    const char* name;
    void (*end)(session_bench&);
    const char* hosts;
  } rows[] = {
      {"the server fails", [](session_bench& bench) { bench.servers.kill("p"); }, "p q b1"},
      {"the source sleeps", [](session_bench& bench) { bench.camera.pause(); }, "p q p"},
      {"a retry by hand", [](session_bench& bench) { bench.subject.retry(); }, "p q"},
  };
  for (const auto& row : rows) {
    frame_feeder::options source;
    source.gop = 250;
    session_bench bench(source, {"p", "b1"});
    bench.start();
    bench.run(seconds(2));
    bench.server("q").publish_failure = disconnect_reason::name_in_use;
    bench.servers.request_reconnect("p", "rtmp://q/live");
    bench.run(milliseconds(100));
    ASSERT_EQ(bench.hosts(), "p q") << row.name;
    ASSERT_FALSE(bench.connection(0).is_stopped) << row.name;
    bench.server("q").publish_failure = disconnect_reason::none;
    row.end(bench);
    bench.run(minutes(1));
    bench.camera.resume();
    bench.run(seconds(12));
    EXPECT_EQ(bench.hosts(), row.hosts) << row.name;
    EXPECT_EQ(bench.state(), session_state::connected) << row.name;
  }
}

}  // namespace
}  // namespace campush
