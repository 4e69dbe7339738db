#include "rtmp/session_manager.h"

#include <gtest/gtest.h>

#include "fakes/frame_feeder.h"
#include "fakes/scripted_publisher.h"
#include "net/simulated_loop.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// One camera stream and its destinations.
struct manager_bench {
  simulation world;
  simulated_loop loop{world};
  scripted_publisher_factory servers{loop};
  media_stream stream{{0, 0}, "main", loop, media_stream_options{}};
  frame_feeder camera{loop, stream, frame_feeder::options{}};
  session_pool pool{loop, servers};
  session_manager subject{stream, pool};

  static session_config config_for(const std::string& destination) {
    session_config config;
    config.destination = destination;
    config.urls = {url_entry("rtmp://" + destination + "/live/x")};
    config.retry_policy.jitter = 0;
    return config;
  }
  shared_status create(const std::string& destination) {
    auto published = std::make_shared<snapshot<session_status>>();
    EXPECT_TRUE(subject.create(config_for(destination), published).has_value());
    return published;
  }
  scripted_connection& last() { return *servers.connections.back(); }
};

TEST(session_manager, sends_one_stream_to_all_its_destinations) {
  manager_bench bench;
  const auto first = bench.create("a");
  const auto second = bench.create("b");
  bench.camera.start();
  bench.world.run_for(seconds(3));
  EXPECT_EQ(first->read().state, session_state::connected);
  EXPECT_EQ(second->read().state, session_state::connected);
  ASSERT_EQ(bench.servers.connections.size(), 2u);
  EXPECT_EQ(bench.servers.connections[0]->order(), bench.servers.connections[1]->order());
}

TEST(session_manager, a_destination_in_trouble_does_not_touch_another) {
  manager_bench bench;
  const auto good = bench.create("a");
  const auto bad = bench.create("b");
  bench.servers.servers["b"].connect_failure = disconnect_reason::connect_timeout;
  bench.camera.start();
  bench.world.run_for(minutes(1));
  EXPECT_EQ(good->read().state, session_state::connected);
  EXPECT_EQ(good->read().connects, 1u);
  EXPECT_EQ(bad->read().state, session_state::error);
}

TEST(session_manager, refuses_a_second_destination_of_one_name_and_an_unknown_one) {
  manager_bench bench;
  bench.create("a");
  const auto again = bench.subject.create(manager_bench::config_for("a"), nullptr);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, error_code::already_exists);
  EXPECT_EQ(bench.subject.destroy("x").error().code, error_code::not_found);
  EXPECT_EQ(bench.subject.retry("x").error().code, error_code::not_found);
  EXPECT_NE(bench.subject.find("a"), nullptr);
  EXPECT_EQ(bench.subject.find("x"), nullptr);
}

TEST(session_manager, destroy_unpublishes_and_gives_the_session_back) {
  manager_bench bench;
  bench.create("a");
  bench.camera.start();
  bench.world.run_for(seconds(1));
  ASSERT_TRUE(bench.subject.destroy("a").has_value());
  EXPECT_EQ(bench.subject.size(), 0u);
  bench.world.run_for(milliseconds(100));
  EXPECT_TRUE(bench.last().is_stopped);
  EXPECT_TRUE(bench.last().is_gone);
  EXPECT_EQ(bench.pool.counters().in_use, 0u);
}

TEST(session_manager, a_successor_of_the_same_name_connects_after_its_predecessor_has_left) {
  manager_bench bench;
  bench.servers.servers["a"].stopped_after = milliseconds(500);
  bench.create("a");
  bench.camera.start();
  bench.world.run_for(seconds(1));
  ASSERT_TRUE(bench.subject.destroy("a").has_value());
  const auto successor = bench.create("a");
  bench.world.run_for(milliseconds(400));
  EXPECT_EQ(bench.servers.connections.size(), 1u);
  bench.world.run_for(milliseconds(400));
  EXPECT_EQ(bench.servers.connections.size(), 2u);
  EXPECT_EQ(successor->read().state, session_state::connected);
}

TEST(session_manager, shutdown_unpublishes_all_and_tells_once) {
  manager_bench bench;
  bench.create("a");
  bench.create("b");
  bench.camera.start();
  bench.world.run_for(seconds(1));
  int told = 0;
  bench.subject.shutdown(seconds(2), [&] { ++told; });
  EXPECT_EQ(told, 0);
  bench.world.run_for(milliseconds(100));
  EXPECT_EQ(told, 1);
  for (const auto& each : bench.servers.connections) EXPECT_TRUE(each->is_stopped);
  bench.world.run_for(seconds(10));
  EXPECT_EQ(told, 1);
}

TEST(session_manager, shutdown_ends_at_its_deadline) {
  manager_bench bench;
  bench.servers.servers["a"].stopped_after = minutes(60);
  bench.create("a");
  bench.camera.start();
  bench.world.run_for(seconds(1));
  bool is_told = false;
  bench.subject.shutdown(seconds(2), [&] { is_told = true; });
  bench.world.run_for(milliseconds(2001));
  EXPECT_TRUE(is_told);
}

TEST(session_manager, without_destinations_shutdown_tells_at_once_but_not_from_inside) {
  manager_bench bench;
  bool is_told = false;
  bench.subject.shutdown(seconds(2), [&] { is_told = true; });
  EXPECT_FALSE(is_told);
  bench.world.run_for(milliseconds(1));
  EXPECT_TRUE(is_told);
}

TEST(session_pool, gives_a_released_session_out_again) {
  manager_bench bench;
  bench.camera.start();
  for (int i = 0; i < 20; ++i) {
    bench.create("a");
    bench.world.run_for(seconds(1));
    ASSERT_TRUE(bench.subject.destroy("a").has_value());
    bench.world.run_for(seconds(1));
  }
  EXPECT_EQ(bench.pool.counters().made, 1u);
  EXPECT_EQ(bench.pool.counters().in_use, 0u);
}

TEST(session_manager, its_end_drops_connections_and_returns_sessions) {
  simulation world;
  simulated_loop loop{world};
  scripted_publisher_factory servers{loop};
  media_stream stream{{0, 0}, "main", loop, media_stream_options{}};
  frame_feeder camera{loop, stream, frame_feeder::options{}};
  session_pool pool{loop, servers};
  {
    session_manager subject{stream, pool};
    ASSERT_TRUE(subject.create(manager_bench::config_for("a"), nullptr).has_value());
    camera.start();
    world.run_for(seconds(1));
    EXPECT_EQ(pool.counters().in_use, 1u);
  }
  EXPECT_EQ(pool.counters().in_use, 0u);
  EXPECT_TRUE(servers.connections.back()->is_gone);
  world.run_for(seconds(10));
}

}  // namespace
}  // namespace campush
