#include "app/signal_thread.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <future>

namespace campush {
namespace {

TEST(signal_thread, turns_signals_into_calls_and_is_not_ended_by_a_stray_one) {
  std::array<std::promise<int>, 2> heard;
  std::atomic<size_t> count{0};
  const signal_thread signals([&](int number) {
    const size_t index = count++;
    if (index < heard.size()) heard[index].set_value(number);
  });
  ::kill(::getpid(), SIGUSR2);
  for (const auto& [index, number] : {std::pair<size_t, int>{0, SIGHUP}, {1, SIGUSR1}}) {
    ::kill(::getpid(), number);
    std::future<int> came = heard[index].get_future();
    ASSERT_EQ(came.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    EXPECT_EQ(came.get(), number);
  }
}

}  // namespace
}  // namespace campush
