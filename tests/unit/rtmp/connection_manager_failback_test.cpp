#include "rtmp/connection_manager.h"

#include <gtest/gtest.h>

#include <random>

#include "unit/rtmp/retry_script.h"

namespace campush {
namespace {

using namespace std::chrono_literals;
using reason = disconnect_reason;

struct failback_camera : retry_script {
  explicit failback_camera(failback_policy policy = {}) : retry_script(3, exact(), policy) {
    fail();
    connect();
  }
  bool is_due_after(std::chrono::seconds wait) {
    time.advance(wait - 1s);
    const bool was_early = manager.is_failback_due();
    time.advance(1s);
    return !was_early && manager.is_failback_due();
  }
  void probe_fails() {
    manager.on_failback_started();
    EXPECT_FALSE(manager.is_failback_due()) << "while one runs";
    manager.on_failback_failed();
  }
};

TEST(connection_manager, looks_for_the_primary_after_five_minutes_on_a_backup) {
  failback_camera cam;
  EXPECT_TRUE(cam.manager.is_failback_waiting());
  EXPECT_EQ(cam.manager.failback_in(), 300s);
  EXPECT_TRUE(cam.is_due_after(300s));
  cam.manager.on_failback_started();
  cam.manager.on_failback_succeeded();
  EXPECT_STREQ(cam.here(), "primary");
  EXPECT_FALSE(cam.manager.is_failback_waiting());
  EXPECT_EQ(cam.manager.failback_attempts(), 1u);
}

TEST(connection_manager, doubles_the_failback_interval_up_to_an_hour) {
  failback_camera cam;
  for (auto interval : {300s, 600s, 1200s, 2400s, 3600s, 3600s}) {
    EXPECT_TRUE(cam.is_due_after(interval)) << interval.count();
    cam.probe_fails();
  }
  EXPECT_EQ(cam.manager.failback_attempts(), 6u);
  EXPECT_STREQ(cam.here(), "backup1");
  EXPECT_EQ(cam.manager.total_attempts(), 2u) << "a probe is not an attempt";
}

TEST(connection_manager, never_looks_for_the_primary_on_it_or_when_switched_off) {
  retry_script on_primary(3, exact());
  on_primary.connect();
  on_primary.time.advance(10h);
  EXPECT_FALSE(on_primary.manager.is_failback_due());
  failback_policy off;
  off.enabled = false;
  failback_camera cam(off);
  cam.time.advance(10h);
  EXPECT_FALSE(cam.manager.is_failback_due());
  EXPECT_FALSE(cam.manager.is_failback_waiting());
}

struct primary_stay {
  const char* name;
  std::chrono::seconds length;
  std::chrono::seconds next_interval;
};
class failback_interval : public testing::TestWithParam<primary_stay> {};

TEST_P(failback_interval, depends_on_the_stay_on_the_primary) {
  failback_camera cam;
  cam.time.advance(300s);
  cam.manager.on_failback_started();
  cam.manager.on_failback_succeeded();
  cam.publish_for(GetParam().length);
  cam.drop();
  cam.fail();
  cam.connect();
  EXPECT_STREQ(cam.here(), "backup1");
  EXPECT_EQ(cam.manager.failback_in(), GetParam().next_interval);
}

INSTANTIATE_TEST_SUITE_P(connection_manager, failback_interval,
                         testing::Values(primary_stay{"of_minutes", 600s, 600s},
                                         primary_stay{"of_less_than_an_hour", 3590s, 600s},
                                         primary_stay{"of_an_hour", 3600s, 300s}),
                         [](const auto& row) { return row.param.name; });

TEST(connection_manager, drops_to_the_next_url_when_the_primary_fails_right_after_failback) {
  failback_camera cam;
  cam.publish_for(300s);
  cam.manager.on_failback_started();
  cam.manager.on_failback_succeeded();
  cam.time.advance(2s);
  cam.drop(reason::closed_by_server);
  EXPECT_STREQ(cam.here(), "backup1");
  EXPECT_EQ(cam.wait_s(), 0);
}

TEST(connection_manager, goes_back_to_the_backup_at_once_when_break_before_make_fails) {
  for (reason why : {reason::name_in_use, reason::connect_refused, reason::denied}) {
    failback_camera cam;
    cam.publish_for(300s);
    cam.take_journal();
    cam.manager.on_failback_started();
    cam.drop(reason::failback);
    cam.fail(why);
    EXPECT_FALSE(cam.manager.is_name_in_use());
    cam.connect();
    EXPECT_EQ(cam.take_journal(), "300:primary 300:backup1") << reason_name(why);
    EXPECT_EQ(cam.manager.current_pass(), 1u);
    EXPECT_EQ(cam.manager.failback_in(), 600s);
    EXPECT_EQ(cam.manager.failback_attempts(), 1u);
  }
}

TEST(connection_manager, stays_on_the_primary_when_break_before_make_succeeds) {
  failback_camera cam;
  cam.publish_for(300s);
  cam.manager.on_failback_started();
  cam.drop(reason::failback);
  cam.connect();
  EXPECT_STREQ(cam.here(), "primary");
  EXPECT_FALSE(cam.manager.is_failback_waiting());
  cam.drop(reason::failback);
  EXPECT_STREQ(cam.here(), "primary") << "the close of the old backup is no news";
}

TEST(connection_manager, keeps_its_bounds_whatever_happens) {
  std::mt19937 dice(5);
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const size_t urls = 1 + seed % 3;
    retry_script cam(urls, retry_policy{}, {}, seed);
    for (int i = 0; i < 2000; ++i) {
      const auto why = static_cast<reason>(dice() % (static_cast<unsigned>(reason::internal_error) + 1));
      switch (dice() % 8) {
        case 0: cam.time.advance(std::chrono::seconds(dice() % 4000)); break;
        case 1: cam.manager.on_healthy(); break;
        case 2: cam.connect(); break;
        case 3: cam.publish_for(std::chrono::seconds(dice() % 60)); break;
        case 4: cam.drop(why); break;
        case 5: cam.manager.is_failback_due() ? cam.manager.on_failback_started() : cam.try_next(); break;
        case 6: dice() % 50 == 0 ? cam.manager.reset_backoff() : cam.fail(why); break;
        default: cam.fail(reason::connect_refused); break;
      }
      ASSERT_LT(cam.manager.current_url(), urls);
      ASSERT_LE(cam.manager.get_backoff_delay(), 1080s);
      ASSERT_LE(cam.manager.current_pass(), 10u);
      ASSERT_TRUE(cam.manager.should_reconnect());
      ASSERT_FALSE(cam.manager.is_failback_due() && cam.manager.current_url() == 0);
      ASSERT_LE(cam.manager.failback_in(), 1h);
    }
  }
}

}  // namespace
}  // namespace campush
