#include <gtest/gtest.h>

#include "fakes/fake_agent_control.h"
#include "fakes/obeying_encoder.h"
#include "net/connector.h"
#include "net/memory_network.h"
#include "net/simulated_loop.h"
#include "rtmp/native_publisher.h"
#include "rtmp/session_manager.h"
#include "server/api.h"
#include "server/metrics.h"
#include "server/rtmp_server.h"

namespace campush {
namespace {

using std::chrono::seconds;

constexpr const char* secrets[] = {"userCaracal21", "pwZebra4471", "queryQuagga9983", "longkeyIbex1234567890abcdef"};

TEST(status_secrets, no_surface_shows_one_whatever_the_server_does) {
  simulation world;
  simulated_loop loop(world);
  memory_network network(world);
  memory_resolver names(network);
  connector ways(loop, network, names);
  native_publisher_factory publishers(loop, ways);
  network.add_host("a", {"10.0.0.1"});
  rtmp_server_options options;
  options.listen = *parse_endpoint("10.0.0.1", 1935);
  rtmp_server server(loop, network, options);
  ASSERT_TRUE(server.start().has_value());
  media_stream stream({0, 0}, "main", loop, media_stream_options{});
  obeying_encoder camera(loop, stream, {});
  session_pool pool(loop, publishers);
  session_manager sessions(stream, pool);
  sessions.set_control(camera.control());
  session_config config;
  config.urls = {"rtmp://userCaracal21:pwZebra4471@a/live/longkeyIbex1234567890abcdef?auth=queryQuagga9983"};
  config.adaptive_bitrate.enabled = true;
  config.encoder_kbps = 4000;
  config.retry_policy.max_attempts = 0;
  const auto published = std::make_shared<snapshot<session_status>>();
  ASSERT_TRUE(sessions.create(config, published).has_value());
  camera.start();

  rtmp_server_faults denied, refused, bad_name;
  denied.deny_connect = true;
  refused.deny_publish = true;
  bad_name.bad_name = true;
  uint64_t connects = 0;
  for (const rtmp_server_faults& faults : {rtmp_server_faults{}, denied, refused, bad_name, rtmp_server_faults{}}) {
    server.set_faults(faults);
    server.kill_all_connections();
    ASSERT_TRUE(sessions.retry("default").has_value());
    for (int second = 0; second < 10; ++second) {
      world.run_for(seconds(1));
      fake_agent_control agent;
      agent.all = {published->read()};
      connects = agent.all[0].connects;
      const std::string shown = session_json(agent.all[0], world.now()) + render_metrics(agent);
      for (const char* secret : secrets) EXPECT_EQ(shown.find(secret), std::string::npos) << shown;
    }
  }
  EXPECT_GE(connects, 1u);
}

}  // namespace
}  // namespace campush
