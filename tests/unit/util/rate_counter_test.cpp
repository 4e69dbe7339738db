#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "util/log.h"

namespace campush {
namespace {

using namespace std::chrono_literals;

TEST(rate_counter, reports_the_first_event_at_once) {
  fake_clock clock;
  rate_counter dropped;
  EXPECT_EQ(dropped.add(clock.now(), 3), 3U);
}

TEST(rate_counter, gathers_for_a_second_and_loses_none) {
  fake_clock clock;
  rate_counter dropped;
  uint64_t reported = 0;
  int lines = 0;
  for (int i = 0; i < 1000; ++i) {  // 10 s of 100 events each
    if (const uint64_t due = dropped.add(clock.now())) {
      reported += due;
      ++lines;
    }
    clock.advance(10ms);
  }
  EXPECT_EQ(lines, 10);
  EXPECT_EQ(reported, 901U) << "the last 99 wait for the next line";
  clock.advance(1s);
  EXPECT_EQ(dropped.add(clock.now()), 100U);
}

}  // namespace
}  // namespace campush
