#include "rtmp/session_sampler.h"

#include <gtest/gtest.h>

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A connection whose counters a case sets by hand, sampled every 200 ms.
struct sampled_connection {
  session_sampler sampler{seconds(8)};
  stream_counters counters;
  time_point now{seconds(1000)};

  sampled_connection() {
    counters.unacked_bytes = 0;
    counters.unsent_bytes = 0;
    sampler.begin(now, counters);
  }
  void step(uint64_t written, uint64_t unacked, bool has_waiting_data = false) {
    now += milliseconds(200);
    counters.bytes_written += written;
    counters.unacked_bytes = unacked;
    sampler.sample(now, counters, has_waiting_data, true);
  }
};

TEST(session_sampler, measures_rates_over_the_last_second) {
  sampled_connection link;
  for (int i = 0; i < 10; ++i) link.step(25'000, 0);
  EXPECT_EQ(link.sampler.bitrate_current_bps(), 1'000'000u);
  EXPECT_EQ(link.sampler.bitrate_average_bps(), 1'000'000u);
  EXPECT_EQ(link.sampler.drain_rate(), 125'000u);
  for (int i = 0; i < 10; ++i) link.step(0, 0);
  EXPECT_EQ(link.sampler.bitrate_current_bps(), 0u);
  EXPECT_EQ(link.sampler.bitrate_average_bps(), 500'000u);
  EXPECT_EQ(link.sampler.bitrate_peak_bps(), 1'000'000u);
}

TEST(session_sampler, a_pause_of_the_source_is_not_a_slow_kernel) {
  sampled_connection link;
  link.counters.unsent_bytes = 10'000;
  for (int i = 0; i < 10; ++i) link.step(25'000, 10'000);
  EXPECT_EQ(link.sampler.drain_rate(), 125'000u);
  link.counters.unsent_bytes = 0;
  for (int i = 0; i < 10; ++i) link.step(100, 0);
  // A large picture, written just before the sample.
  link.counters.unsent_bytes = 50'000;
  link.step(50'100, 50'000);
  EXPECT_EQ(link.sampler.drain_rate(), 125'000u);
}

TEST(session_sampler, a_kernel_that_sends_slower_is_seen_while_bytes_wait) {
  sampled_connection link;
  for (int i = 0; i < 10; ++i) link.step(25'000, 0);
  link.counters.unsent_bytes = 40'000;
  link.step(45'000, 40'000);
  for (int i = 0; i < 5; ++i) link.step(5'000, 40'000);
  EXPECT_EQ(link.sampler.drain_rate(), 25'000u);
}

TEST(session_sampler, says_stalled_after_8_s_without_acknowledgement_while_data_waits) {
  sampled_connection link;
  link.step(1000, 1000);
  for (int i = 0; i < 38; ++i) link.step(0, 1000);
  EXPECT_FALSE(link.sampler.is_stalled());
  for (int i = 0; i < 3; ++i) link.step(0, 1000);
  EXPECT_TRUE(link.sampler.is_stalled());
}

TEST(session_sampler, one_acknowledged_byte_restarts_the_stall_clock) {
  sampled_connection link;
  link.step(1000, 1000);
  for (int i = 0; i < 35; ++i) link.step(0, 1000);
  link.step(0, 999);
  for (int i = 0; i < 35; ++i) link.step(0, 999);
  EXPECT_FALSE(link.sampler.is_stalled());
}

TEST(session_sampler, an_idle_connection_is_not_stalled) {
  sampled_connection link;
  for (int i = 0; i < 100; ++i) link.step(0, 0);
  EXPECT_FALSE(link.sampler.is_stalled());
  EXPECT_FALSE(link.sampler.is_healthy());
}

TEST(session_sampler, a_queue_that_does_not_move_is_stalled_even_with_an_empty_kernel) {
  sampled_connection link;
  for (int i = 0; i < 41; ++i) link.step(0, 0, true);
  EXPECT_TRUE(link.sampler.is_stalled());
}

TEST(session_sampler, is_healthy_while_bytes_are_acknowledged) {
  sampled_connection link;
  link.step(1000, 0);
  EXPECT_TRUE(link.sampler.is_healthy());
  for (int i = 0; i < 11; ++i) link.step(0, 500);
  EXPECT_FALSE(link.sampler.is_healthy());
}

TEST(session_sampler, latency_is_the_age_of_the_newest_acknowledged_frame) {
  sampled_connection link;
  link.sampler.on_sent(1000, link.now + milliseconds(100), true);
  link.sampler.on_sent(1000, link.now + milliseconds(150), true);
  link.step(2000, 1000);
  EXPECT_EQ(link.sampler.latency_us(), 100'000u) << "only the first frame is acknowledged";
  link.step(0, 0);
  EXPECT_EQ(link.sampler.latency_us(), 100'000u - 100'000u / 8 + 250'000u / 8);
}

TEST(session_sampler, counts_pictures_a_second) {
  sampled_connection link;
  for (int i = 0; i < 10; ++i) {
    for (int frame = 0; frame < 5; ++frame) link.sampler.on_sent(100, link.now, true);
    link.sampler.on_sent(100, link.now, false);
    link.step(600, 0);
  }
  EXPECT_NEAR(link.sampler.frames_per_second(), 25.0, 0.01);
}

}  // namespace
}  // namespace campush
