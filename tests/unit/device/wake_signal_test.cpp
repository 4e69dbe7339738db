#include "device/wake_signal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace campush {
namespace {

using std::chrono::milliseconds;

class wake_signal_waits : public ::testing::Test {
 protected:
  system_clock time;
  wake_signal wake;
};

TEST_F(wake_signal_waits, not_at_all_when_the_time_has_come) {
  wake.wait_until(time, time.now(), -1);
  wake.wait_until(time, time_point{}, -1);
}

TEST_F(wake_signal_waits, until_the_time_and_no_less) {
  const time_point due = time.now() + milliseconds(5);
  wake.wait_until(time, due, -1);
  EXPECT_GE(time.now(), due);
}

TEST_F(wake_signal_waits, not_when_it_was_raised_before) {
  wake.raise();
  wake.wait_until(time, time_point::max(), -1);
}

TEST_F(wake_signal_waits, until_another_thread_raises_it) {
  std::thread other([this] { wake.raise(); });
  wake.wait_until(time, time_point::max(), -1);
  other.join();
}

TEST_F(wake_signal_waits, until_a_descriptor_is_readable) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  wake.wait_until(time, time_point::max(), ends[0]);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(wake_signal_waits, again_after_a_raise_was_seen) {
  wake.raise();
  wake.wait_until(time, time_point::max(), -1);
  const time_point due = time.now() + milliseconds(5);
  wake.wait_until(time, due, -1);
  EXPECT_GE(time.now(), due);
}

}  // namespace
}  // namespace campush
