#include "rtmp/connection_manager.h"

#include <gtest/gtest.h>

#include "unit/rtmp/retry_script.h"

namespace campush {
namespace {

using namespace std::chrono_literals;
using reason = disconnect_reason;

TEST(connection_manager, starts_at_the_primary_without_waiting) {
  retry_script cam(3, exact());
  EXPECT_TRUE(cam.manager.should_reconnect());
  EXPECT_EQ(cam.manager.current_url(), 0u);
  EXPECT_EQ(cam.manager.get_backoff_delay(), 0s);
  EXPECT_EQ(cam.manager.current_pass(), 1u);
  EXPECT_EQ(cam.manager.url_count(), 3u);
  EXPECT_EQ(cam.manager.resting_reason(), reason::none);
}

TEST(connection_manager, tries_every_url_at_once_and_waits_between_passes) {
  retry_script cam(3, exact());
  cam.fail(reason::connect_refused, 9);
  EXPECT_EQ(cam.take_journal(),
            "0:primary 0:backup1 0:backup2 1:primary 1:backup1 1:backup2 3:primary 3:backup1 3:backup2");
  EXPECT_EQ(cam.manager.total_attempts(), 9u);
}

TEST(connection_manager, doubles_the_wait_up_to_the_longest_and_gives_up_after_ten_passes) {
  retry_script cam(3, exact());
  const double waits[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
  for (uint32_t pass = 1; pass <= 9; ++pass) {
    cam.fail(reason::connect_timeout, 3);
    EXPECT_EQ(cam.wait_s(), waits[pass - 1]) << "before pass " << pass + 1;
    EXPECT_EQ(cam.manager.current_pass(), pass);
    EXPECT_EQ(cam.manager.resting_reason(), reason::none);
  }
  cam.fail(reason::connect_timeout, 3);
  EXPECT_EQ(cam.manager.resting_reason(), reason::gave_up);
  EXPECT_EQ(cam.manager.current_pass(), 10u);
  EXPECT_EQ(cam.wait_s(), 900);
  EXPECT_TRUE(cam.manager.should_reconnect()) << "it rests, it has not stopped";
}

TEST(connection_manager, begins_a_new_set_at_the_primary_after_the_rest) {
  retry_script cam(3, exact());
  cam.fail(reason::unreachable, 30);
  cam.take_journal();
  cam.fail(reason::unreachable, 4);
  EXPECT_EQ(cam.take_journal(), "1143:primary 1143:backup1 1143:backup2 1144:primary");
  EXPECT_EQ(cam.manager.resting_reason(), reason::none);
  EXPECT_EQ(cam.manager.current_pass(), 2u);
}

TEST(connection_manager, never_comes_back_when_rest_is_zero) {
  retry_policy retry = exact();
  retry.rest = 0s;
  retry_script cam(1, retry);
  cam.fail(reason::connect_refused, 10);
  EXPECT_FALSE(cam.manager.should_reconnect());
  EXPECT_EQ(cam.manager.resting_reason(), reason::gave_up);
  cam.manager.reset_backoff();
  EXPECT_TRUE(cam.manager.should_reconnect());
  EXPECT_EQ(cam.manager.resting_reason(), reason::none);
}

TEST(connection_manager, goes_on_for_ever_with_zero_attempts) {
  retry_policy retry = exact();
  retry.max_attempts = 0;
  retry_script cam(2, retry);
  cam.fail(reason::connect_refused, 2000);
  EXPECT_TRUE(cam.manager.should_reconnect());
  EXPECT_EQ(cam.wait_s(), 60);
  EXPECT_EQ(cam.manager.resting_reason(), reason::none);
  EXPECT_EQ(cam.manager.current_pass(), 1000u);
}

TEST(connection_manager, makes_one_pass_without_auto_reconnect) {
  retry_policy retry = exact();
  retry.auto_reconnect = false;
  retry_script cam(3, retry);
  cam.fail(reason::connect_refused, 3);
  EXPECT_EQ(cam.take_journal(), "0:primary 0:backup1 0:backup2");
  EXPECT_FALSE(cam.manager.should_reconnect());
  EXPECT_EQ(cam.manager.resting_reason(), reason::gave_up);
}

TEST(connection_manager, does_not_come_back_from_a_stable_connection_without_auto_reconnect) {
  retry_policy retry = exact();
  retry.auto_reconnect = false;
  retry_script cam(3, retry);
  cam.connect();
  cam.publish_for(60s);
  cam.drop();
  EXPECT_FALSE(cam.manager.should_reconnect());
}

TEST(connection_manager, continues_the_pass_at_the_next_url_after_a_drop_before_stable) {
  retry_script cam(3, exact());
  cam.fail();
  cam.connect();
  cam.publish_for(29s);
  cam.drop();
  cam.fail(reason::connect_refused, 2);
  EXPECT_EQ(cam.take_journal(), "0:primary 0:backup1 29:backup2 30:primary");
  EXPECT_EQ(cam.manager.current_pass(), 2u);
}

TEST(connection_manager, begins_a_new_pass_at_the_primary_after_a_stable_connection) {
  retry_script cam(3, exact());
  cam.fail(reason::connect_refused, 13);
  cam.connect();
  EXPECT_EQ(cam.manager.current_pass(), 5u) << "a connection alone proves nothing";
  cam.take_journal();
  cam.publish_for(30s);
  EXPECT_EQ(cam.manager.current_pass(), 1u);
  cam.drop();
  cam.fail(reason::connect_refused, 4);
  EXPECT_EQ(cam.take_journal(), "45:primary 45:backup1 45:backup2 46:primary");
}

TEST(connection_manager, counts_only_uninterrupted_health_as_stable) {
  retry_script cam(1, exact());
  cam.fail(reason::connect_refused, 3);
  cam.connect();
  cam.publish_for(29s);
  cam.time.advance(5s);
  cam.publish_for(29s);
  EXPECT_EQ(cam.manager.current_pass(), 4u);
  cam.drop();
  EXPECT_EQ(cam.wait_s(), 8);
}

TEST(connection_manager, gives_up_on_a_server_that_drops_every_connection_early) {
  retry_script cam(1, exact());
  for (int i = 0; i < 10; ++i) {
    cam.connect();
    cam.publish_for(20s);
    cam.drop();
  }
  EXPECT_EQ(cam.manager.resting_reason(), reason::gave_up);
}

TEST(connection_manager, keeps_jitter_within_its_share_and_spreads_it) {
  retry_policy retry;
  retry.initial_delay = 10s;
  double shortest = 1e9, longest = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    retry_script cam(1, retry, {}, seed);
    cam.fail();
    shortest = std::min(shortest, cam.wait_s());
    longest = std::max(longest, cam.wait_s());
  }
  EXPECT_GE(shortest, 8.0);
  EXPECT_LE(longest, 12.0);
  EXPECT_LT(shortest, 8.5);
  EXPECT_GT(longest, 11.5);
}

TEST(connection_manager, repeats_itself_with_the_same_seed) {
  retry_script first(3, retry_policy{}, {}, 7), second(3, retry_policy{}, {}, 7);
  first.fail(reason::connect_refused, 25);
  second.fail(reason::connect_refused, 25);
  EXPECT_EQ(first.journal, second.journal);
}

TEST(connection_manager, splays_only_the_first_move_to_a_backup) {
  retry_policy retry = exact();
  retry.failover_splay = 8s;
  double longest = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    retry_script cam(3, retry, {}, seed);
    cam.fail();
    ASSERT_LE(cam.wait_s(), 8.0);
    longest = std::max(longest, cam.wait_s());
    cam.fail();
    ASSERT_EQ(cam.wait_s(), 0) << "from backup to backup";
    cam.fail(reason::connect_refused, 2);
    ASSERT_EQ(cam.wait_s(), 0) << "second pass";
  }
  EXPECT_GT(longest, 6.0);
}

TEST(connection_manager, takes_a_dns_failure_as_one_of_that_url_only) {
  retry_script cam(2, exact());
  cam.fail(reason::dns_failed);
  cam.connect();
  EXPECT_EQ(cam.take_journal(), "0:primary 0:backup1");
}

// Name in use.

TEST(connection_manager, holds_a_busy_url_down_and_goes_on_with_the_others) {
  retry_script cam(3, exact());
  cam.fail(reason::name_in_use);
  EXPECT_TRUE(cam.manager.is_name_in_use());
  cam.fail(reason::connect_refused, 2);
  EXPECT_FALSE(cam.manager.is_name_in_use());
  cam.fail(reason::connect_refused, 9);
  EXPECT_EQ(cam.take_journal(),
            "0:primary 0:backup1 0:backup2 1:backup1 1:backup2 3:backup1 3:backup2 7:backup1 7:backup2 "
            "15:primary 15:backup1 15:backup2");
}

TEST(connection_manager, tries_a_held_url_before_the_pass_ends_once_it_is_free) {
  retry_script cam(2, exact());
  cam.fail(reason::name_in_use);
  cam.fail();
  cam.try_next();
  cam.time.advance(16s);
  cam.drop(reason::connect_timeout);
  cam.fail();
  EXPECT_EQ(cam.take_journal(), "0:primary 0:backup1 1:backup1 17:primary");
  EXPECT_EQ(cam.manager.current_pass(), 2u);
  EXPECT_EQ(cam.wait_s(), 2);
}

TEST(connection_manager, retries_the_only_url_every_three_seconds_while_its_name_is_in_use) {
  retry_script cam(1, exact());
  for (int i = 0; i < 40; ++i) {
    cam.fail(reason::name_in_use);
    ASSERT_EQ(cam.wait_s(), 3) << i;
    ASSERT_EQ(cam.manager.current_pass(), 1u);
    ASSERT_TRUE(cam.manager.is_name_in_use());
  }
  cam.fail(reason::name_in_use);
  EXPECT_EQ(cam.time.now() - cam.start, 120s);
  EXPECT_EQ(cam.wait_s(), 1) << "then normal waits";
  cam.fail(reason::name_in_use);
  EXPECT_EQ(cam.wait_s(), 2);
  EXPECT_EQ(cam.manager.current_pass(), 2u);
  EXPECT_TRUE(cam.manager.is_name_in_use());
}

TEST(connection_manager, gives_up_in_the_end_when_the_name_stays_in_use) {
  retry_script cam(1, exact());
  cam.fail(reason::name_in_use, 40 + 10);
  EXPECT_EQ(cam.manager.resting_reason(), reason::gave_up);
}

TEST(connection_manager, waits_again_for_a_busy_name_after_a_connection) {
  retry_script cam(1, exact());
  cam.fail(reason::name_in_use, 41);
  cam.connect();
  EXPECT_FALSE(cam.manager.is_name_in_use());
  cam.drop();
  cam.take_journal();
  cam.fail(reason::name_in_use, 3);
  EXPECT_EQ(cam.wait_s(), 3);
}

TEST(connection_manager, retries_busy_names_in_turn_when_every_url_is_busy) {
  retry_script cam(2, exact());
  cam.fail(reason::name_in_use, 9);
  EXPECT_EQ(cam.take_journal(),
            "0:primary 0:backup1 3:backup1 6:backup1 9:backup1 12:backup1 15:primary 18:primary 21:primary");
  EXPECT_EQ(cam.manager.current_pass(), 1u);
}

TEST(connection_manager, takes_a_denied_url_for_none_left_beside_a_busy_one) {
  retry_script cam(2, exact());
  cam.fail(reason::denied);
  cam.fail(reason::name_in_use);
  EXPECT_STREQ(cam.here(), "backup1");
  EXPECT_EQ(cam.wait_s(), 3);
}

// Denied.

TEST(connection_manager, moves_on_after_denied_and_waits_five_minutes_when_all_say_so) {
  retry_script cam(3, exact());
  cam.fail(reason::denied, 2);
  EXPECT_EQ(cam.manager.resting_reason(), reason::none);
  EXPECT_EQ(cam.wait_s(), 0);
  cam.fail(reason::denied);
  EXPECT_EQ(cam.take_journal(), "0:primary 0:backup1 0:backup2");
  EXPECT_EQ(cam.manager.resting_reason(), reason::denied);
  EXPECT_EQ(cam.wait_s(), 300);
  cam.fail(reason::connect_refused);
  EXPECT_EQ(cam.take_journal(), "300:primary");
  EXPECT_EQ(cam.manager.resting_reason(), reason::none);
}

TEST(connection_manager, keeps_normal_waits_while_one_url_is_not_denied) {
  retry_script cam(2, exact());
  cam.fail(reason::denied);
  cam.fail(reason::connect_refused);
  EXPECT_EQ(cam.wait_s(), 1);
  EXPECT_EQ(cam.manager.resting_reason(), reason::none);
}

TEST(connection_manager, takes_the_third_early_close_in_a_row_for_denied) {
  retry_script cam(1, exact());
  for (double wait : {1.0, 2.0}) {
    cam.connect();
    cam.publish_for(4s);
    cam.drop(reason::closed_by_server);
    EXPECT_EQ(cam.wait_s(), wait);
    EXPECT_EQ(cam.manager.resting_reason(), reason::none);
  }
  cam.connect();
  cam.time.advance(5s);
  cam.drop(reason::closed_by_server);
  EXPECT_EQ(cam.manager.resting_reason(), reason::denied);
  EXPECT_EQ(cam.wait_s(), 300);
}

struct interruption {
  const char* name;
  std::chrono::seconds published;
  reason why;
};
class early_close_row : public testing::TestWithParam<interruption> {};

TEST_P(early_close_row, is_broken) {
  retry_script cam(1, exact());
  const auto close_early = [&](int times) {
    for (int i = 0; i < times; ++i) {
      cam.connect();
      cam.drop(reason::closed_by_server);
    }
  };
  close_early(2);
  cam.connect();
  cam.publish_for(GetParam().published);
  cam.drop(GetParam().why);
  close_early(2);
  EXPECT_EQ(cam.manager.resting_reason(), reason::none);
  close_early(1);
  EXPECT_EQ(cam.manager.resting_reason(), reason::denied);
}

INSTANTIATE_TEST_SUITE_P(connection_manager, early_close_row,
                         testing::Values(interruption{"by_a_later_close", 6s, reason::closed_by_server},
                                         interruption{"by_another_error", 1s, reason::connection_reset}),
                         [](const auto& row) { return row.param.name; });

TEST(connection_manager, counts_early_closes_for_each_url_by_itself) {
  retry_script cam(2, exact());
  for (int i = 0; i < 4; ++i) {
    cam.connect();
    cam.drop(reason::closed_by_server);
  }
  EXPECT_EQ(cam.take_journal(), "0:primary 0:backup1 1:primary 1:backup1");
  EXPECT_EQ(cam.manager.resting_reason(), reason::none);
}

// Planned.

class planned_reason : public testing::TestWithParam<reason> {};

TEST_P(planned_reason, uses_no_attempt_and_does_not_wait) {
  retry_script cam(3, exact());
  cam.fail(reason::connect_refused, 4);
  cam.connect();
  cam.drop(GetParam());
  EXPECT_TRUE(cam.manager.should_reconnect());
  EXPECT_EQ(cam.wait_s(), 0);
  EXPECT_EQ(cam.manager.current_pass(), 2u);
  EXPECT_STREQ(cam.here(), "backup1");
  cam.take_journal();
  cam.fail(reason::connect_refused, 2);
  EXPECT_EQ(cam.take_journal(), "1:backup1 1:backup2") << "the pass goes on where it was";
}

TEST_P(planned_reason, does_not_shorten_a_wait_that_runs) {
  retry_script cam(1, exact());
  cam.fail(reason::connect_refused, 4);
  cam.drop(GetParam());
  EXPECT_EQ(cam.wait_s(), 8);
  EXPECT_EQ(cam.manager.current_pass(), 4u);
}

INSTANTIATE_TEST_SUITE_P(connection_manager, planned_reason,
                         testing::Values(reason::session_age, reason::source_stalled, reason::source_ended,
                                         reason::user_request),
                         [](const auto& row) { return std::string(reason_name(row.param)); });

TEST(connection_manager, tries_the_primary_next_when_a_planned_return_to_a_backup_fails) {
  retry_script cam(3, exact());
  cam.fail();
  cam.connect();
  cam.publish_for(60s);
  cam.take_journal();
  cam.drop(reason::session_age);
  cam.fail(reason::connect_refused, 3);
  EXPECT_EQ(cam.take_journal(), "60:backup1 60:primary 60:backup2");
  EXPECT_EQ(cam.wait_s(), 1);
}

TEST(connection_manager, does_not_wake_from_giving_up_by_a_planned_reason) {
  retry_policy retry = exact();
  retry.rest = 0s;
  retry_script cam(1, retry);
  cam.fail(reason::connect_refused, 10);
  cam.drop(reason::source_stalled);
  EXPECT_FALSE(cam.manager.should_reconnect());
}

// retry.

TEST(connection_manager, starts_afresh_on_request) {
  retry_script cam(3, exact());
  cam.fail(reason::connect_refused, 30);
  EXPECT_EQ(cam.manager.resting_reason(), reason::gave_up);
  cam.manager.reset_backoff();
  EXPECT_EQ(cam.wait_s(), 0);
  EXPECT_EQ(cam.manager.current_pass(), 1u);
  EXPECT_EQ(cam.manager.resting_reason(), reason::none);
  cam.take_journal();
  cam.fail(reason::connect_refused, 4);
  EXPECT_EQ(cam.take_journal(), "243:primary 243:backup1 243:backup2 244:primary");
}

TEST(connection_manager, starts_afresh_after_the_attempt_in_hand) {
  retry_script cam(3, exact());
  cam.fail(reason::connect_refused, 4);
  cam.try_next();
  cam.manager.reset_backoff();
  EXPECT_STREQ(cam.here(), "backup1");
  cam.drop(reason::connect_refused);
  cam.take_journal();
  cam.fail(reason::connect_refused, 3);
  EXPECT_EQ(cam.take_journal(), "1:primary 1:backup1 1:backup2");
}

TEST(connection_manager, offers_the_primary_at_once_when_asked_to_retry_on_a_backup) {
  retry_script cam(2, exact());
  cam.fail();
  cam.connect();
  cam.manager.reset_backoff();
  EXPECT_TRUE(cam.manager.is_failback_due());
  EXPECT_STREQ(cam.here(), "backup1");
}

// Odd input.

TEST(connection_manager, has_nowhere_to_go_without_urls) {
  retry_script cam(0, exact());
  EXPECT_FALSE(cam.manager.should_reconnect());
  cam.manager.on_disconnect(reason::bad_url);
  EXPECT_EQ(cam.manager.current_url(), 0u);
  EXPECT_FALSE(cam.manager.should_reconnect());
}

TEST(connection_manager, bounds_waits_of_extreme_policies) {
  retry_policy retry = exact();
  retry.max_attempts = 0;
  retry.initial_delay = std::chrono::hours(24 * 365);
  retry.max_delay = std::chrono::hours(24 * 365 * 10);
  retry_script cam(1, retry);
  cam.fail(reason::connect_refused, 100);
  EXPECT_LE(cam.manager.get_backoff_delay(), retry.max_delay);
  retry.initial_delay = 0s;
  retry_script eager(1, retry);
  eager.fail(reason::connect_refused, 100);
  EXPECT_EQ(eager.manager.get_backoff_delay(), 0s);
}

}  // namespace
}  // namespace campush
