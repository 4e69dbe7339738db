#include "device/raw/picture_gate.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace campush {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// A camera and an encoder that takes its time: what is encoded of `count` pictures, as a row of 1 and 0.
struct gate_run {
  picture_gate gate;
  time_point at{std::chrono::seconds(1000)};
  std::string row;

  void feed(int count, duration period, duration takes) {
    for (int i = 0; i < count; ++i) {
      at += period;
      const bool is_admitted = gate.admits(at);
      row += is_admitted ? '1' : '0';
      if (is_admitted) gate.on_encoded(takes, at + takes);
    }
  }
  std::string last(size_t count) const { return row.substr(row.size() - count); }
};

TEST(picture_gate, lets_all_pass_where_no_rate_is_asked_for) {
  gate_run run;
  run.gate.start({}, milliseconds(40));
  run.feed(100, milliseconds(40), milliseconds(30));
  EXPECT_EQ(run.row, std::string(100, '1'));
  EXPECT_EQ(run.gate.left_out(), 0u);
}

TEST(picture_gate, thins_evenly_to_the_rate_that_is_asked_for) {
  gate_run run;
  run.gate.start(microseconds(66'667), microseconds(33'333));
  run.feed(60, microseconds(33'333), milliseconds(5));
  EXPECT_EQ(run.last(20), "10101010101010101010");
  EXPECT_EQ(run.gate.left_out(), 0u) << "nobody wanted those";
}

TEST(picture_gate, keeps_the_rate_where_it_is_no_fraction_of_the_cameras) {
  gate_run run;
  run.gate.start(milliseconds(50), microseconds(33'333));
  run.feed(300, microseconds(33'333), milliseconds(5));
  const auto passed = std::count(run.row.begin(), run.row.end(), '1');
  EXPECT_NEAR(static_cast<double>(passed), 200, 2);
  EXPECT_EQ(run.row.find("00"), std::string::npos);
}

TEST(picture_gate, passes_pictures_that_come_a_little_early_or_late) {
  gate_run run;
  run.gate.start(milliseconds(40), milliseconds(40));
  for (int i = 0; i < 100; ++i) run.feed(1, milliseconds(i % 2 == 0 ? 33 : 47), milliseconds(5));
  EXPECT_EQ(run.row, std::string(100, '1'));
}

TEST(picture_gate, leaves_out_evenly_what_the_encoder_has_no_time_for) {
  gate_run run;
  run.gate.start({}, milliseconds(40));
  run.feed(200, milliseconds(40), milliseconds(95));
  EXPECT_EQ(run.last(12), run.last(15).substr(0, 12));
  EXPECT_NE(run.last(3).find('1'), std::string::npos);
  EXPECT_EQ(run.gate.divisor(), 3u);
  EXPECT_GT(run.gate.left_out(), 100u);
}

TEST(picture_gate, knows_a_slow_encoder_by_the_declared_rate_when_pictures_are_missed) {
  gate_run run;
  run.gate.start({}, milliseconds(40));
  // The feed kept the newest alone: they come as slowly as they are encoded.
  run.feed(50, milliseconds(120), milliseconds(110));
  EXPECT_EQ(run.gate.divisor(), 3u);
}

TEST(picture_gate, gives_a_faster_encoder_more_after_a_while) {
  gate_run run;
  run.gate.start({}, milliseconds(40));
  run.feed(200, milliseconds(40), milliseconds(60));
  ASSERT_EQ(run.gate.divisor(), 2u);
  run.feed(400, milliseconds(40), milliseconds(10));
  EXPECT_EQ(run.gate.divisor(), 1u);
  EXPECT_EQ(run.last(25), std::string(25, '1'));
}

TEST(picture_gate, does_not_wait_for_times_that_went_back) {
  gate_run run;
  run.gate.start(milliseconds(40), milliseconds(40));
  run.feed(10, milliseconds(40), milliseconds(5));
  run.at -= std::chrono::seconds(100);
  run.feed(200, milliseconds(40), milliseconds(5));
  EXPECT_GT(std::count(run.row.end() - 100, run.row.end(), '1'), 95);
}

}  // namespace
}  // namespace campush
