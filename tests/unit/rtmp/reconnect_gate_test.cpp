#include "rtmp/reconnect_gate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "fakes/fake_clock.h"

namespace campush {
namespace {

using namespace std::chrono_literals;

fleet_manners limited(double rate, uint32_t burst) {
  fleet_manners manners;
  manners.reconnects_per_s = rate;
  manners.reconnect_burst = burst;
  return manners;
}

TEST(reconnect_gate, lets_a_burst_pass_and_then_the_rate) {
  fake_clock now;
  reconnect_gate gate(limited(10, 3), "cam", now);
  std::vector<duration> waits;
  for (int i = 0; i < 6; ++i) waits.push_back(gate.take_turn());
  EXPECT_EQ(waits, (std::vector<duration>{0ms, 0ms, 0ms, 100ms, 200ms, 300ms}));
}

TEST(reconnect_gate, fills_again_up_to_the_burst) {
  fake_clock now;
  reconnect_gate gate(limited(10, 3), "cam", now);
  for (int i = 0; i < 5; ++i) EXPECT_LE(gate.take_turn(), 200ms);
  now.advance(400ms);
  EXPECT_EQ(gate.take_turn(), 0ms);
  EXPECT_EQ(gate.take_turn(), 0ms);
  EXPECT_EQ(gate.take_turn(), 100ms);
  now.advance(1h);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(gate.take_turn(), 0ms) << i;
  EXPECT_EQ(gate.take_turn(), 100ms);
}

TEST(reconnect_gate, takes_a_turn_on_trial_only_if_there_is_one) {
  fake_clock now;
  reconnect_gate gate(limited(1, 1), "cam", now);
  EXPECT_TRUE(gate.try_turn());
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(gate.try_turn());
  now.advance(1s);
  EXPECT_TRUE(gate.try_turn());
  EXPECT_EQ(gate.take_turn(), 1s) << "tries that failed took nothing";
}

TEST(reconnect_gate, without_a_rate_never_holds_up) {
  fake_clock now;
  reconnect_gate gate(limited(0, 1), "cam", now);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(gate.take_turn(), 0ms);
    EXPECT_TRUE(gate.try_turn());
  }
}

/// Four cameras, two streams each, a primary and two backups that all refuse: as much as a small agent ever asks for.
TEST(reconnect_gate, never_holds_up_an_agent_of_four_cameras_by_default) {
  fake_clock now;
  reconnect_gate gate(fleet_manners{}, "cam", now);
  for (const duration pass : {0s, 1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    now.advance(pass);
    for (int i = 0; i < 8 * 3; ++i) ASSERT_EQ(gate.take_turn(), 0ms) << pass.count() << " " << i;
  }
}

TEST(reconnect_gate, is_closed_for_the_devices_share_of_the_splay) {
  fake_clock now;
  fleet_manners manners;
  manners.start_splay = 60s;
  const reconnect_gate gate(manners, "cam-7f31", now);
  const duration share = gate.opens_in();
  EXPECT_EQ(share, start_delay(60s, "cam-7f31"));
  EXPECT_GT(share, 0s);
  now.advance(share);
  EXPECT_EQ(gate.opens_in(), 0s);
  now.advance(1h);
  EXPECT_EQ(gate.opens_in(), 0s);
}

TEST(start_delay, spreads_neighbours_evenly_and_repeats) {
  constexpr int devices = 10000, slots = 60;
  std::vector<int> counts(slots);
  for (int i = 0; i < devices; ++i) {
    const std::string device = fmt::format("cam-{:05}", i);
    const duration share = start_delay(60s, device);
    ASSERT_GE(share, 0s);
    ASSERT_LT(share, 60s);
    ASSERT_EQ(share, start_delay(60s, device));
    ++counts[static_cast<size_t>(share / 1s)];
  }
  EXPECT_GT(*std::min_element(counts.begin(), counts.end()), devices / slots / 2);
  EXPECT_LT(*std::max_element(counts.begin(), counts.end()), devices / slots * 3 / 2);
}

TEST(start_delay, is_nothing_without_a_splay) {
  EXPECT_EQ(start_delay(0s, "cam-7f31"), 0s);
}

}  // namespace
}  // namespace campush
