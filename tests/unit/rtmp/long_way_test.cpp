#include "unit/rtmp/adaptive_site.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr duration one_way = milliseconds(300), round_trip = 2 * one_way;
constexpr uint64_t segment = 1460;
constexpr uint64_t wide_kbps = 20'000;

/// One camera of 4 Mbit/s, and a server that is 600 ms of round trip away.
struct long_way {
  adaptive_site site;
  linked_server& server;

  explicit long_way(uint64_t link_kbps = wide_kbps, bool is_adaptive = true)
      : server(site.add(config(is_adaptive), link_kbps, one_way)) {
    site.camera.start();
  }
  session_config config(bool is_adaptive) const {
    session_config config = site.config_of("a");
    config.adaptive_bitrate.enabled = is_adaptive;
    return config;
  }
  void until_connected() {
    ASSERT_TRUE(site.world.run_until_true([this] { return site.status().connects == 1; }, seconds(10)));
  }
  /// What Linux was seen to do: TCP doubles what it sends each round trip from ten segments on, and the receiver's window stays at
  /// 64 KiB for `small_for` before it doubles, too.
  void open_window(int small_for) {
    server.host.window_bytes = 10 * segment;
    until_connected();
    uint64_t congestion_window = 10 * segment, receive_window = 64 * 1024;
    for (int round = 0; round < 20; ++round) {
      server.host.window_bytes = std::min(congestion_window, receive_window);
      site.run(round_trip);
      congestion_window *= 2;
      if (round >= small_for) receive_window *= 2;
    }
    server.host.window_bytes = 0;
  }
  /// As BBR does to measure its way: every 10 s nothing but four segments a round trip, for two round trips and a bit.
  void run_with_pauses(int count, uint64_t link_kbps) {
    for (int i = 0; i < count; ++i) {
      server.set_link(link_kbps);
      site.run(milliseconds(8700));
      server.host.rate_bytes_per_s = 4 * segment * 1000 / 600;
      site.run(milliseconds(1300));
    }
    server.set_link(link_kbps);
    site.run(seconds(5));
  }
  void expect_untouched() {
    EXPECT_EQ(site.drops(), 0u);
    EXPECT_EQ(site.camera.bitrate_requests(), 0u);
    EXPECT_EQ(site.camera.kbps(), 4000u);
    EXPECT_EQ(server.missing_references(), 0u);
    EXPECT_EQ(site.status().connects, 1u);
  }
};

TEST(long_way, slow_start_is_no_congestion) {
  long_way way;
  way.open_window(0);
  way.expect_untouched();
}

TEST(long_way, a_window_that_stays_small_for_a_while_is_no_congestion) {
  for (const int small_for : {4, 6, 8}) {
    SCOPED_TRACE(small_for);
    long_way way;
    way.open_window(small_for);
    way.site.run(seconds(30));
    way.expect_untouched();
  }
}

TEST(long_way, pauses_of_tcp_are_no_congestion) {
  for (const uint64_t kbps : {20'000u, 8000u, 6000u, 5000u}) {
    SCOPED_TRACE(kbps);
    long_way way(kbps);
    way.until_connected();
    way.run_with_pauses(10, kbps);
    way.expect_untouched();
  }
}

// Congestion is seen all the same.

TEST(long_way, the_bitrate_follows_a_link_that_narrows_and_widens) {
  long_way way(8000);
  way.site.run(seconds(20));
  way.expect_untouched();
  way.server.set_link(1500);
  way.site.run(seconds(8));
  EXPECT_LT(way.site.camera.kbps(), 1700u);
  way.site.is_gathering = true;
  way.site.run(seconds(52));
  EXPECT_LT(way.site.camera.kbps(), 1700u);
  EXPECT_LT(way.site.p99_delay_ms(), 1500u);
  way.server.set_link(8000);
  way.site.run(seconds(75));
  EXPECT_EQ(way.site.camera.kbps(), 4000u);
  EXPECT_EQ(way.server.missing_references(), 0u);
  EXPECT_EQ(way.site.status().connects, 1u);
}

TEST(long_way, the_bitrate_follows_a_link_that_is_narrow_and_pauses) {
  long_way way(8000);
  way.until_connected();
  way.run_with_pauses(2, 8000);
  way.run_with_pauses(2, 2000);
  EXPECT_LT(way.site.camera.kbps(), 2100u);
  EXPECT_EQ(way.server.missing_references(), 0u);
}

TEST(long_way, the_queue_drops_where_the_bitrate_does_not_follow) {
  long_way way(8000, false);
  way.site.run(seconds(20));
  way.server.set_link(1500);
  way.site.run(seconds(4));
  EXPECT_GT(way.site.drops(), 0u);
  way.site.is_gathering = true;
  way.site.run(seconds(56));
  EXPECT_LT(way.site.p99_delay_ms(), 3500u);
  EXPECT_EQ(way.server.missing_references(), 0u);
}

TEST(long_way, a_link_that_is_too_narrow_from_the_start_is_found_out) {
  long_way way(1500);
  way.until_connected();
  way.site.run(seconds(12));
  EXPECT_LT(way.site.camera.kbps(), 1700u);
  EXPECT_EQ(way.site.status().connects, 1u);
  way.site.is_gathering = true;
  way.site.run(seconds(60));
  EXPECT_LT(way.site.p99_delay_ms(), 1500u);
  EXPECT_EQ(way.server.missing_references(), 0u);
}

TEST(long_way, a_server_that_reads_too_slowly_is_found_out) {
  long_way way;
  way.server.host.window_bytes = 100'000;
  way.until_connected();
  way.site.run(seconds(18));
  EXPECT_GT(way.site.drops(), 0u);
  EXPECT_LT(way.site.camera.kbps(), 1700u);
  EXPECT_EQ(way.site.status().connects, 1u);
  EXPECT_EQ(way.server.missing_references(), 0u);
}

}  // namespace
}  // namespace campush
