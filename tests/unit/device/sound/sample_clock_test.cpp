#include "device/alsa/sample_clock.h"

#include <gtest/gtest.h>

#include "fakes/sound_card_day.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::day_of_sound;
using test::run_day_of_sound;
using test::simulated_card_options;
using test::simulated_sound_card;

struct day_case {
  const char* name;
  simulated_card_options options;
  double bound_ms;
};
std::ostream& operator<<(std::ostream& out, const day_case& day) {
  return out << day.name;
}
class sample_clock_day : public ::testing::TestWithParam<day_case> {};

TEST_P(sample_clock_day, stays_within_20_ms_of_the_truth) {
  const day_of_sound day = run_day_of_sound(GetParam().options, 7);
  for (size_t hour = 0; hour < day.hours.size(); ++hour) {
    EXPECT_LT(day.hours[hour].largest_ms, GetParam().bound_ms) << "hour " << hour;
    EXPECT_NEAR(day.hours[hour].drift_ppm, GetParam().options.drift_ppm, 25) << "hour " << hour;
  }
  EXPECT_LE(day.largest_step_back_us, 0);
  EXPECT_LT(day.largest_bend, 0.006) << "a frame of 10 ms moved by more than the slew allows";
  EXPECT_LT(day.largest_start_bend, 0.11) << "the same behind a start";
}

constexpr duration ms_3 = milliseconds(3), ms_10 = milliseconds(10), ms_30 = milliseconds(30),
                   ms_300 = milliseconds(300);
INSTANTIATE_TEST_SUITE_P(
    cards, sample_clock_day,
    ::testing::Values(day_case{"exact card, timely reader", {48'000, 480, 0, 0, {}, 0, {}, 0, {}}, 1},
                      day_case{"fast card, timely reader", {48'000, 480, 200, 0, {}, 0, {}, 0, {}}, 1},
                      day_case{"fast card, late reader", {48'000, 480, 200, 5, ms_3, 2, ms_300, 1, ms_30}, 20},
                      day_case{"slow card, late reader", {48'000, 480, -200, 5, ms_3, 2, ms_300, 1, ms_30}, 20},
                      day_case{"exact card, late reader", {48'000, 480, 0, 5, ms_3, 2, ms_300, 1, ms_30}, 20},
                      day_case{
                          "slow 8 kHz card, always late", {8'000, 160, -200, 5, ms_10, 20, ms_300, 1, ms_30}, 20}));

/// A clock that has followed a card for a while.
struct running_clock {
  explicit running_clock(const simulated_card_options& options)
      : card(options, time_point(seconds(50)), 3), clock(options.rate) {
    run(seconds(60));
  }
  void run(duration length) {
    const time_point end = card.truth() + length;
    while (card.truth() < end) {
      card.next_period();
      clock.observe(card.seen_position(), card.seen_at());
    }
  }
  duration offset() const { return clock.time_of(card.position()) - card.truth(); }
  simulated_sound_card card;
  sample_clock clock;
};

TEST(sample_clock, tells_nothing_before_the_first_observation) {
  const sample_clock clock(48'000);
  EXPECT_FALSE(clock.is_anchored());
  EXPECT_EQ(clock.time_of(480), time_point{});
}

TEST(sample_clock, begins_at_the_first_observation) {
  sample_clock clock(48'000);
  clock.observe(480, time_point(seconds(5)));
  EXPECT_EQ(clock.time_of(480), time_point(seconds(5)));
  EXPECT_EQ(clock.time_of(0), time_point(seconds(5) - milliseconds(10)));
}

TEST(sample_clock, measures_the_drift_within_a_minute) {
  running_clock fast({48'000, 480, 200, 0, {}, 0, {}, 0, {}});
  EXPECT_NEAR(fast.clock.drift_ppm(), 200, 5);
}

TEST(sample_clock, ignores_a_second_of_late_wake_ups) {
  running_clock run({48'000, 480, 100, 0, {}, 0, {}, 0, {}});
  for (int period = 0; period < 250; ++period) {
    run.card.next_period();
    run.clock.observe(run.card.position(), run.card.truth() + milliseconds(period < 200 ? 80 : 0));
  }
  EXPECT_LT(std::abs(run.offset().count()), 5'000);
  EXPECT_EQ(run.clock.silent_gaps(), 0u);
}

TEST(sample_clock, recovers_from_a_late_first_wake_up_without_going_back) {
  sample_clock clock(48'000);
  simulated_sound_card card({48'000, 480, 0, 0, {}, 0, {}, 0, {}}, time_point(seconds(50)), 3);
  time_point last{};
  for (int period = 0; period < 2'000; ++period) {
    const uint64_t block = card.position();
    card.next_period();
    clock.observe(card.position(), card.truth() + milliseconds(period == 0 ? 35 : 0));
    EXPECT_GT(clock.time_of(block), last);
    last = clock.time_of(block);
  }
  EXPECT_LT(std::abs((clock.time_of(card.position()) - card.truth()).count()), 2'000);
}

TEST(sample_clock, is_in_time_3_s_after_a_start_that_was_seen_late) {
  sample_clock clock(48'000);
  simulated_sound_card card({48'000, 480, 0, 0, {}, 0, {}, 0, {}}, time_point(seconds(50)), 3);
  time_point last{};
  for (int period = 0; period < 300; ++period) {
    const uint64_t block = card.position();
    card.next_period();
    clock.observe(card.position(), card.truth() + milliseconds(period == 0 ? 100 : 0));
    EXPECT_GT(clock.time_of(block), last);
    last = clock.time_of(block);
  }
  EXPECT_LT(std::abs((clock.time_of(card.position()) - card.truth()).count()), 5'000);
  EXPECT_LT(std::abs(clock.drift_ppm()), 50);
}

TEST(sample_clock, jumps_over_a_gap_that_is_reported_and_keeps_the_drift) {
  running_clock run({48'000, 480, 150, 0, {}, 0, {}, 0, {}});
  run.card.stop_for(seconds(1));
  run.clock.restart(run.card.position());
  run.run(milliseconds(20));
  EXPECT_LT(std::abs(run.offset().count()), 1'000);
  EXPECT_NEAR(run.clock.drift_ppm(), 150, 5);
  EXPECT_EQ(run.clock.silent_gaps(), 0u);
}

TEST(sample_clock, does_not_go_back_when_a_restart_is_seen_early) {
  sample_clock clock(48'000);
  clock.observe(480, time_point(seconds(10)));
  const time_point told = clock.time_of(480);
  clock.restart(480);
  clock.observe(960, time_point(seconds(10) + milliseconds(2)));
  EXPECT_GE(clock.time_of(480), told);
}

TEST(sample_clock, takes_a_lag_that_stays_for_a_gap_nobody_reported) {
  running_clock run({48'000, 480, 0, 0, {}, 0, {}, 0, {}});
  run.card.stop_for(milliseconds(80));
  run.run(seconds(10));
  EXPECT_EQ(run.clock.silent_gaps(), 1u);
  EXPECT_LT(std::abs(run.offset().count()), 2'000);
}

TEST(sample_clock, slews_over_a_small_gap_nobody_reported) {
  running_clock run({48'000, 480, 0, 0, {}, 0, {}, 0, {}});
  run.card.stop_for(milliseconds(25));
  run.run(seconds(25));
  EXPECT_EQ(run.clock.silent_gaps(), 0u);
  EXPECT_LT(std::abs(run.offset().count()), 5'000);
}

}  // namespace
}  // namespace campush
