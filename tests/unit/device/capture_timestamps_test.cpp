#include "device/v4l2/capture_timestamps.h"

#include <gtest/gtest.h>

#include <vector>

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using stamp_clock = capture_timestamps::stamp_clock;

constexpr time_point start{seconds(1000)};

struct arrival {
  int64_t stamp_us = 0;
  duration at{};
};
std::vector<int64_t> mapped(stamp_clock kind, const std::vector<arrival>& arrivals) {
  capture_timestamps times;
  std::vector<int64_t> out;
  for (const arrival& one : arrivals) {
    out.push_back((times.map(kind, one.stamp_us, start + one.at) - start).count());
  }
  return out;
}

TEST(capture_timestamps, are_taken_as_they_are_when_they_are_monotonic_and_can_be_true) {
  const int64_t base = start.time_since_epoch().count();
  EXPECT_EQ(mapped(stamp_clock::monotonic, {{base - 5000, {}}, {base + 35'000, milliseconds(41)}}),
            (std::vector<int64_t>{-5000, 35'000}));
}

TEST(capture_timestamps, of_another_clock_keep_their_distances_by_the_least_delayed) {
  // Pictures every 40 ms, delivered 5, 25, 1 and 9 ms late.
  const std::vector<arrival> late = {{100'000, milliseconds(5)},
                                     {140'000, milliseconds(65)},
                                     {180'000, milliseconds(81)},
                                     {220'000, milliseconds(129)}};
  EXPECT_EQ(mapped(stamp_clock::other, late), (std::vector<int64_t>{5000, 45'000, 81'000, 121'000}));
}

TEST(capture_timestamps, that_stand_still_become_the_time_of_arrival) {
  EXPECT_EQ(mapped(stamp_clock::other, {{0, {}}, {0, milliseconds(40)}, {0, milliseconds(79)}}),
            (std::vector<int64_t>{0, 40'000, 79'000}));
}

TEST(capture_timestamps, may_jump_behind_the_first_picture) {
  const std::vector<arrival> usb = {
      {5'000'000, {}}, {5'700'000, milliseconds(40)}, {5'740'000, milliseconds(80)}, {5'780'000, milliseconds(120)}};
  EXPECT_EQ(mapped(stamp_clock::other, usb), (std::vector<int64_t>{0, 40'000, 80'000, 120'000}));
}

TEST(capture_timestamps, may_wrap_jump_and_go_backwards) {
  const int64_t day = 86'400'000'000;
  const std::vector<arrival> wild = {{4'294'900'000, {}},        {4'294'940'000, milliseconds(40)},
                                     {12'704, milliseconds(80)}, {52'704, milliseconds(120)},
                                     {day, milliseconds(160)},   {INT64_MAX, milliseconds(200)},
                                     {-day, milliseconds(240)},  {INT64_MIN, milliseconds(280)}};
  const auto times = mapped(stamp_clock::other, wild);
  for (size_t i = 0; i < times.size(); ++i) EXPECT_EQ(times[i], static_cast<int64_t>(i) * 40'000) << i;
}

TEST(capture_timestamps, that_call_themselves_monotonic_and_cannot_be_are_mapped) {
  const int64_t base = start.time_since_epoch().count();
  const int64_t wrapped = (int64_t{1} << 32) * 1'000'000 - 20'000;
  const std::vector<arrival> vivid = {{base, {}},
                                      {wrapped, milliseconds(41)},
                                      {wrapped + 40'000, milliseconds(81)},
                                      {base + 119'000, milliseconds(121)}};
  EXPECT_EQ(mapped(stamp_clock::monotonic, vivid), (std::vector<int64_t>{0, 41'000, 81'000, 119'000}));
}

TEST(capture_timestamps, always_grow_and_never_come_from_the_future) {
  const int64_t base = start.time_since_epoch().count();
  EXPECT_EQ(
      mapped(
          stamp_clock::monotonic,
          {{base, {}}, {base - 3000, milliseconds(1)}, {base + 9000, milliseconds(2)}, {base + 2000, milliseconds(3)}}),
      (std::vector<int64_t>{0, 1, 2000, 2001}));
}

TEST(capture_timestamps, follow_a_clock_that_drifts) {
  capture_timestamps times;
  // The device's clock is 200 ppm slow: an hour later it is 0.72 s behind.
  duration worst{};
  for (int64_t i = 0; i < 25 * 3600; ++i) {
    const time_point at = start + duration(i * 40'008);
    worst = std::max(worst, at - times.map(stamp_clock::other, i * 40'000, at));
  }
  EXPECT_LT(worst, milliseconds(15));
}

}  // namespace
}  // namespace campush
