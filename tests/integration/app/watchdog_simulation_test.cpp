#include <gtest/gtest.h>

#include "app/service_watchdog.h"
#include "integration/simulated_site.h"

namespace campush::test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST(service_watchdog, is_fed_through_a_blackhole_of_10_minutes) {
  simulated_site site(1);
  site.add_camera(tiny_camera(0));
  session_config config;
  config.urls = {url_entry("rtmp://s0/live/x")};
  config.retry_policy.max_attempts = 0;
  site.create(config);
  watchdog_options options;
  options.interval = seconds(30);
  time_point last_fed = site.world.now();
  duration longest_silence{};
  service_watchdog watchdog(
      site.loop, options,
      [&](std::string_view message) {
        EXPECT_EQ(message, alive_message);
        longest_silence = std::max(longest_silence, site.world.now() - last_fed);
        last_fed = site.world.now();
      },
      [&site] { return site.cameras[0]->longest_step(site.world.now()); });
  watchdog.watch(site.loop, "io0");
  watchdog.start();
  site.start_cameras();
  site.world.run_for(seconds(5));
  ASSERT_EQ(site.not_connected(), "");

  site.servers[0]->host.stop_delivering = site.servers[0]->host.blackhole_connects = true;
  site.world.run_for(minutes(10));
  EXPECT_NE(site.not_connected(), "") << "the hole swallows everything";
  site.servers[0]->heal();
  site.world.run_for(minutes(3));
  EXPECT_EQ(site.not_connected(), "");
  EXPECT_LE(longest_silence, options.interval / 2);
}

}  // namespace
}  // namespace campush::test
