#include <gtest/gtest.h>

#include "unit/rtmp/session_bench.h"

namespace campush {
namespace {

using namespace test;

/// Two destinations of one stream that share a gate.
struct gated_bench : session_bench {
  reconnect_gate gate;
  session first{loop, servers, {&links, &answers, &gate}}, second{loop, servers, {&links, &answers, &gate}};
  std::shared_ptr<snapshot<session_status>> first_status = std::make_shared<snapshot<session_status>>();
  std::shared_ptr<snapshot<session_status>> second_status = std::make_shared<snapshot<session_status>>();

  explicit gated_bench(const fleet_manners& manners) : gate(manners, "cam-test", loop.time()) {}

  void start_both() {
    first.open(config, stream, first_status);
    config.destination = "other";
    config.urls = {"rtmp://q/live/cam0_main"};
    second.open(config, stream, second_status);
    first.connect();
    second.connect();
    camera.start();
    run(milliseconds(200));
  }
};

fleet_manners one_a_minute() {
  fleet_manners manners;
  manners.reconnects_per_s = 1.0 / 60;
  manners.reconnect_burst = 1;
  return manners;
}

TEST(session_gate, first_connections_need_no_turn) {
  gated_bench bench(one_a_minute());
  bench.start_both();
  EXPECT_EQ(bench.hosts(), "p q");
  EXPECT_EQ(bench.first_status->read().turn_waits + bench.second_status->read().turn_waits, 0u);
}

TEST(session_gate, sessions_that_lose_their_server_together_come_back_by_turns) {
  gated_bench bench(one_a_minute());
  bench.start_both();
  bench.servers.kill("p");
  bench.servers.kill("q");
  bench.run(seconds(5));
  EXPECT_EQ(bench.hosts(), "p q p");
  EXPECT_EQ(bench.first_status->read().state, session_state::connected);
  const session_status waiting = bench.second_status->read();
  EXPECT_EQ(waiting.state, session_state::error);
  EXPECT_TRUE(waiting.is_waiting_for_turn);
  EXPECT_EQ(waiting.turn_waits, 1u);
  EXPECT_GT(waiting.next_retry_at, bench.world.now() + seconds(50));
  bench.run(seconds(60));
  EXPECT_EQ(bench.hosts(), "p q p q");
  EXPECT_EQ(bench.second_status->read().state, session_state::connected);
  EXPECT_FALSE(bench.second_status->read().is_waiting_for_turn);
}

TEST(session_gate, a_retry_by_hand_does_not_take_a_second_turn) {
  gated_bench bench(one_a_minute());
  bench.start_both();
  bench.servers.kill("p");
  bench.servers.kill("q");
  bench.run(seconds(5));
  for (int i = 0; i < 10; ++i) bench.second.retry();
  bench.run(seconds(60));
  EXPECT_EQ(bench.hosts(), "p q p q");
  EXPECT_EQ(bench.second_status->read().turn_waits, 1u);
}

TEST(session_gate, nobody_connects_before_the_start_splay_is_over) {
  fleet_manners manners;
  manners.start_splay = minutes(10);
  gated_bench bench(manners);
  const duration share = bench.gate.opens_in();
  ASSERT_GT(share, seconds(10));
  bench.start_both();
  bench.run(share - seconds(1));
  EXPECT_EQ(bench.hosts(), "");
  EXPECT_EQ(bench.first_status->read().state, session_state::disconnected);
  EXPECT_GT(bench.first_status->read().next_retry_at, bench.world.now());
  bench.run(seconds(3));
  EXPECT_EQ(bench.hosts(), "p q");
  EXPECT_EQ(bench.first_status->read().state, session_state::connected);
}

TEST(session_gate, a_network_that_comes_up_does_not_cut_the_start_splay_short) {
  fleet_manners manners;
  manners.start_splay = minutes(10);
  gated_bench bench(manners);
  const duration share = bench.gate.opens_in();
  ASSERT_GT(share, seconds(10));
  bench.links.lead_nowhere();
  bench.start_both();
  bench.run(seconds(2));
  bench.links.lead_over(3);
  bench.first.on_link_changed(true);
  bench.second.on_link_changed(true);
  bench.run(share - seconds(4));
  EXPECT_EQ(bench.hosts(), "");
  bench.run(seconds(5));
  EXPECT_EQ(bench.hosts(), "p q");
}

TEST(session_gate, a_retry_by_hand_does_not_wait_for_the_start_splay) {
  fleet_manners manners;
  manners.start_splay = minutes(10);
  gated_bench bench(manners);
  bench.start_both();
  bench.first.retry();
  bench.run(seconds(3));
  EXPECT_EQ(bench.hosts(), "p");
  EXPECT_EQ(bench.first_status->read().state, session_state::connected);
}

}  // namespace
}  // namespace campush
