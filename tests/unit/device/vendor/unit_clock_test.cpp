#include "device/vendor/unit_clock.h"

#include <gtest/gtest.h>

namespace campush {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr time_point start{seconds(1000)};

int64_t us(time_point at) {
  return at.time_since_epoch().count();
}

TEST(unit_clock, believes_the_monotonic_clock) {
  unit_clock times;
  for (int i = 0; i < 100; ++i) {
    const time_point taken = start + milliseconds(40) * i;
    const auto out = times.map(us(taken), us(taken), taken + milliseconds(i % 7 * 5));
    EXPECT_EQ(out.dts, taken);
    EXPECT_EQ(out.pts, taken);
    EXPECT_EQ(out.captured, taken);
  }
  EXPECT_TRUE(times.is_monotonic());
  EXPECT_EQ(times.corrections(), 0u);
}

TEST(unit_clock, maps_another_clock_by_the_time_of_arrival) {
  unit_clock times;
  for (int i = 0; i < 100; ++i) {
    const time_point arrival = start + milliseconds(40) * i;
    const int64_t theirs = 77 + 40000 * i;
    EXPECT_EQ(times.map(theirs, theirs, arrival).dts, arrival) << i;
  }
  EXPECT_FALSE(times.is_monotonic());
  EXPECT_EQ(times.corrections(), 0u);
}

TEST(unit_clock, never_puts_a_unit_behind_its_arrival) {
  unit_clock times;
  times.map(0, 0, start + milliseconds(100));
  const auto out = times.map(40000, 40000, start + milliseconds(120));
  EXPECT_EQ(out.dts, start + milliseconds(120)) << "the first one was late by at least 20 ms";
  EXPECT_LE(times.map(80000, 80000, start + milliseconds(160)).dts, start + milliseconds(160));
}

struct drift_case {
  const char* name;
  int ppm;
};
class unit_clock_drift : public testing::TestWithParam<drift_case> {};

TEST_P(unit_clock_drift, stays_within_30_ms_over_a_day) {
  unit_clock times;
  for (int64_t i = 0; i < 24 * 3600 * 25; ++i) {
    const time_point taken = start + duration(40000 * i);
    const int64_t theirs = 5'000'000'000'000 + 40000 * i + 40000 * i * GetParam().ppm / 1'000'000;
    const auto out = times.map(theirs, theirs, taken + milliseconds(i % 3));
    ASSERT_LT(std::abs((out.dts - taken).count()), 30000) << "picture " << i;
  }
  EXPECT_EQ(times.corrections(), 0u);
}

INSTANTIATE_TEST_SUITE_P(clocks, unit_clock_drift, testing::Values(drift_case{"fast", 150}, drift_case{"slow", -150}),
                         [](const auto& each) { return each.param.name; });

TEST(unit_clock, forgives_a_stale_first_unit) {
  unit_clock times;
  times.map(us(start - hours(1)), us(start - hours(1)), start);
  const auto second = times.map(us(start + milliseconds(40)), us(start + milliseconds(40)), start + milliseconds(45));
  EXPECT_EQ(second.dts, start + milliseconds(40));
  EXPECT_TRUE(times.is_monotonic());
  EXPECT_EQ(times.corrections(), 0u);
}

TEST(unit_clock, counts_a_jump_and_goes_on_from_there) {
  unit_clock times;
  int64_t theirs = 0;
  time_point arrival = start;
  for (int i = 0; i < 10; ++i) {
    theirs += 40000;
    times.map(theirs, theirs, arrival += milliseconds(40));
  }
  theirs += 3'600'000'000;
  const auto out = times.map(theirs, theirs, arrival += milliseconds(40));
  EXPECT_EQ(out.dts, arrival);
  EXPECT_EQ(times.corrections(), 1u);
  EXPECT_EQ(times.map(theirs + 40000, theirs + 40000, arrival + milliseconds(40)).dts, arrival + milliseconds(40));
}

TEST(unit_clock, makes_time_grow_where_it_stands_still_or_goes_back) {
  unit_clock times;
  time_point last{};
  for (int i = 0; i < 20; ++i) {
    const time_point arrival = start + milliseconds(40) * i;
    const int64_t theirs = us(arrival) - (i % 4) * 50000;
    const auto out = times.map(theirs, theirs, arrival);
    EXPECT_GT(out.dts, last);
    EXPECT_LE(out.dts, arrival + milliseconds(1));
    last = out.dts;
  }
  EXPECT_GT(times.corrections(), 0u);
}

TEST(unit_clock, keeps_reordered_pictures_apart_from_their_decoding_time) {
  unit_clock times;
  const auto out = times.map(us(start), us(start + milliseconds(80)), start + milliseconds(90));
  EXPECT_EQ(out.dts, start);
  EXPECT_EQ(out.pts, start + milliseconds(80));
  const auto backwards = times.map(us(start + milliseconds(40)), us(start), start + milliseconds(95));
  EXPECT_EQ(backwards.pts, backwards.dts) << "nothing is shown before it is decoded";
  const auto nonsense = times.map(us(start + milliseconds(80)), INT64_MAX, start + milliseconds(95));
  EXPECT_LE(nonsense.pts - nonsense.dts, seconds(2));
}

TEST(unit_clock, survives_every_number) {
  unit_clock times;
  const int64_t values[] = {0, INT64_MIN, INT64_MAX, -1, 1, INT64_MAX / 2, INT64_MIN / 2, 1'000'000'000};
  time_point arrival = start, last{};
  for (const int64_t dts : values) {
    for (const int64_t pts : values) {
      arrival += milliseconds(40);
      const auto out = times.map(dts, pts, arrival);
      EXPECT_GT(out.dts, last);
      EXPECT_LE(out.dts, arrival + milliseconds(100));
      EXPECT_GE(out.pts, out.dts);
      last = out.dts;
    }
  }
}

}  // namespace

}  // namespace campush
