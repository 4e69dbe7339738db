#include "net/asio_event_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace campush {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

template <class Predicate>
bool run_until(asio_event_loop& loop, Predicate is_done) {
  while (!is_done()) {
    if (!loop.run_one_for(60s)) return false;
  }
  return true;
}

TEST(asio_event_loop, fires_timers_by_time_and_not_early) {
  asio_event_loop loop;
  std::vector<std::string> heard;
  const time_point start = loop.now();
  const auto late = loop.make_timer([&] {
    heard.emplace_back("late");
    EXPECT_GE(loop.now() - start, 20ms);
  });
  const auto soon = loop.make_timer([&] {
    heard.emplace_back("soon");
    EXPECT_GE(loop.now() - start, 10ms);
  });
  late->arm_at(start + 20ms);
  soon->arm_at(start + 10ms);
  EXPECT_TRUE(late->is_armed());
  ASSERT_TRUE(run_until(loop, [&] { return heard.size() == 2; }));
  EXPECT_THAT(heard, ElementsAre("soon", "late"));
  EXPECT_FALSE(late->is_armed());
}

TEST(asio_event_loop, follows_a_timer_that_is_armed_for_earlier_and_for_later) {
  asio_event_loop loop;
  const time_point start = loop.now();
  time_point earlier_fired{};
  time_point later_fired{};
  const auto earlier = loop.make_timer([&] { earlier_fired = loop.now(); });
  const auto later = loop.make_timer([&] { later_fired = loop.now(); });
  earlier->arm_after(1h);
  later->arm_after(1ms);
  later->arm_after(30ms);
  earlier->arm_after(5ms);
  ASSERT_TRUE(run_until(loop, [&] { return earlier_fired != time_point{} && later_fired != time_point{}; }));
  EXPECT_GE(earlier_fired - start, 5ms);
  EXPECT_GE(later_fired - start, 30ms);
}

TEST(asio_event_loop, never_fires_a_timer_that_is_cancelled_or_destroyed) {
  asio_event_loop loop;
  int fired = 0;
  const auto cancelled = loop.make_timer([&] { ++fired; });
  auto destroyed = loop.make_timer([&] { ++fired; });
  bool is_over = false;
  const auto end = loop.make_timer([&] { is_over = true; });
  cancelled->arm_after(0s);
  destroyed->arm_after(0s);
  end->arm_after(5ms);
  cancelled->cancel();
  destroyed.reset();
  EXPECT_FALSE(cancelled->is_armed());
  ASSERT_TRUE(run_until(loop, [&] { return is_over; }));
  EXPECT_EQ(fired, 0);
  cancelled->arm_after(0s);
  ASSERT_TRUE(run_until(loop, [&] { return fired == 1; }));
}

TEST(asio_event_loop, lets_a_timer_destroy_itself) {
  asio_event_loop loop;
  bool has_fired = false;
  std::unique_ptr<loop_timer> timer;
  timer = loop.make_timer([&] {
    timer.reset();
    has_fired = true;
  });
  timer->arm_after(0s);
  EXPECT_TRUE(run_until(loop, [&] { return has_fired; }));
}

TEST(asio_event_loop, wakes_once_for_several_signals_and_again_for_the_next) {
  asio_event_loop loop;
  std::vector<std::string> heard;
  const auto first = loop.make_wakeup([&] { heard.emplace_back("first"); });
  const auto second = loop.make_wakeup([&] { heard.emplace_back("second"); });
  first->signal();
  second->signal();
  first->signal();
  EXPECT_THAT(heard, ElementsAre());
  ASSERT_TRUE(run_until(loop, [&] { return heard.size() >= 2; }));
  EXPECT_THAT(heard, ElementsAre("first", "second"));
  first->signal();
  ASSERT_TRUE(run_until(loop, [&] { return heard.size() >= 3; }));
  EXPECT_THAT(heard, ElementsAre("first", "second", "first"));
}

TEST(asio_event_loop, forgets_a_wakeup_that_is_destroyed_while_it_is_signalled) {
  asio_event_loop loop;
  std::vector<std::string> heard;
  std::unique_ptr<loop_wakeup> own;
  auto victim = loop.make_wakeup([&] { heard.emplace_back("victim"); });
  own = loop.make_wakeup([&] {
    heard.emplace_back("own");
    victim.reset();
    own.reset();
  });
  const auto last = loop.make_wakeup([&] { heard.emplace_back("last"); });
  auto early = loop.make_wakeup([&] { heard.emplace_back("early"); });
  early->signal();
  early.reset();
  own->signal();
  victim->signal();
  last->signal();
  ASSERT_TRUE(run_until(loop, [&] { return heard.size() >= 2; }));
  EXPECT_THAT(heard, ElementsAre("own", "last"));
}

TEST(asio_event_loop, loses_no_wake_up_of_other_threads) {
  constexpr uint64_t per_thread = 20'000;
  asio_event_loop loop;
  std::atomic<uint64_t> produced[2]{};
  uint64_t plain[2] = {};  // handed over by the wakeup alone: TSan checks that it synchronises
  uint64_t seen[2] = {};
  std::unique_ptr<loop_wakeup> wakeups[2];
  for (size_t i = 0; i < 2; ++i) {
    wakeups[i] = loop.make_wakeup([&, i] {
      seen[i] = produced[i].load(std::memory_order_relaxed);
      if (seen[0] == per_thread && seen[1] == per_thread) loop.stop();
    });
  }
  std::vector<std::thread> producers;
  for (size_t i = 0; i < 2; ++i) {
    producers.emplace_back([&, i] {
      plain[i] = i + 1;
      for (uint64_t n = 1; n <= per_thread; ++n) {
        produced[i].store(n, std::memory_order_relaxed);
        wakeups[i]->signal();
      }
    });
  }
  loop.run();
  EXPECT_EQ(plain[0] + plain[1], 3U);
  for (auto& producer : producers) producer.join();
}

TEST(asio_event_loop, runs_posts_of_other_threads_in_order_and_stops_from_one) {
  asio_event_loop loop;
  std::vector<int> heard;
  std::thread poster([&] {
    for (int i = 0; i < 1000; ++i) loop.post([&, i] { heard.push_back(i); });
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  poster.join();
  ASSERT_EQ(heard.size(), 1000U);
  EXPECT_TRUE(std::is_sorted(heard.begin(), heard.end()));
}

TEST(asio_event_loop, ends_at_once_when_stop_came_before_run) {
  asio_event_loop loop;
  loop.stop();
  loop.run();
}

TEST(asio_event_loop, goes_on_after_a_callback_that_throws) {
  asio_event_loop loop;
  const auto wakeup = loop.make_wakeup([] { throw std::runtime_error("in a wakeup"); });
  wakeup->signal();
  loop.post([] { throw std::runtime_error("in posted work"); });
  const auto end = loop.make_timer([&] { loop.stop(); });
  end->arm_after(1ms);
  testing::internal::CaptureStderr();
  loop.run();
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, testing::HasSubstr("in a wakeup"));
  EXPECT_THAT(said, testing::HasSubstr("in posted work"));
}

}  // namespace
}  // namespace campush
