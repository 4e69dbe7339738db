#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "fakes/obeying_encoder.h"
#include "net/memory_network.h"
#include "net/simulated_loop.h"
#include "rtmp/native_publisher.h"
#include "rtmp/session_manager.h"
#include "server/rtmp_server.h"

namespace campush {

constexpr uint64_t kbit = 125;  ///< bytes

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
    m_look->arm_after(std::chrono::milliseconds(100));
  }
  session_config config_of(const std::string& destination) const {
    session_config config;
    config.destination = destination;
    config.urls = {"rtmp://" + destination + "/live/cam0_main"};
    config.adaptive_bitrate.enabled = true;
    config.encoder_kbps = camera.settings.kbps;
    return config;
  }
  linked_server& add(const std::string& destination, uint64_t link_kbps,
                     duration one_way = std::chrono::milliseconds(20)) {
    return add(config_of(destination), link_kbps, one_way);
  }
  linked_server& add(const session_config& config, uint64_t link_kbps,
                     duration one_way = std::chrono::milliseconds(20)) {
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
    m_look->arm_after(std::chrono::milliseconds(100));
    if (published.empty()) return;
    const session_status now = status();
    if (is_gathering) delays_ms.push_back(now.queue_ms);
    if (std::getenv("CAMPUSH_TRACE_BITRATE") != nullptr) {
      std::printf("%.1f link %llu encoder %u queue %llu ms drops %llu rate %llu\n",
                  static_cast<double>((world.now() - time_point(std::chrono::seconds(1000))).count()) / 1e6,
                  static_cast<unsigned long long>(servers[0]->host.rate_bytes_per_s / kbit), camera.kbps(),
                  static_cast<unsigned long long>(now.queue_ms), static_cast<unsigned long long>(drops()),
                  static_cast<unsigned long long>(now.bitrate_current_bps / 1000));
    }
  }
  std::unique_ptr<loop_timer> m_look = loop.make_timer([this] { look(); });
};

}  // namespace campush
