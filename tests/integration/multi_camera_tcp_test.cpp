#include <gtest/gtest.h>

#include <cstdlib>
#include <future>
#include <thread>

#include "integration/multi_camera.h"
#include "net/asio_event_loop.h"
#include "net/system_resolver.h"
#include "net/tcp_network.h"
#include "rtmp/native_publisher.h"
#include "rtmp/publisher_switch.h"
#include "util/log.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using namespace test;

/// A loop with its thread.
class running_loop {
 public:
  asio_event_loop loop;
  tcp_network network{loop};

  running_loop() : m_thread([this] { loop.run(); }) {}
  ~running_loop() { end(); }
  /// What belongs to the loop is destroyed behind its thread, as the agent does it.
  void end() {
    if (!m_thread.joinable()) return;
    loop.stop();
    m_thread.join();
  }
  /// Runs `work` on the loop and waits for what it returns.
  template <class Work>
  auto call(Work work) {
    auto task = std::make_shared<std::packaged_task<decltype(work())()>>(std::move(work));
    auto outcome = task->get_future();
    loop.post([task] { (*task)(); });
    return outcome.get();
  }

 private:
  std::thread m_thread;
};

struct publishing_loop : running_loop {
  system_resolver names{loop};
  connector ways{loop, network, names};
  native_publisher_factory native{loop, ways};
  publisher_switch publishers{native, loop, ways};
  ~publishing_loop() { end(); }
};

/// CAMPUSH_BACKEND says what speaks to the servers; without it the native engine does.
publish_backend chosen_backend() {
  const char* const given = std::getenv("CAMPUSH_BACKEND");
  return given != nullptr && std::string(given) == "librtmp" ? publish_backend::librtmp : publish_backend::native;
}

/// When the first keyframe of a server came, for the measurement of a failover.
struct keyframe_watch final : rtmp_server_listener {
  system_clock time;
  std::atomic<int64_t> first_keyframe_us{0};
  void on_tag(const rtmp_stream_stats&, const received_tag& tag) override {
    if (tag.kind != received_kind::video || !tag.is_keyframe || first_keyframe_us != 0) return;
    first_keyframe_us = time.now().time_since_epoch().count();
  }
};

/// RTMP servers on loopback, all on one loop, each keeping its port when it is started again.
class tcp_servers {
 public:
  running_loop home;

  explicit tcp_servers(size_t count, rtmp_server_listener* last_listener = nullptr) {
    home.call([&] {
      for (size_t i = 0; i < count; ++i) {
        rtmp_server_options options;
        options.listen = *parse_endpoint("127.0.0.1", 0);
        options.max_ended_streams = 100'000;
        m_servers.push_back(
            std::make_unique<rtmp_server>(home.loop, home.network, options, i + 1 == count ? last_listener : nullptr));
        const result<endpoint> address = m_servers.back()->start();
        EXPECT_TRUE(address.has_value());
        m_ports.push_back(address ? address->port : uint16_t{0});
      }
      return 0;
    });
  }
  ~tcp_servers() {
    home.call([this] {
      m_servers.clear();
      return 0;
    });
  }
  std::string url(size_t index, const std::string& path) const {
    return "rtmp://127.0.0.1:" + std::to_string(m_ports[index]) + path;
  }
  template <class Work>
  auto with(size_t index, Work work) {
    return home.call([this, index, work] { return work(*m_servers[index]); });
  }
  size_t size() const noexcept { return m_servers.size(); }
  void heal(size_t index) {
    with(index, [](rtmp_server& server) {
      server.set_faults({});
      return !server.is_listening() && !server.start().has_value() ? 1 : 0;
    });
  }
  picture_totals pictures() {
    return home.call([this] {
      picture_totals totals;
      for (const auto& each : m_servers) totals.add(*each);
      return totals;
    });
  }

 private:
  std::vector<std::unique_ptr<rtmp_server>> m_servers;
  std::vector<uint16_t> m_ports;
};

/// The agent's part: loops, manager, cameras with their threads.
class tcp_site {
 public:
  std::vector<std::unique_ptr<publishing_loop>> loops;
  std::unique_ptr<multi_session_manager> sessions;
  std::vector<std::unique_ptr<camera_instance>> cameras;
  system_clock time;

  explicit tcp_site(size_t loop_count) {
    std::vector<loop_services> services;
    for (size_t i = 0; i < loop_count; ++i) {
      loops.push_back(std::make_unique<publishing_loop>());
      services.push_back({&loops.back()->loop, &loops.back()->publishers});
    }
    sessions = std::make_unique<multi_session_manager>(services, media_stream_options{});
  }
  ~tcp_site() {
    for (auto& camera : cameras) camera->stop();
    sessions.reset();
  }
  void add_camera(uint32_t camera_id) {
    cameras.push_back(std::make_unique<camera_instance>(tiny_camera(camera_id), time, default_source_factory(),
                                                        attach_to(*sessions)));
    cameras.back()->start();
  }
  /// Lets the others run for a while.
  void pause(duration span) const { m_pause->run_one_for(span); }
  template <class Predicate>
  bool wait_for(Predicate is_met, duration limit) const {
    const time_point end = time.now() + limit;
    while (!is_met()) {
      if (time.now() >= end) return false;
      pause(milliseconds(5));
    }
    return true;
  }
  bool is_all_connected() const {
    for (const session_status& status : sessions->status()) {
      if (status.state != session_state::connected) return false;
    }
    return true;
  }

 private:
  std::unique_ptr<asio_event_loop> m_pause = std::make_unique<asio_event_loop>();
};

void harm(tcp_servers& servers, size_t victim, seeded_random& random) {
  const uint64_t what = random.between(0, 5);
  servers.with(victim, [what](rtmp_server& server) {
    rtmp_server_faults faults;
    switch (what) {
      case 0:
      case 1: server.stop(); break;
      case 2: server.kill_all_connections(); break;
      case 3: server.unpublish("live", ""); break;
      case 4:
        faults.silent_after_accept = true;
        server.set_faults(faults);
        server.kill_all_connections();
        break;
      default:
        faults.read_bytes_per_s = 2'000;
        server.set_faults(faults);
        server.kill_all_connections();
        break;
    }
    return 0;
  });
}

session_config quick_config(uint32_t camera, uint32_t stream, uint32_t destination, const tcp_servers& servers) {
  session_config config;
  config.backend = chosen_backend();
  config.camera_id = camera;
  config.stream_id = stream;
  config.destination = destination == 0 ? "default" : "second";
  const std::string path = "/live/cam" + std::to_string(camera) + "_" + std::to_string(stream);
  config.urls = {url_entry(servers.url(destination * 2, path)), url_entry(servers.url(destination * 2 + 1, path))};
  config.retry_policy.max_attempts = 0;
  config.retry_policy.initial_delay = milliseconds(200);
  config.retry_policy.max_delay = seconds(2);
  config.retry_policy.stable = seconds(2);
  config.failback.after = seconds(3);
  config.timeouts.handshake = seconds(2);
  return config;
}

TEST(multi_camera_tcp, sessions_survive_dying_servers_over_real_tcp) {
  const char* const given = std::getenv("CAMPUSH_SOAK_SECONDS");
  const seconds span(given != nullptr ? std::strtoll(given, nullptr, 10) : 20);
  set_log_level(log_level::error);
  seeded_random random(20260807);
  tcp_servers servers(4);
  tcp_site site(2);
  for (uint32_t camera = 0; camera < camera_count; ++camera) {
    site.add_camera(camera);
    for (uint32_t stream = 0; stream < streams_per_camera; ++stream) {
      for (uint32_t destination = 0; destination < destination_count; ++destination) {
        const auto made = site.sessions->create_session(quick_config(camera, stream, destination, servers));
        ASSERT_TRUE(made.has_value()) << made.error().message;
      }
    }
  }
  EXPECT_TRUE(site.wait_for([&] { return site.is_all_connected(); }, seconds(60)));

  const time_point end = site.time.now() + span;
  while (site.time.now() < end) {
    const size_t victim = random.between(0, servers.size() - 1);
    harm(servers, victim, random);
    site.pause(milliseconds(random.between(50, 2'000)));
    servers.heal(victim);
    site.pause(milliseconds(random.between(50, 1'500)));
  }
  for (size_t i = 0; i < servers.size(); ++i) servers.heal(i);
  EXPECT_TRUE(site.wait_for([&] { return site.is_all_connected(); }, seconds(60)));

  const picture_totals totals = servers.pictures();
  EXPECT_EQ(totals.missing_references, 0u);
  EXPECT_EQ(totals.backward_steps, 0u);
  EXPECT_GT(totals.publishes, 16u);
  RecordProperty("publishes", static_cast<int>(totals.publishes));
  RecordProperty("pictures", static_cast<int>(totals.pictures));

  std::promise<void> done;
  const time_point asked_at = site.time.now();
  site.sessions->shutdown(seconds(2), [&done] { done.set_value(); });
  done.get_future().wait();
  // Who waited for a server or for librtmp's thread would wait for 8 s or 30 s.
  EXPECT_LE(site.time.now() - asked_at, seconds(6));
}

TEST(multi_camera_tcp, a_killed_primary_is_followed_by_a_keyframe_on_the_backup) {
  keyframe_watch watch;
  tcp_servers servers(2, &watch);
  tcp_site site(1);
  site.add_camera(0);
  session_config config;
  config.backend = chosen_backend();
  config.urls = {url_entry(servers.url(0, "/live/x")), url_entry(servers.url(1, "/live/x"))};
  ASSERT_TRUE(site.sessions->create_session(config).has_value());
  ASSERT_TRUE(site.wait_for([&] { return site.is_all_connected(); }, seconds(60)));
  site.pause(milliseconds(1500));
  const time_point killed_at = site.time.now();
  servers.with(0, [](rtmp_server& server) {
    server.stop();
    return 0;
  });
  ASSERT_TRUE(site.wait_for([&] { return watch.first_keyframe_us != 0; }, seconds(60)));
  const int64_t took_us = watch.first_keyframe_us - killed_at.time_since_epoch().count();
  RecordProperty("failover_us", static_cast<int>(took_us));
  EXPECT_LT(took_us, 5'000'000);
}

TEST(multi_camera_tcp, publishes_over_ipv6) {
  running_loop home;
  rtmp_server_options options;
  options.listen = *parse_endpoint("::1", 0);
  std::unique_ptr<rtmp_server> server;
  const result<endpoint> address = home.call([&] {
    server = std::make_unique<rtmp_server>(home.loop, home.network, options);
    return server->start();
  });
  if (!address) GTEST_SKIP() << "no IPv6 here: " << address.error().message;
  {
    tcp_site site(1);
    site.add_camera(0);
    session_config config;
    config.backend = chosen_backend();
    config.urls = {url_entry("rtmp://[::1]:" + std::to_string(address->port) + "/live/x")};
    ASSERT_TRUE(site.sessions->create_session(config).has_value());
    EXPECT_TRUE(site.wait_for([&] { return site.is_all_connected(); }, seconds(60)));
  }
  home.call([&] {
    server.reset();
    return 0;
  });
}

TEST(multi_camera_tcp, the_embedded_instance_publishes_with_a_loop_of_its_own) {
  tcp_servers servers(1);
  system_clock time;
  asio_event_loop pause;
  const std::shared_ptr<multi_session_manager> manager = multi_session_manager::instance();
  EXPECT_EQ(manager, multi_session_manager::instance());
  session_config config;
  config.backend = chosen_backend();
  config.urls = {url_entry(servers.url(0, "/live/x"))};
  const auto id = manager->create_session(config);
  ASSERT_TRUE(id.has_value());
  {
    camera_instance camera(tiny_camera(0), time, default_source_factory(), attach_to(*manager));
    camera.start();
    const time_point end = time.now() + seconds(60);
    while (manager->find(*id)->state != session_state::connected && time.now() < end) {
      pause.run_one_for(milliseconds(5));
    }
    EXPECT_EQ(manager->find(*id)->state, session_state::connected);
    camera.stop();
  }
  EXPECT_TRUE(manager->destroy_session(*id).has_value());
}

}  // namespace
}  // namespace campush
