#include "rtmp/read_allowance.h"

#include <gtest/gtest.h>

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto burst = static_cast<size_t>(read_allowance::burst_bytes);
constexpr auto each_second = static_cast<size_t>(read_allowance::bytes_per_second);
const time_point start{seconds(1000)};

TEST(read_allowance, allows_a_burst_and_then_a_little_each_second) {
  read_allowance allowance;
  allowance.begin(start);
  EXPECT_TRUE(allowance.take(burst, start));
  EXPECT_TRUE(allowance.take(each_second, start + seconds(1)));
  EXPECT_TRUE(allowance.take(each_second / 2, start + milliseconds(1500)));
  EXPECT_FALSE(allowance.take(1, start + milliseconds(1500)));
}

TEST(read_allowance, never_saves_more_than_a_burst) {
  read_allowance allowance;
  allowance.begin(start);
  EXPECT_TRUE(allowance.take(1, start));
  EXPECT_FALSE(allowance.take(burst + 1, start + std::chrono::hours(1)));
}

TEST(read_allowance, a_further_connection_does_not_renew_it) {
  read_allowance allowance;
  allowance.begin(start);
  EXPECT_TRUE(allowance.take(burst, start));
  allowance.begin(start + seconds(100));
  EXPECT_FALSE(allowance.take(1, start + seconds(100)));
}

}  // namespace
}  // namespace campush
