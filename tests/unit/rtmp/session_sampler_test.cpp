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

/// Half a second of a good link, then `steps` samples in which the kernel sends `sent` of what it has.
session_sampler after_silence(uint32_t rtt_ms, int steps, uint64_t sent = 1'000) {
  sampled_connection link;
  link.counters.shortest_rtt_us = rtt_ms * 1000;
  for (int i = 0; i < 10; ++i) link.step(100'000, 0);
  link.counters.unsent_bytes = 140'000;
  link.step(140'000, 140'000, true);
  for (int i = 0; i < steps; ++i) link.step(sent, 140'000, true);
  return link.sampler;
}

TEST(session_sampler, a_pause_of_two_round_trips_is_not_a_slow_kernel) {
  EXPECT_EQ(after_silence(600, 0).pause(), seconds(0));
  EXPECT_EQ(after_silence(600, 1).pause(), milliseconds(600)) << "and a sample before and behind it";
  for (int steps = 1; steps <= 8; ++steps) {
    EXPECT_EQ(after_silence(600, steps).pause(), std::min(milliseconds(200 * steps + 400), milliseconds(1700)));
    EXPECT_EQ(after_silence(600, steps).drain_rate(), 500'000u) << steps;
  }
}

TEST(session_sampler, what_lasts_longer_than_a_pause_is_a_slow_kernel) {
  EXPECT_EQ(after_silence(600, 9).pause(), seconds(0));
  EXPECT_EQ(after_silence(600, 9).drain_rate(), 5'000u);
}

TEST(session_sampler, a_kernel_that_sends_slowly_does_not_pause) {
  EXPECT_EQ(after_silence(600, 3, 20'000).pause(), seconds(0));
  EXPECT_EQ(after_silence(600, 3, 20'000).drain_rate(), 100'000u);
}

TEST(session_sampler, on_a_short_way_there_are_no_pauses) {
  EXPECT_EQ(after_silence(190, 1).pause(), seconds(0));
  EXPECT_EQ(after_silence(190, 1).drain_rate(), 5'000u);
}

TEST(session_sampler, a_pause_is_forgotten_after_three_seconds) {
  sampled_connection link;
  link.counters.shortest_rtt_us = 600'000;
  link.counters.unsent_bytes = 140'000;
  for (int i = 0; i < 7; ++i) link.step(i == 0 ? 140'000 : 1'000, 140'000, true);
  EXPECT_EQ(link.sampler.pause(), milliseconds(1600));
  for (int i = 0; i < 10; ++i) link.step(100'000, 140'000, true);
  EXPECT_EQ(link.sampler.pause(), milliseconds(1600));
  EXPECT_EQ(link.sampler.drain_rate(), 500'000u);
  for (int i = 0; i < 6; ++i) link.step(100'000, 140'000, true);
  EXPECT_EQ(link.sampler.pause(), seconds(0));
}

TEST(session_sampler, knows_the_shortest_round_trip) {
  sampled_connection link;
  EXPECT_EQ(link.sampler.shortest_rtt(), seconds(0));
  for (const uint32_t rtt_ms : {80u, 40u, 300u}) {
    link.counters.rtt_us = rtt_ms * 1000;
    link.step(1000, 0);
  }
  EXPECT_EQ(link.sampler.shortest_rtt(), milliseconds(40)) << "of those seen";
  link.counters.shortest_rtt_us = 200'000;
  link.step(1000, 0);
  EXPECT_EQ(link.sampler.shortest_rtt(), milliseconds(200)) << "the kernel knows better";
}

TEST(session_sampler, passes_on_how_long_the_window_held_back) {
  sampled_connection link;
  EXPECT_FALSE(link.sampler.window_limited());
  link.counters.window_limited_us = 4'000'000;
  link.step(1000, 0);
  EXPECT_EQ(link.sampler.window_limited(), seconds(4));
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
