#include "fleet/fleet.h"

#include <gtest/gtest.h>

namespace campush {
namespace {

using namespace std::chrono_literals;

/// A twentieth of the fleet of docs/fleet.md before servers of a twentieth.
fleet::plan small_fleet() {
  fleet::plan plan;
  plan.cameras = 495;
  plan.recorders = 5;
  plan.accepts_per_s = 100;
  plan.dies_at = 300s;
  plan.returns_at = 420s;
  plan.ends_at = 1500s;
  return plan;
}

fleet::plan without_manners() {
  fleet::plan plan = small_fleet();
  plan.retry.jitter = 0;
  plan.manners.reconnects_per_s = 0;
  return plan;
}

fleet::plan with_manners() {
  fleet::plan plan = small_fleet();
  plan.retry.failover_splay = 30s;
  plan.manners.start_splay = 60s;
  plan.manners.reconnects_per_s = 2;
  plan.manners.reconnect_burst = 8;
  return plan;
}

TEST(fleet, arrives_at_once_without_manners) {
  const fleet::outcome outcome = fleet::run(without_manners());
  EXPECT_EQ(outcome.stretches[0].peak[0], 815u);
  EXPECT_EQ(outcome.publishing[299], 815u);
  EXPECT_GT(outcome.stretches[1].peak[1], 400u);
}

TEST(fleet, arrives_spread_with_manners) {
  const fleet::outcome rude = fleet::run(without_manners()), polite = fleet::run(with_manners());
  const auto& start = polite.stretches[0];
  EXPECT_LT(start.peak[0] * 4, rude.stretches[0].peak[0]) << "switched on";
  EXPECT_LT(polite.stretches[1].peak[1] * 4, rude.stretches[1].peak[1]) << "primary lost";
  EXPECT_LT(polite.stretches[2].peak[0] * 3, rude.stretches[2].peak[0]) << "primary back";
  EXPECT_GT(start.seconds_to_99, 0);
  EXPECT_GT(polite.stretches[1].seconds_to_99, 0);
  EXPECT_LT(polite.stretches[1].seconds_to_99, 90);
}

TEST(fleet, ends_with_everybody_at_home) {
  for (const fleet::plan& plan : {without_manners(), with_manners()}) {
    const fleet::outcome outcome = fleet::run(plan);
    EXPECT_EQ(outcome.publishing.back(), 815u);
    EXPECT_GT(outcome.stretches[2].seconds_to_99, 0);
  }
}

TEST(fleet, repeats_exactly) {
  EXPECT_EQ(fleet::run(with_manners()).arrivals[1], fleet::run(with_manners()).arrivals[1]);
}

}  // namespace
}  // namespace campush
