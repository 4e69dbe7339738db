#include "net/simulated_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace campush {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class simulated_loop_test : public ::testing::Test {
 protected:
  std::function<void()> note(const std::string& what) {
    return [this, what] { m_heard.push_back(what); };
  }
  simulation m_world;
  simulated_loop m_loop{m_world};
  std::vector<std::string> m_heard;
};

TEST_F(simulated_loop_test, fires_by_time_and_in_order_of_arming_among_equal_times) {
  const auto late = m_loop.make_timer(note("late"));
  const auto first = m_loop.make_timer(note("first"));
  const auto second = m_loop.make_timer(note("second"));
  late->arm_after(2s);
  second->arm_after(5s);
  first->arm_after(1s);
  second->arm_after(1s);
  m_world.run_for(10s);
  EXPECT_THAT(m_heard, ElementsAre("first", "second", "late"));
}

TEST_F(simulated_loop_test, keeps_the_order_of_posts_timers_and_wakeups_of_one_moment) {
  const auto timer = m_loop.make_timer(note("timer"));
  const auto wakeup = m_loop.make_wakeup(note("wakeup"));
  m_loop.post(note("post 1"));
  m_loop.post(note("post 2"));
  timer->arm_after(0s);
  m_loop.post(note("post 3"));
  wakeup->signal();
  wakeup->signal();
  m_loop.post(note("post 4"));
  m_world.run_for(0s);
  EXPECT_THAT(m_heard, ElementsAre("post 1", "post 2", "timer", "post 3", "wakeup", "post 4"));
}

TEST_F(simulated_loop_test, never_runs_anything_inside_a_call) {
  const auto timer = m_loop.make_timer(note("timer"));
  timer->arm_at(m_loop.now() - 5s);
  m_loop.post(note("post"));
  EXPECT_THAT(m_heard, ElementsAre());
  EXPECT_TRUE(m_world.run_one());
  EXPECT_THAT(m_heard, ElementsAre("timer"));
  EXPECT_FALSE(timer->is_armed());
}

TEST_F(simulated_loop_test, stands_at_each_due_time_and_then_at_the_end) {
  const time_point start = m_loop.now();
  time_point fired{};
  const auto timer = m_loop.make_timer([&] { fired = m_loop.now(); });
  timer->arm_after(1500ms);
  EXPECT_EQ(m_world.run_until(start + 1499ms), 0U);
  EXPECT_EQ(m_loop.now(), start + 1499ms);
  EXPECT_EQ(m_world.run_until(start + 2s), 1U);
  EXPECT_EQ(fired, start + 1500ms);
  EXPECT_EQ(m_loop.now(), start + 2s);
  EXPECT_FALSE(m_world.run_one());
}

TEST_F(simulated_loop_test, forgets_a_timer_that_is_cancelled_or_destroyed) {
  const auto cancelled = m_loop.make_timer(note("cancelled"));
  auto destroyed = m_loop.make_timer(note("destroyed"));
  cancelled->arm_after(1s);
  destroyed->arm_after(1s);
  EXPECT_TRUE(cancelled->is_armed());
  cancelled->cancel();
  destroyed.reset();
  m_world.run_for(2s);
  EXPECT_THAT(m_heard, ElementsAre());
  EXPECT_EQ(m_world.pending_events(), 0U);
}

TEST_F(simulated_loop_test, lets_a_callback_destroy_its_own_timer_and_arm_others) {
  const auto other = m_loop.make_timer(note("other"));
  std::unique_ptr<loop_timer> own;
  own = m_loop.make_timer([&] {
    own.reset();
    other->arm_after(1s);
  });
  own->arm_after(1s);
  m_world.run_for(3s);
  EXPECT_THAT(m_heard, ElementsAre("other"));
}

TEST_F(simulated_loop_test, runs_many_timers_in_order) {
  std::vector<std::unique_ptr<loop_timer>> timers;
  std::vector<time_point> fired;
  for (int i = 0; i < 1000; ++i) {
    timers.push_back(m_loop.make_timer([&] { fired.push_back(m_loop.now()); }));
    timers.back()->arm_after(std::chrono::milliseconds((i * 7919) % 1000));
  }
  for (int i = 0; i < 1000; i += 3) timers[i]->cancel();
  for (int i = 0; i < 1000; i += 5) timers[i]->arm_after(std::chrono::milliseconds((i * 104729) % 1000));
  m_world.run_for(1s);
  EXPECT_EQ(fired.size(), 666U + 67U);
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
}

TEST_F(simulated_loop_test, shares_one_time_line_with_other_loops) {
  simulated_loop other(m_world);
  const auto here = m_loop.make_timer(note("here"));
  const auto there = other.make_timer(note("there"));
  here->arm_after(2s);
  there->arm_after(1s);
  m_world.run_for(2s);
  EXPECT_THAT(m_heard, ElementsAre("there", "here"));
  EXPECT_EQ(&m_loop.time(), &other.time());
}

TEST_F(simulated_loop_test, runs_until_a_condition_holds_or_the_limit_passes) {
  int ticks = 0;
  std::unique_ptr<loop_timer> tick;
  tick = m_loop.make_timer([&] {
    ++ticks;
    tick->arm_after(1s);
  });
  tick->arm_after(1s);
  const time_point start = m_loop.now();
  EXPECT_TRUE(m_world.run_until_true([&] { return ticks == 3; }, 10s));
  EXPECT_EQ(m_loop.now(), start + 3s);
  EXPECT_FALSE(m_world.run_until_true([&] { return ticks == 100; }, 10s));
  EXPECT_EQ(m_loop.now(), start + 13s);
}

}  // namespace
}  // namespace campush
