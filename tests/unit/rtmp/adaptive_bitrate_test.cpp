#include "unit/rtmp/adaptive_site.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

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
