#include <gtest/gtest.h>

#include "unit/rtmp/session_bench.h"

namespace campush {
namespace {

using namespace test;

TEST(session_silence, a_stalled_source_without_audio_unpublishes_and_uses_no_attempt) {
  session_bench bench;
  bench.start();
  bench.run(seconds(2));
  const uint32_t attempts = bench.status().attempts;
  bench.camera.pause();
  bench.run(milliseconds(4300));
  EXPECT_EQ(bench.state(), session_state::disconnected);
  EXPECT_EQ(bench.reason(), disconnect_reason::source_stalled);
  EXPECT_TRUE(bench.connection(0).is_stopped);
  bench.run(minutes(30));
  EXPECT_EQ(bench.status().attempts, attempts);
  bench.camera.resume();
  bench.run(seconds(3));
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_EQ(bench.attempts(), 2u);
}

TEST(session_silence, audio_alone_holds_the_connection_until_it_stops_too) {
  session_bench bench(with_audio());
  bench.start();
  bench.camera.mute_video(true);
  bench.run(seconds(60));
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_EQ(bench.attempts(), 1u);
  bench.camera.pause();
  bench.run(milliseconds(4500));
  EXPECT_EQ(bench.reason(), disconnect_reason::source_stalled);
}

TEST(session_silence, a_source_that_ended_is_drained_and_unpublished) {
  session_bench bench;
  bench.start();
  bench.run(seconds(1));
  bench.camera.end();
  bench.run(milliseconds(100));
  EXPECT_EQ(bench.state(), session_state::disconnected);
  EXPECT_EQ(bench.reason(), disconnect_reason::source_ended);
  EXPECT_EQ(bench.connection(0).count(tag_kind::video), bench.camera.pictures());
  EXPECT_TRUE(bench.connection(0).is_stopped);
}

TEST(session_silence, a_lost_connection_is_not_made_again_while_the_source_is_stalled) {
  session_bench bench(with_audio());
  bench.start();
  bench.camera.mute_video(true);
  bench.run(seconds(10));
  bench.servers.kill("p");
  bench.run(seconds(30));
  EXPECT_EQ(bench.attempts(), 1u);
  EXPECT_EQ(bench.reason(), disconnect_reason::source_stalled);
}

TEST(session_age, publishes_again_at_a_keyframe_break_before_make_without_an_attempt_used) {
  session_bench bench;
  bench.config.max_session_age = seconds(100);
  bench.start();
  bench.run(seconds(115));
  ASSERT_EQ(bench.attempts(), 2u);
  EXPECT_TRUE(bench.connection(0).is_stopped);
  EXPECT_TRUE(bench.connection(0).is_gone);
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_EQ(bench.status().errors, 0u);
  EXPECT_EQ(bench.status().pass, 1u);
  EXPECT_EQ(bench.last().sent.front().timestamp_ms, 0u);
}

TEST(session_age, differs_by_device_within_ten_percent) {
  std::vector<size_t> when;
  for (const char* device : {"cam-1", "cam-2", "cam-3", "cam-4"}) {
    session_bench bench;
    bench.config.device_id = device;
    bench.config.max_session_age = seconds(1000);
    bench.start();
    bench.run(seconds(899));
    EXPECT_EQ(bench.attempts(), 1u) << device;
    size_t second = 899;
    for (; second < 1110 && bench.attempts() == 1; ++second) bench.run(seconds(1));
    EXPECT_LT(second, 1103u) << device;
    when.push_back(second);
  }
  EXPECT_FALSE(when[0] == when[1] && when[1] == when[2] && when[2] == when[3]);
}

TEST(session_failback, moves_to_the_primary_make_before_break) {
  session_bench bench({}, {"p", "b1"});
  bench.server("p").connect_failure = disconnect_reason::connect_refused;
  bench.start();
  ASSERT_EQ(bench.hosts(), "p b1");
  EXPECT_TRUE(bench.status().is_failback_waiting);
  bench.server("p").connect_failure = disconnect_reason::none;
  bench.run(seconds(299));
  EXPECT_EQ(bench.hosts(), "p b1");
  bench.run(seconds(3));
  ASSERT_EQ(bench.hosts(), "p b1 p");
  EXPECT_EQ(bench.last().order().substr(0, 3), "MVk");
  EXPECT_TRUE(bench.connection(1).is_stopped);
  const session_status status = bench.status();
  EXPECT_EQ(status.url_index, 0u);
  EXPECT_EQ(status.state, session_state::connected);
  EXPECT_EQ(status.errors, 1u) << "only the refusal at the start";
}

TEST(session_failback, loses_no_picture_between_backup_and_primary) {
  session_bench bench(on_demand(), {"p", "b1"});
  bench.server("p").connect_failure = disconnect_reason::connect_refused;
  bench.start();
  bench.server("p").connect_failure = disconnect_reason::none;
  bench.run(seconds(310));
  ASSERT_EQ(bench.hosts(), "p b1 p");
  const uint64_t dropped_at_start = 1;  // the frame that made the session connect
  EXPECT_EQ(bench.connection(1).count(tag_kind::video) + bench.last().count(tag_kind::video) + dropped_at_start,
            bench.camera.pictures());
  EXPECT_EQ(bench.status().dropped.total(), dropped_at_start);
}

TEST(session_failback, a_probe_that_fails_leaves_the_backup_alone_and_doubles_the_interval) {
  session_bench bench({}, {"p", "b1"});
  bench.server("p").connect_failure = disconnect_reason::connect_timeout;
  bench.start();
  bench.run(seconds(310));
  EXPECT_EQ(bench.hosts(), "p b1 p");
  EXPECT_FALSE(bench.connection(1).is_gone);
  EXPECT_EQ(bench.status().errors, 1u);
  EXPECT_EQ(bench.status().failback_attempts, 1u);
  EXPECT_EQ(bench.status().failback_error.view(), "connect_timeout: scripted");
  bench.run(seconds(580));
  EXPECT_EQ(bench.hosts(), "p b1 p");
  bench.run(seconds(40));
  EXPECT_EQ(bench.hosts(), "p b1 p p");
}

TEST(session_failback, a_busy_primary_is_tried_once_break_before_make_and_the_backup_taken_back_at_once) {
  session_bench bench({}, {"p", "b1"});
  bench.server("p").connect_failure = disconnect_reason::connect_refused;
  bench.start();
  bench.server("p").connect_failure = disconnect_reason::none;
  bench.server("p").publish_failure = disconnect_reason::name_in_use;
  bench.run(seconds(305));
  EXPECT_EQ(bench.hosts(), "p b1 p p b1");
  EXPECT_TRUE(bench.connection(1).is_stopped);
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_EQ(bench.status().url_index, 1u);
  EXPECT_EQ(bench.status().failback_error.view(), "name_in_use: scripted");
}

TEST(session_failback, break_before_make_stays_on_the_primary_when_the_name_came_free) {
  session_bench bench({}, {"p", "b1"});
  bench.server("p").connect_failure = disconnect_reason::connect_refused;
  bench.start();
  bench.server("p").connect_failure = disconnect_reason::none;
  bench.server("p").publish_failure = disconnect_reason::name_in_use;
  bench.run(seconds(299));
  for (int i = 0; i < 400 && !bench.connection(1).is_stopped; ++i) bench.run(milliseconds(10));
  bench.server("p").publish_failure = disconnect_reason::none;
  bench.run(seconds(3));
  EXPECT_EQ(bench.hosts(), "p b1 p p");
  EXPECT_EQ(bench.status().url_index, 0u);
  EXPECT_EQ(bench.state(), session_state::connected);
}

TEST(session_failback, survives_the_death_of_the_backup_during_the_probe) {
  session_bench bench({}, {"p", "b1"});
  bench.server("p").connect_failure = disconnect_reason::connect_refused;
  bench.start();
  bench.server("p").connect_failure = disconnect_reason::none;
  bench.server("p").ready_after = seconds(3);
  bench.run(seconds(301));
  ASSERT_EQ(bench.hosts(), "p b1 p");
  bench.servers.kill("b1");
  bench.run(seconds(10));
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_TRUE(bench.connection(2).is_gone);
}

TEST(session_busy, tries_a_name_in_use_every_3_s_without_using_a_pass) {
  session_bench bench;
  bench.server("p").publish_failure = disconnect_reason::name_in_use;
  bench.start();
  EXPECT_TRUE(bench.status().is_name_in_use);
  bench.run(seconds(60));
  EXPECT_GE(bench.attempts(), 19u);
  EXPECT_EQ(bench.status().pass, 1u);
  bench.server("p").publish_failure = disconnect_reason::none;
  bench.run(seconds(4));
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_FALSE(bench.status().is_name_in_use);
}

TEST(session_reuse, a_closed_session_opens_again_as_if_new) {
  session_bench bench;
  bench.start();
  bench.run(seconds(3));
  bench.subject.close();
  EXPECT_TRUE(bench.last().is_gone);
  bench.config.destination = "second";
  bench.published = std::make_shared<snapshot<session_status>>();
  bench.open();
  bench.run(seconds(2));
  const session_status status = bench.status();
  EXPECT_EQ(status.state, session_state::connected);
  EXPECT_EQ(status.connects, 1u);
  EXPECT_LT(status.frames_sent[1], 80u);
  EXPECT_EQ(status.destination.view(), "second");
}

}  // namespace
}  // namespace campush
