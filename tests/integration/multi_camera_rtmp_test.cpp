#include <gtest/gtest.h>

#include <cstdlib>

#include "integration/simulated_site.h"
#include "util/log.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using namespace test;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr duration simulated_span = minutes(10);
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr duration simulated_span = minutes(10);
#else
constexpr duration simulated_span = minutes(120);
#endif
#else
constexpr duration simulated_span = minutes(120);
#endif

void create_all_sessions(simulated_site& site) {
  for (uint32_t number = 0; number < camera_count * streams_per_camera * destination_count; ++number) {
    const uint32_t destination = number % destination_count;
    session_config config;
    config.camera_id = number / (streams_per_camera * destination_count);
    config.stream_id = number / destination_count % streams_per_camera;
    config.stream_name = config.stream_id == 0 ? "main" : "sub";
    config.destination = destination == 0 ? "default" : "second";
    config.device_id = "cam-" + std::to_string(config.camera_id);
    const std::string path = "/live/cam{camera_id}_{stream_name}";
    for (const uint32_t server : {destination * 2, destination * 2 + 1}) {
      config.urls.emplace_back("rtmp://s" + std::to_string(server) + path);
    }
    config.retry_policy.max_attempts = 0;
    config.failback.after = seconds(60);
    site.create(config);
  }
}

/// One server after the other is harmed and healed; then all of them have peace.
void live_through_harm(simulated_site& site, seeded_random& random, duration span) {
  const time_point end = site.world.now() + span;
  while (site.world.now() < end) {
    simulated_server& victim = *site.servers[random.between(0, site.servers.size() - 1)];
    harm(site, victim, random);
    site.world.run_for(milliseconds(random.between(100, 40'000)));
    victim.heal();
    site.world.run_for(milliseconds(random.between(100, 30'000)));
  }
  for (auto& each : site.servers) each->heal();
  site.world.run_for(minutes(5));
}

/// The harm must have reached the sessions, or the test shows nothing.
void expect_that_harm_was_felt(const simulated_site& site) {
  uint64_t faults = 0, congestion_drops = 0;
  for (const session_status& status : site.sessions->status()) {
    faults += status.errors;
    for (const auto& kind : status.dropped.count) {
      for (const drop_reason reason : {drop_reason::congestion, drop_reason::flush, drop_reason::disposable}) {
        congestion_drops += kind[static_cast<size_t>(reason)];
      }
    }
  }
  EXPECT_GT(faults, 16u);
  EXPECT_GT(congestion_drops, 0u) << "slow servers must have made queues drop";
  testing::Test::RecordProperty("errors", static_cast<int>(faults));
}

void expect_that_nothing_leaks(simulated_site& site) {
  for (const stream_status& stream : site.sessions->streams()) {
    EXPECT_LT(stream.pool.bytes_held, 4u << 20) << "the storage of tags grows";
    EXPECT_EQ(stream.counters.ring_overflows, 0u);
  }
  EXPECT_LE(site.network.open_connections(), 16u + 1) << "a probe may be under way";
  bool is_down = false;
  site.sessions->shutdown(seconds(2), [&] { is_down = true; });
  EXPECT_TRUE(site.world.run_until_true([&] { return is_down; }, seconds(2)));
  site.world.run_for(seconds(1));
  EXPECT_EQ(site.network.open_connections(), 0u);
  for (const auto& each : site.servers) EXPECT_EQ(each->server.live_streams(), 0u);
}

TEST(multi_camera_rtmp, sessions_survive_hours_of_dying_servers_and_no_picture_misses_its_reference) {
  const char* const given = std::getenv("CAMPUSH_SIMULATION_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20260807;
  SCOPED_TRACE("CAMPUSH_SIMULATION_SEED=" + std::to_string(seed));
  set_log_level(log_level::error);
  seeded_random random(seed);
  simulated_site site(4);
  for (uint32_t camera = 0; camera < camera_count; ++camera) site.add_camera(tiny_camera(camera));
  create_all_sessions(site);
  site.start_cameras();
  site.world.run_for(seconds(5));
  EXPECT_EQ(site.not_connected(), "");

  live_through_harm(site, random, simulated_span);

  EXPECT_EQ(site.not_connected(), "");
  const picture_totals totals = site.pictures();
  EXPECT_EQ(totals.missing_references, 0u);
  EXPECT_EQ(totals.backward_steps, 0u);
  EXPECT_GT(totals.publishes, 16u);
  RecordProperty("publishes", static_cast<int>(totals.publishes));
  RecordProperty("pictures", static_cast<int>(totals.pictures));
  expect_that_harm_was_felt(site);
  expect_that_nothing_leaks(site);
}

TEST(multi_camera_rtmp, walks_primary_backup_backup_and_starts_each_with_a_keyframe) {
  simulated_site site(3);
  site.add_camera(tiny_camera(0));
  session_config config;
  config.urls = {"rtmp://s0/live/x", "rtmp://s1/live/x", "rtmp://s2/live/x"};
  site.create(config);
  site.start_cameras();
  site.world.run_for(seconds(5));
  EXPECT_EQ(site.servers[0]->server.live_streams(), 1u);
  for (size_t i = 0; i < 2; ++i) {
    const time_point killed_at = site.world.now();
    site.servers[i]->server.stop();
    rtmp_server& next = site.servers[i + 1]->server;
    const auto has_keyframe = [&next] { return next.live_streams() == 1 && next.streams().front().keyframes > 0; };
    EXPECT_TRUE(site.world.run_until_true(has_keyframe, milliseconds(250)));
    RecordProperty("failover_" + std::to_string(i + 1) + "_us",
                   static_cast<int>((site.world.now() - killed_at).count()));
    site.world.run_for(seconds(5));
  }
  EXPECT_EQ(site.sessions->status().front().url_index, 2u);
  EXPECT_EQ(site.pictures().missing_references, 0u);
}

TEST(multi_camera_rtmp, shuts_down_within_2_s_under_silent_dns_and_stalled_servers) {
  simulated_site site(3);
  for (uint32_t i = 0; i < 3; ++i) site.add_camera(tiny_camera(i));
  for (uint32_t i = 0; i < 3; ++i) {
    session_config config;
    config.camera_id = i;
    config.urls = {url_entry("rtmp://s" + std::to_string(i) + "/live/x")};
    site.create(config);
  }
  site.servers[0]->host.dns = dns_behaviour::silent;
  site.start_cameras();
  site.world.run_for(seconds(3));
  site.servers[1]->host.stop_delivering = true;
  site.world.run_for(seconds(3));
  bool is_down = false;
  site.sessions->shutdown(seconds(2), [&] { is_down = true; });
  EXPECT_TRUE(site.world.run_until_true([&] { return is_down; }, seconds(2)));
}

TEST(multi_camera_rtmp, timestamps_cross_every_boundary_of_the_wire) {
  for (const uint32_t start : {0xffffffu - 5'000, 0x7fffffffu - 5'000, 0xffffffffu - 5'000}) {
    SCOPED_TRACE(start);
    simulated_site site(1);
    site.add_camera(tiny_camera(0));
    session_config config;
    config.urls = {"rtmp://s0/live/x"};
    config.initial_timestamp_ms = start;
    config.max_session_age = seconds(0);
    site.create(config);
    site.start_cameras();
    site.world.run_for(seconds(12));
    ASSERT_EQ(site.servers[0]->server.live_streams(), 1u);
    const rtmp_stream_stats stats = site.servers[0]->server.streams().front();
    EXPECT_EQ(stats.video.first_ms, start);
    EXPECT_GT(stats.video.last_ms - start, 10'000u);
    EXPECT_LT(stats.video.last_ms - start, 13'000u);
    for (const track_times* track : {&stats.video, &stats.audio}) {
      EXPECT_GT(track->count, 100u);
      EXPECT_EQ(track->gaps, 0u);
      EXPECT_EQ(track->backward_steps, 0u);
    }
    EXPECT_EQ(stats.pictures.missing_references(), 0u);
    EXPECT_EQ(site.sessions->status().front().connects, 1u);
  }
}

TEST(multi_camera_rtmp, a_camera_restart_touches_no_other_session) {
  simulated_site site(1);
  for (uint32_t i = 0; i < 2; ++i) {
    site.add_camera(tiny_camera(i));
    session_config config;
    config.camera_id = i;
    config.urls = {url_entry("rtmp://s0/live/cam" + std::to_string(i))};
    site.create(config);
  }
  site.start_cameras();
  site.world.run_for(seconds(5));
  site.cameras[0]->stop();
  site.cameras.erase(site.cameras.begin());
  site.world.run_for(seconds(2));
  site.add_camera(tiny_camera(0));
  site.start_cameras();
  site.world.run_for(seconds(10));
  EXPECT_EQ(site.not_connected(), "");
  for (const session_status& status : site.sessions->status()) EXPECT_EQ(status.connects, 1u);
  EXPECT_EQ(site.pictures().missing_references, 0u);
}

}  // namespace
}  // namespace campush
