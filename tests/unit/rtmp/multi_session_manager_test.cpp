#include "rtmp/multi_session_manager.h"

#include <gtest/gtest.h>

#include "fakes/frame_feeder.h"
#include "fakes/scripted_links.h"
#include "fakes/scripted_publisher.h"
#include "net/simulated_loop.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// Two loops on one simulation; a camera where a case asks for one.
struct agent_bench {
  simulation world;
  simulated_loop loop_a{world}, loop_b{world};
  scripted_publisher_factory servers_a{loop_a}, servers_b{loop_b};
  multi_session_manager subject{{{&loop_a, &servers_a}, {&loop_b, &servers_b}}, media_stream_options{}};
  std::vector<std::unique_ptr<frame_feeder>> cameras;

  static session_config config_for(uint32_t camera_id, const std::string& url) {
    session_config config;
    config.camera_id = camera_id;
    config.urls = {url_entry(url)};
    config.retry_policy.jitter = 0;
    return config;
  }
  frame_feeder& add_camera(stream_key key) {
    stream_observer& observer = subject.open_stream(key, "main");
    cameras.push_back(std::make_unique<frame_feeder>(loop_a, observer, frame_feeder::options{}));
    subject.set_stream_control(key, cameras.back()->control());
    cameras.back()->start();
    return *cameras.back();
  }
};

TEST(multi_session_manager, publishes_a_stream_whichever_came_first_camera_or_session) {
  agent_bench bench;
  ASSERT_TRUE(bench.subject.create_session(agent_bench::config_for(0, "rtmp://a/live/0")).has_value());
  bench.add_camera({0, 0});
  bench.add_camera({1, 0});
  ASSERT_TRUE(bench.subject.create_session(agent_bench::config_for(1, "rtmp://a/live/1")).has_value());
  bench.world.run_for(seconds(3));
  for (const session_status& status : bench.subject.status()) EXPECT_EQ(status.state, session_state::connected);
  EXPECT_EQ(bench.subject.totals().active_sessions, 2u);
  EXPECT_GT(bench.subject.totals().bytes_sent, 0u);
}

TEST(multi_session_manager, keeps_what_the_source_said_before_its_stream_was_made) {
  agent_bench bench;
  stream_observer& observer = bench.subject.open_stream({0, 0}, "main");
  frame_feeder::options source;
  source.audio = codec_id::aac;
  frame_feeder camera(bench.loop_a, observer, source);
  camera.start();
  ASSERT_TRUE(bench.subject.create_session(agent_bench::config_for(0, "rtmp://a/live/0")).has_value());
  bench.world.run_for(seconds(2));
  EXPECT_EQ(bench.subject.status().front().audio_codec, codec_id::aac);
}

TEST(multi_session_manager, spreads_streams_over_its_loops) {
  agent_bench bench;
  for (uint32_t i = 0; i < 4; ++i) {
    bench.add_camera({i, 0});
    const auto url = "rtmp://a/live/" + std::to_string(i);
    ASSERT_TRUE(bench.subject.create_session(agent_bench::config_for(i, url)).has_value());
  }
  bench.world.run_for(seconds(2));
  EXPECT_EQ(bench.servers_a.connections.size(), 2u);
  EXPECT_EQ(bench.servers_b.connections.size(), 2u);
}

TEST(multi_session_manager, refuses_duplicates_and_names_both) {
  agent_bench bench;
  session_config first = agent_bench::config_for(0, "");
  first.urls.clear();
  first.url_template = "rtmp://a/live/cam{camera_id}";
  ASSERT_TRUE(bench.subject.create_session(first).has_value());
  const auto same_id = bench.subject.create_session(agent_bench::config_for(0, "rtmp://a/live/other"));
  ASSERT_FALSE(same_id.has_value());
  EXPECT_EQ(same_id.error().code, error_code::already_exists);
  const auto same_url = bench.subject.create_session(agent_bench::config_for(7, "rtmp://a/live/cam0"));
  ASSERT_FALSE(same_url.has_value());
  EXPECT_EQ(same_url.error().code, error_code::already_exists);
  EXPECT_NE(same_url.error().message.find("cam0_stream0/default"), std::string::npos);
  EXPECT_NE(same_url.error().message.find("cam7_stream0/default"), std::string::npos);
}

TEST(multi_session_manager, refuses_what_cannot_become_a_url) {
  agent_bench bench;
  for (const char* url : {"", "http://a/live/x", "rtmp://a/live/{nonsense}", "rtmp://a/live/{camera_id"}) {
    const auto refused = bench.subject.create_session(agent_bench::config_for(0, url));
    ASSERT_FALSE(refused.has_value()) << url;
    EXPECT_EQ(refused.error().code, error_code::invalid_argument) << url;
  }
  session_config none;
  EXPECT_EQ(bench.subject.create_session(none).error().code, error_code::invalid_argument);
  EXPECT_TRUE(bench.subject.create_session(agent_bench::config_for(0, "rtmp://a/live/{file:/nonexistent/key}")));
}

TEST(multi_session_manager, finds_by_id_and_by_url) {
  agent_bench bench;
  ASSERT_TRUE(bench.subject.create_session(agent_bench::config_for(3, "rtmp://a/live/x")).has_value());
  EXPECT_EQ(bench.subject.find({3, 0, "default"})->camera_id, 3u);
  EXPECT_EQ(bench.subject.find(3, 0, "rtmp://a/live/x")->camera_id, 3u);
  EXPECT_EQ(bench.subject.find({3, 1, "default"}).error().code, error_code::not_found);
  EXPECT_EQ(bench.subject.find(3, 0, "rtmp://a/live/y").error().code, error_code::not_found);
  EXPECT_EQ(bench.subject.retry({9, 0, "default"}).error().code, error_code::not_found);
  EXPECT_EQ(bench.subject.destroy_session({9, 0, "default"}).error().code, error_code::not_found);
}

TEST(multi_session_manager, says_when_a_loop_has_not_done_what_was_asked) {
  agent_bench bench;
  ASSERT_TRUE(bench.subject.create_session(agent_bench::config_for(0, "rtmp://a/live/x")).has_value());
  EXPECT_FALSE(bench.subject.wait_until_settled(duration(0)));
}

TEST(multi_session_manager, destroys_and_creates_again) {
  agent_bench bench;
  bench.add_camera({0, 0});
  const session_config config = agent_bench::config_for(0, "rtmp://a/live/x");
  ASSERT_TRUE(bench.subject.create_session(config).has_value());
  bench.world.run_for(seconds(1));
  ASSERT_TRUE(bench.subject.destroy_session({0, 0, "default"}).has_value());
  EXPECT_TRUE(bench.subject.status().empty());
  ASSERT_TRUE(bench.subject.create_session(config).has_value());
  bench.world.run_for(seconds(1));
  EXPECT_EQ(bench.subject.status().front().state, session_state::connected);
  EXPECT_EQ(bench.servers_a.connections.size(), 2u);
}

TEST(multi_session_manager, retry_wakes_a_session_that_waits) {
  agent_bench bench;
  bench.servers_a.servers["a"].connect_failure = disconnect_reason::connect_refused;
  bench.add_camera({0, 0});
  const auto id = bench.subject.create_session(agent_bench::config_for(0, "rtmp://a/live/x"));
  ASSERT_TRUE(id.has_value());
  bench.world.run_for(seconds(200));
  bench.servers_a.servers["a"].connect_failure = disconnect_reason::none;
  ASSERT_TRUE(bench.subject.retry(*id).has_value());
  bench.world.run_for(milliseconds(100));
  EXPECT_EQ(bench.subject.find(*id)->state, session_state::connected);
  bench.subject.retry_all();
  bench.world.run_for(seconds(1));
  EXPECT_EQ(bench.subject.find(*id)->connects, 1u);
}

TEST(multi_session_manager, sessions_survive_a_restart_of_their_camera) {
  agent_bench bench;
  frame_feeder& first = bench.add_camera({0, 0});
  ASSERT_TRUE(bench.subject.create_session(agent_bench::config_for(0, "rtmp://a/live/x")).has_value());
  bench.world.run_for(seconds(2));
  first.pause();
  bench.subject.set_stream_control({0, 0}, nullptr);
  bench.world.run_for(seconds(1));
  bench.add_camera({0, 0});
  bench.world.run_for(seconds(2));
  EXPECT_EQ(bench.subject.status().front().connects, 1u);
  EXPECT_EQ(bench.subject.status().front().state, session_state::connected);
}

TEST(multi_session_manager, closing_a_stream_ends_its_sessions) {
  agent_bench bench;
  frame_feeder& camera = bench.add_camera({0, 0});
  ASSERT_TRUE(bench.subject.create_session(agent_bench::config_for(0, "rtmp://a/live/x")).has_value());
  bench.world.run_for(seconds(1));
  camera.pause();
  bench.subject.close_stream({0, 0});
  bench.world.run_for(seconds(1));
  EXPECT_TRUE(bench.subject.status().empty());
  EXPECT_TRUE(bench.subject.streams().empty());
  EXPECT_TRUE(bench.servers_a.connections.front()->is_stopped);
  EXPECT_TRUE(bench.servers_a.connections.front()->is_gone);
}

TEST(multi_session_manager, tells_what_streams_count) {
  agent_bench bench;
  bench.add_camera({0, 0});
  bench.world.run_for(seconds(5));
  const auto streams = bench.subject.streams();
  ASSERT_EQ(streams.size(), 1u);
  EXPECT_EQ(streams[0].state, stream_state::live);
  EXPECT_GT(streams[0].counters.tags_out, 90u);
}

TEST(multi_session_manager, shutdown_unpublishes_everything_and_is_over_in_time) {
  agent_bench bench;
  for (uint32_t i = 0; i < 3; ++i) {
    bench.add_camera({i, 0});
    const auto url = "rtmp://h" + std::to_string(i) + "/live/x";
    ASSERT_TRUE(bench.subject.create_session(agent_bench::config_for(i, url)).has_value());
  }
  bench.servers_a.servers["h0"].stopped_after = minutes(10);
  bench.world.run_for(seconds(1));
  bool is_done = false;
  bench.subject.shutdown(seconds(2), [&] { is_done = true; });
  EXPECT_TRUE(bench.world.run_until_true([&] { return is_done; }, milliseconds(2001)));
  EXPECT_EQ(bench.subject.create_session(agent_bench::config_for(9, "rtmp://x/live/x")).error().code,
            error_code::cancelled);
}

TEST(multi_session_manager, may_be_destroyed_in_the_middle_of_everything) {
  simulation world;
  simulated_loop loop{world};
  scripted_publisher_factory servers{loop};
  std::unique_ptr<frame_feeder> camera;
  {
    multi_session_manager subject({{&loop, &servers}}, media_stream_options{});
    camera = std::make_unique<frame_feeder>(loop, subject.open_stream({0, 0}, "main"), frame_feeder::options{});
    camera->start();
    ASSERT_TRUE(subject.create_session(agent_bench::config_for(0, "rtmp://a/live/x")).has_value());
    world.run_for(seconds(1));
    camera->pause();
    static_cast<void>(subject.destroy_session({0, 0, "default"}));
  }
  world.run_for(seconds(10));
  EXPECT_TRUE(servers.connections.back()->is_gone);
}

/// A camera whose H.265 main stream is refused, so that its sub stream is pushed in its place; two loops.
struct fallback_bench {
  simulation world;
  simulated_loop loop_a{world}, loop_b{world};
  scripted_publisher_factory servers_a{loop_a}, servers_b{loop_b};
  scripted_links links;
  capability_store answers;
  std::unique_ptr<multi_session_manager> subject = std::make_unique<multi_session_manager>(
      std::vector<loop_services>{{&loop_a, &servers_a, &links, &answers}, {&loop_b, &servers_b, &links, &answers}},
      media_stream_options{});
  std::unique_ptr<frame_feeder> main_camera, sub_camera;

  fallback_bench() {
    frame_feeder::options source;
    sub_camera = std::make_unique<frame_feeder>(loop_a, subject->open_stream({0, 1}, "sub"), source);
    source.video = codec_id::h265;
    main_camera = std::make_unique<frame_feeder>(loop_a, subject->open_stream({0, 0}, "main"), source);
    main_camera->start();
    sub_camera->start();
    servers_a.servers["a"].answer.has_video_list = true;
    session_config config = agent_bench::config_for(0, "rtmp://a/live/x");
    config.fallback = {hevc_fallback::kind::stream, 1};
    EXPECT_TRUE(subject->create_session(config).has_value());
    world.run_for(seconds(2));
  }
  void stop_cameras() {
    main_camera->pause();
    sub_camera->pause();
  }
};

TEST(multi_session_manager, a_session_may_push_another_stream_of_its_camera_for_they_share_a_loop) {
  fallback_bench bench;
  EXPECT_TRUE(bench.servers_b.connections.empty());
  const session_status status = bench.subject->status().front();
  EXPECT_EQ(status.state, session_state::connected);
  EXPECT_TRUE(status.is_on_fallback);
  EXPECT_EQ(status.video_codec, codec_id::h264);
  EXPECT_EQ(bench.answers.size(), 1u);
}

TEST(multi_session_manager, closing_either_stream_of_a_fallback_leaves_the_other_alone) {
  for (const uint32_t closed : {0u, 1u}) {
    fallback_bench bench;
    bench.stop_cameras();
    bench.subject->close_stream({0, closed});
    bench.world.run_for(seconds(1));
    (closed == 0 ? bench.sub_camera : bench.main_camera)->resume();
    bench.world.run_for(seconds(5));
    EXPECT_EQ(bench.subject->status().size(), closed == 0 ? 0u : 1u);
    EXPECT_EQ(bench.subject->streams().size(), 1u);
  }
}

TEST(multi_session_manager, closing_both_streams_of_a_fallback_at_once_is_safe) {
  fallback_bench bench;
  bench.stop_cameras();
  bench.subject->close_stream({0, 1});
  bench.subject->close_stream({0, 0});
  bench.world.run_for(seconds(15));
  EXPECT_TRUE(bench.subject->streams().empty());
}

TEST(multi_session_manager, may_be_destroyed_while_a_session_pushes_another_stream) {
  fallback_bench bench;
  bench.stop_cameras();
  bench.subject.reset();
  EXPECT_TRUE(bench.links.listeners.empty());
  EXPECT_TRUE(bench.servers_a.connections.back()->is_gone);
  bench.world.run_for(seconds(1));
}

TEST(multi_session_manager, tells_its_sessions_of_changes_of_the_local_network) {
  fallback_bench bench;
  EXPECT_EQ(bench.links.listeners.size(), 1u) << "the loop that carries streams";
  bench.servers_a.servers["a"].connect_failure = disconnect_reason::unreachable;
  bench.servers_a.kill("a");
  bench.world.run_for(seconds(100));
  bench.servers_a.servers["a"].connect_failure = disconnect_reason::none;
  bench.links.tell(true);
  bench.world.run_for(milliseconds(100));
  EXPECT_EQ(bench.subject->status().front().state, session_state::connected);
}

}  // namespace
}  // namespace campush
