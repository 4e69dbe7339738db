#pragma once

#include <gtest/gtest.h>

#include "fakes/scripted_links.h"
#include "integration/multi_camera.h"
#include "net/memory_network.h"
#include "net/simulated_loop.h"
#include "rtmp/native_publisher.h"

namespace campush::test {

/// One machine with one RTMP server in the simulated network.
struct simulated_server {
  memory_host& host;
  rtmp_server server;

  simulated_server(event_loop& loop, memory_network& network, const std::string& name,
                   const rtmp_server_options& options, rtmp_server_listener* listener)
      : host(network.add_host(name, {options.listen.address_text()})), server(loop, network, options, listener) {
    EXPECT_TRUE(server.start().has_value());
  }
  void heal() {
    host.is_down = host.blackhole_connects = host.stop_delivering = false;
    host.dns = dns_behaviour::answers;
    host.rate_bytes_per_s = 0;
    host.loss = 0;
    server.set_faults({});
    if (!server.is_listening()) {
      server.stop();
      EXPECT_TRUE(server.start().has_value());
    }
  }
};

/// Cameras, manager, network and servers of one simulation.
class simulated_site {
 public:
  simulation world;
  simulated_loop loop{world};
  memory_network network{world};
  memory_resolver names{network};
  connector ways{loop, network, names};
  native_publisher_factory publishers{loop, ways};
  std::vector<std::unique_ptr<simulated_server>> servers;
  scripted_links links;
  std::unique_ptr<multi_session_manager> sessions = std::make_unique<multi_session_manager>(
      std::vector<loop_services>{{&loop, &publishers, &links}}, media_stream_options{});
  std::vector<std::unique_ptr<camera_instance>> cameras;

  explicit simulated_site(size_t server_count, size_t ended_streams = 100'000,
                          rtmp_server_listener* listener = nullptr) {
    for (size_t i = 0; i < server_count; ++i) {
      const std::string number = std::to_string(i);
      servers.push_back(std::make_unique<simulated_server>(
          loop, network, "s" + number, options_of("10.0.0." + std::to_string(i + 1), ended_streams), listener));
    }
  }
  ~simulated_site() {
    for (auto& camera : cameras) camera->stop();
    sessions.reset();
  }
  void add_camera(const camera_config& config) {
    cameras.push_back(
        std::make_unique<camera_instance>(config, world.time(), default_source_factory(), attach_to(*sessions)));
    cameras.back()->start(capture_drive::stepped);
  }
  void start_cameras() { m_capture->arm_after(duration(0)); }
  /// Nothing is captured until start_cameras().
  void pause_cameras() { m_capture->cancel(); }
  void create(const session_config& config) {
    const auto made = sessions->create_session(config);
    ASSERT_TRUE(made.has_value()) << made.error().message;
  }
  /// Every session, or the first one that is not connected.
  std::string not_connected() const {
    for (const session_status& status : sessions->status()) {
      if (status.state == session_state::connected && status.is_acknowledging) continue;
      return std::string(status.url.view()) + " " + state_name(status.state) + " " + reason_name(status.reason);
    }
    return {};
  }
  picture_totals pictures() const {
    picture_totals totals;
    for (const auto& each : servers) totals.add(each->server);
    return totals;
  }

 private:
  static rtmp_server_options options_of(const std::string& address, size_t ended_streams) {
    rtmp_server_options options;
    options.listen = *parse_endpoint(address, 1935);
    options.max_ended_streams = static_cast<uint32_t>(ended_streams);
    return options;
  }
  void step_cameras() {
    time_point next = time_point::max();
    for (auto& camera : cameras) next = std::min(next, camera->run_step());
    if (next != time_point::max()) m_capture->arm_at(next);
  }
  std::unique_ptr<loop_timer> m_capture = loop.make_timer([this] { step_cameras(); });
};

/// What can happen to a server, one at a time, for a while.
inline void harm(simulated_site& site, simulated_server& victim, seeded_random& random) {
  rtmp_server_faults faults;
  switch (random.between(0, 11)) {
    case 0:
    case 1:
    case 2: victim.server.stop(); break;
    case 3: victim.server.kill_all_connections(); break;
    case 4: site.network.reset_connections(victim.host); break;
    case 5: victim.host.stop_delivering = true; break;
    case 6:
      victim.host.dns = dns_behaviour::silent;
      victim.server.kill_all_connections();
      break;
    case 7:
      victim.host.blackhole_connects = true;
      site.network.reset_connections(victim.host);
      break;
    case 8: victim.host.is_down = true; break;
    case 9:
      faults.silent_after_connect = true;
      victim.server.set_faults(faults);
      victim.server.kill_all_connections();
      break;
    case 10: victim.host.rate_bytes_per_s = 3'000; break;
    case 11: victim.server.unpublish("live", ""); break;
    default: break;
  }
}

}  // namespace campush::test
