#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "fakes/obeying_encoder.h"
#include "net/memory_network.h"
#include "net/simulated_loop.h"
#include "rtmp/native_publisher.h"
#include "rtmp/session_manager.h"
#include "server/rtmp_server.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kbit = 125;  // bytes

/// A server behind a link of its own.
struct linked_server {
  memory_host& host;
  rtmp_server server;

  linked_server(event_loop& loop, memory_network& network, const std::string& name, const std::string& address)
      : host(network.add_host(name, {address})), server(loop, network, options_at(address)) {
    EXPECT_TRUE(server.start().has_value());
  }
  static rtmp_server_options options_at(const std::string& address) {
    rtmp_server_options options;
    options.listen = *parse_endpoint(address, 1935);
    return options;
  }
  void set_link(uint64_t kbps) { host.rate_bytes_per_s = kbps * kbit; }
  uint64_t missing_references() const {
    uint64_t missing = 0;
    for (const rtmp_stream_stats& stream : server.streams()) missing += stream.pictures.missing_references();
    return missing;
  }
  uint64_t pictures() const {
    uint64_t pictures = 0;
    for (const rtmp_stream_stats& stream : server.streams()) pictures += stream.pictures.pictures();
    return pictures;
  }
};

/// One camera that obeys, its stream, and as many destinations as a case creates, each with its own server and link.
struct adaptive_site {
  simulation world;
  simulated_loop loop{world};
  memory_network network{world};
  memory_resolver names{network};
  connector ways{loop, network, names};
  native_publisher_factory publishers{loop, ways};
  media_stream stream{{0, 0}, "main", loop, media_stream_options{}};
  obeying_encoder camera;
  session_pool pool{loop, publishers};
  session_manager sessions{stream, pool};
  std::vector<std::unique_ptr<linked_server>> servers;
  std::vector<shared_status> published;
  std::vector<uint64_t> delays_ms;  ///< of the first session, ten times a second while they are gathered
  bool is_gathering = false;

  explicit adaptive_site(const obeying_encoder::options& source = {}) : camera(loop, stream, source) {
    network.send_buffer_bytes = 2 << 20;
    network.receive_buffer_bytes = 2 << 20;
    sessions.set_control(camera.control());
    m_look->arm_after(milliseconds(100));
  }
  session_config config_of(const std::string& destination) const {
    session_config config;
    config.destination = destination;
    config.urls = {"rtmp://" + destination + "/live/cam0_main"};
    config.adaptive_bitrate.enabled = true;
    config.encoder_kbps = camera.settings.kbps;
    return config;
  }
  linked_server& add(const std::string& destination, uint64_t link_kbps, duration one_way = milliseconds(20)) {
    return add(config_of(destination), link_kbps, one_way);
  }
  linked_server& add(const session_config& config, uint64_t link_kbps, duration one_way = milliseconds(20)) {
    const std::string address = "10.0.0." + std::to_string(servers.size() + 1);
    servers.push_back(std::make_unique<linked_server>(loop, network, config.destination, address));
    servers.back()->host.delay = one_way;
    servers.back()->set_link(link_kbps);
    published.push_back(std::make_shared<snapshot<session_status>>());
    EXPECT_TRUE(sessions.create(config, published.back()).has_value());
    return *servers.back();
  }
  void run(duration span) { world.run_for(span); }
  session_status status(size_t index = 0) const { return published[index]->read(); }
  /// By the queue: without those from before the connection and its first keyframe.
  uint64_t drops(size_t index = 0) const {
    const drop_counters dropped = status(index).dropped;
    uint64_t sum = dropped.total();
    for (const auto& kind : dropped.count) {
      sum -=
          kind[static_cast<size_t>(drop_reason::before_start)] + kind[static_cast<size_t>(drop_reason::not_connected)];
    }
    return sum;
  }
  uint64_t p99_delay_ms() {
    std::sort(delays_ms.begin(), delays_ms.end());
    return delays_ms.empty() ? 0 : delays_ms[delays_ms.size() * 99 / 100];
  }

 private:
  void look() {
    m_look->arm_after(milliseconds(100));
    if (published.empty()) return;
    const session_status now = status();
    if (is_gathering) delays_ms.push_back(now.queue_ms);
    if (std::getenv("CAMPUSH_TRACE_BITRATE") != nullptr) {
      std::printf("%.1f link %llu encoder %u queue %llu ms drops %llu rate %llu\n",
                  static_cast<double>((world.now() - time_point(seconds(1000))).count()) / 1e6,
                  static_cast<unsigned long long>(servers[0]->host.rate_bytes_per_s / kbit), camera.kbps(),
                  static_cast<unsigned long long>(now.queue_ms), static_cast<unsigned long long>(drops()),
                  static_cast<unsigned long long>(now.bitrate_current_bps / 1000));
    }
  }
  std::unique_ptr<loop_timer> m_look = loop.make_timer([this] { look(); });
};

TEST(adaptive_bitrate, follows_a_link_that_narrows_and_widens) {
  adaptive_site site;
  linked_server& server = site.add("a", 8000);
  site.camera.start();
  site.run(seconds(20));
  EXPECT_EQ(site.camera.kbps(), 4000u);
  EXPECT_EQ(site.drops(), 0u);

  server.set_link(1500);
  site.run(seconds(5));
  site.is_gathering = true;
  site.run(seconds(55));
  EXPECT_LT(site.camera.kbps(), 1700u);

  server.set_link(8000);
  site.run(seconds(60));
  EXPECT_EQ(site.camera.kbps(), 4000u);
  EXPECT_EQ(site.status().bitrate_target_kbps, 4000u);
  EXPECT_LT(site.p99_delay_ms(), 1000u);
  EXPECT_EQ(server.missing_references(), 0u);
  EXPECT_GT(server.pictures(), 3000u);
  EXPECT_EQ(site.status().connects, 1u);
}

TEST(adaptive_bitrate, drops_beside_it_never_break_a_reference) {
  obeying_encoder::options source;
  source.has_disposables = true;
  source.reacts_after = seconds(2);
  adaptive_site site(source);
  linked_server& server = site.add("a", 8000);
  site.camera.start();
  for (const uint64_t kbps : {8000u, 1500u, 3000u, 700u, 8000u}) {
    server.set_link(kbps);
    site.run(seconds(30));
  }
  EXPECT_GT(site.drops(), 0u);
  EXPECT_EQ(server.missing_references(), 0u);
  EXPECT_EQ(site.status().connects, 1u);
}

TEST(adaptive_bitrate, a_round_trip_of_600_ms_without_congestion_costs_nothing) {
  adaptive_site site;
  linked_server& server = site.add("a", 20'000, milliseconds(300));
  site.camera.start();
  site.run(seconds(120));
  EXPECT_EQ(site.drops(), 0u);
  EXPECT_EQ(site.camera.bitrate_requests(), 0u);
  EXPECT_EQ(site.camera.kbps(), 4000u);
  EXPECT_EQ(server.missing_references(), 0u);
}

TEST(adaptive_bitrate, the_grace_of_a_long_way_begins_when_the_server_takes_media) {
  adaptive_site site;
  linked_server& server = site.add("a", 3200, milliseconds(300));
  site.camera.start();
  ASSERT_TRUE(site.world.run_until_true([&site] { return site.status().connects == 1; }, seconds(10)));
  // As slow start would: less than the encoder makes, nearly to the end of ten round trips.
  site.run(milliseconds(4900));
  server.set_link(20'000);
  site.run(seconds(20));
  EXPECT_EQ(site.drops(), 0u);
  EXPECT_EQ(site.camera.kbps(), 4000u);
}

TEST(adaptive_bitrate, the_slower_of_two_sessions_decides_until_it_is_gone) {
  adaptive_site site;
  site.add("a", 8000);
  site.add("b", 2000);
  site.camera.start();
  site.run(seconds(20));
  EXPECT_LT(site.camera.kbps(), 2000u);
  EXPECT_EQ(site.status(0).bitrate_target_kbps, site.status(1).bitrate_target_kbps);
  EXPECT_EQ(site.drops(0), 0u);
  ASSERT_TRUE(site.sessions.destroy("b").has_value());
  site.run(seconds(1));
  EXPECT_EQ(site.camera.kbps(), 4000u);
}

TEST(adaptive_bitrate, the_vote_of_a_session_that_lost_its_server_is_forgotten) {
  adaptive_site site;
  site.add("a", 8000);
  linked_server& slow = site.add("b", 2000);
  site.camera.start();
  site.run(seconds(20));
  ASSERT_LT(site.camera.kbps(), 2000u);
  slow.server.stop();
  site.run(seconds(2));
  EXPECT_EQ(site.camera.kbps(), 4000u);
}

TEST(adaptive_bitrate, a_secondary_session_does_not_count) {
  adaptive_site site;
  site.add("a", 8000);
  session_config second = site.config_of("b");
  second.is_secondary = true;
  linked_server& slow = site.add(second, 1500);
  site.camera.start();
  site.run(seconds(60));
  EXPECT_EQ(site.camera.bitrate_requests(), 0u);
  EXPECT_GT(site.drops(1), 0u);
  EXPECT_EQ(slow.missing_references(), 0u);
}

TEST(adaptive_bitrate, stops_at_its_floor) {
  adaptive_site site;
  session_config config = site.config_of("a");
  config.adaptive_bitrate.floor_kbps = 2000;
  linked_server& server = site.add(config, 1000);
  site.camera.start();
  site.run(seconds(60));
  EXPECT_EQ(site.camera.kbps(), 2000u);
  EXPECT_EQ(server.missing_references(), 0u);
}

TEST(adaptive_bitrate, is_off_unless_asked_for) {
  adaptive_site site;
  session_config config = site.config_of("a");
  config.adaptive_bitrate.enabled = false;
  site.add(config, 1500);
  site.camera.start();
  site.run(seconds(60));
  EXPECT_EQ(site.camera.bitrate_requests(), 0u);
  EXPECT_EQ(site.status().adaptive_bitrate, bitrate_control::off);
}

TEST(adaptive_bitrate, a_source_that_cannot_is_asked_once_and_status_says_so) {
  obeying_encoder::options source;
  source.bitrate_outcome = control_outcome::unsupported;
  adaptive_site site(source);
  linked_server& server = site.add("a", 1500);
  site.camera.start();
  site.run(seconds(120));
  EXPECT_EQ(site.camera.bitrate_requests(), 1u);
  EXPECT_EQ(site.status().adaptive_bitrate, bitrate_control::unsupported);
  EXPECT_EQ(site.status().bitrate_target_kbps, 0u);
  EXPECT_EQ(server.missing_references(), 0u);
}

TEST(adaptive_bitrate, an_encoder_that_does_not_obey_is_named_and_not_driven_down) {
  obeying_encoder::options source;
  source.obeys = false;
  adaptive_site site(source);
  linked_server& server = site.add("a", 2500);
  site.camera.start();
  site.run(seconds(180));
  EXPECT_EQ(site.status().adaptive_bitrate, bitrate_control::ignored);
  EXPECT_GE(site.status().bitrate_target_kbps, 1400u);
  EXPECT_LE(site.camera.bitrate_requests(), 12u);
  EXPECT_EQ(server.missing_references(), 0u);
}

TEST(adaptive_bitrate, goes_on_where_it_stood_after_a_reconnect) {
  adaptive_site site;
  linked_server& server = site.add("a", 1500);
  site.camera.start();
  site.run(seconds(20));
  ASSERT_LT(site.camera.kbps(), 1700u);
  server.server.kill_all_connections();
  site.run(seconds(4));
  EXPECT_EQ(site.status().connects, 2u);
  EXPECT_LT(site.camera.kbps(), 1700u);
}

}  // namespace
}  // namespace campush
