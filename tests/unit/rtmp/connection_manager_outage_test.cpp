#include <gtest/gtest.h>

#include "unit/rtmp/retry_script.h"

namespace campush {
namespace {

using namespace std::chrono_literals;
using reason = disconnect_reason;

// Names in use.

TEST(connection_manager, holds_a_busy_url_down_for_fifteen_seconds_and_no_less) {
  for (const auto& [length, wait_s] : {std::pair{14900ms, 2.0}, {15000ms, 0.0}}) {
    retry_script cam(2, exact());
    cam.fail(reason::name_in_use);
    cam.fail();
    cam.connect();
    cam.time.advance(length - 1s);
    cam.drop();
    EXPECT_EQ(cam.wait_s(), wait_s) << length.count() << " ms after it was found busy";
  }
}

TEST(connection_manager, holds_a_url_no_longer_once_it_took_the_stream) {
  retry_script cam(2, exact());
  cam.fail(reason::name_in_use, 2);
  cam.connect();
  EXPECT_STREQ(cam.here(), "backup1");
  cam.time.advance(2s);
  cam.drop();
  EXPECT_STREQ(cam.here(), "backup1") << "the primary is still held down";
  EXPECT_EQ(cam.wait_s(), 1);
}

/// Attempts without a pass until the name of the only URL stays busy for too long.
int busy_attempts(retry_script& cam) {
  int attempts = 0;
  do {
    cam.fail(reason::name_in_use);
    ++attempts;
  } while (cam.wait_s() == 3 && attempts < 1000);
  return attempts;
}

TEST(connection_manager, waits_anew_for_a_busy_name_when_the_server_failed_otherwise_in_between) {
  retry_script cam(1, exact());
  EXPECT_EQ(busy_attempts(cam), 41);
  cam.fail();
  EXPECT_EQ(busy_attempts(cam), 41);
}

TEST(connection_manager, waits_anew_for_a_busy_name_in_each_set_of_passes) {
  retry_policy retry = exact();
  retry.max_attempts = 1;
  retry_script cam(1, retry);
  EXPECT_EQ(busy_attempts(cam), 41);
  EXPECT_EQ(cam.manager.resting_reason(), reason::gave_up);
  EXPECT_EQ(cam.wait_s(), 900);
  EXPECT_EQ(busy_attempts(cam), 41);
}

// Backups.

TEST(connection_manager, splays_the_first_move_of_each_outage) {
  retry_policy retry = exact();
  retry.failover_splay = 1000s;
  retry_script cam(2, retry, {}, 7);
  cam.fail();
  EXPECT_GT(cam.wait_s(), 0);
  cam.connect();
  cam.publish_for(30s);
  cam.drop();
  EXPECT_STREQ(cam.here(), "primary");
  cam.fail();
  EXPECT_STREQ(cam.here(), "backup1");
  EXPECT_GT(cam.wait_s(), 0);
}

TEST(connection_manager, keeps_a_failback_interval_of_more_than_an_hour) {
  retry_script cam(2, exact(), {true, 7200s});
  cam.fail();
  cam.connect();
  EXPECT_EQ(cam.manager.failback_in(), 7200s);
  cam.time.advance(7200s);
  cam.manager.on_failback_started();
  cam.manager.on_failback_failed();
  EXPECT_EQ(cam.manager.failback_in(), 7200s);
}

TEST(connection_manager, keeps_the_longer_failback_interval_over_a_long_stay_on_a_backup) {
  retry_script cam(2, exact());
  cam.fail();
  cam.connect();
  cam.time.advance(300s);
  cam.manager.on_failback_started();
  cam.manager.on_failback_failed();
  cam.publish_for(4000s);
  cam.drop();
  cam.fail();
  cam.connect();
  EXPECT_EQ(cam.manager.failback_in(), 600s) << "only an hour on the primary forgives";
}

TEST(connection_manager, looks_for_the_primary_again_when_the_backup_was_lost_beside_a_probe) {
  retry_script cam(2, exact());
  cam.fail();
  cam.connect();
  cam.publish_for(300s);
  cam.manager.on_failback_started();
  cam.drop();
  cam.fail();
  cam.connect();
  EXPECT_STREQ(cam.here(), "backup1");
  EXPECT_TRUE(cam.manager.is_failback_waiting());
}

}  // namespace
}  // namespace campush
