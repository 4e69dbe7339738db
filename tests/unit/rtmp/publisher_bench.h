#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/memory_network.h"
#include "net/simulated_loop.h"
#include "rtmp/native_publisher.h"
#include "rtmp/tag_pool.h"
#include "server/rtmp_server.h"

namespace campush {

/// Publishes by itself as a session would, and remembers what it heard.
struct listening_session final : publisher_events {
  publisher* output = nullptr;
  bool publishes = true;
  std::string phases;
  bool is_ready = false, is_published = false, is_over = false;
  size_t writable_calls = 0;
  disconnect_reason reason = disconnect_reason::none;
  std::string text;

  std::vector<server_capabilities> answers;
  std::vector<std::string> reconnect_requests, redirects;

  void on_phase(connect_phase phase) override { phases += std::string(phases.empty() ? "" : " ") + phase_name(phase); }
  void on_ready_to_publish() override {
    is_ready = true;
    if (publishes) output->publish();
  }
  void on_server_answer(const server_capabilities& answer) override {
    EXPECT_FALSE(is_ready);
    answers.push_back(answer);
  }
  void on_reconnect_request(std::string_view tc_url) override { reconnect_requests.emplace_back(tc_url); }
  void on_redirect(std::string_view tc_url) override {
    EXPECT_FALSE(is_over);
    redirects.emplace_back(tc_url);
  }
  void on_published() override { is_published = true; }
  void on_writable() override { ++writable_calls; }
  void on_failed(disconnect_reason why, std::string_view words) override {
    is_over = true;
    reason = why;
    text = words;
  }
};

/// What the server took, in order.
struct taken_tags final : rtmp_server_listener {
  std::vector<uint32_t> times;
  std::vector<size_t> sizes;
  void on_tag(const rtmp_stream_stats&, const received_tag& tag) override {
    times.push_back(tag.timestamp_ms);
    sizes.push_back(tag.payload.size());
  }
};

struct publisher_bench {
  simulation world;
  simulated_loop loop{world};
  memory_network network{world};
  memory_resolver names{network};
  memory_host& host = network.add_host("server", {"10.0.0.1"});
  taken_tags taken;
  rtmp_server server;
  connector ways{loop, network, names};
  native_publisher_factory factory{loop, ways};
  listening_session heard;
  std::unique_ptr<publisher> subject;
  tag_pool pool;

  explicit publisher_bench(rtmp_server_options options = {}) : server(loop, network, listening(options), &taken) {
    EXPECT_TRUE(server.start().has_value());
  }
  static rtmp_server_options listening(rtmp_server_options options) {
    options.listen = *parse_endpoint("10.0.0.1", 1935);
    return options;
  }

  void make(const char* url = "rtmp://server/live/secretkey", enhanced_request enhanced = {}) {
    publish_target target;
    target.url = *stream_url::parse(url);
    target.enhanced = enhanced;
    heard = listening_session{};
    subject = factory.make(target, heard);
    heard.output = subject.get();
  }
  void start(const char* url = "rtmp://server/live/secretkey", enhanced_request enhanced = {}) {
    make(url, enhanced);
    subject->start();
  }
  void publish() {
    start();
    world.run_for(std::chrono::milliseconds(200));
    ASSERT_TRUE(heard.is_published) << heard.text;
  }
  outgoing_tag picture(size_t bytes, uint32_t time_ms) {
    auto made = pool.make(bytes);
    std::fill(made.body, made.body + bytes, uint8_t{0x11});
    made.tag->kind = tag_kind::video;
    made.tag->codec = codec_id::h264;
    made.tag->heads[0].size = made.tag->heads[1].size = 5;
    made.tag->heads[0].bytes = made.tag->heads[1].bytes = {0x27, 1, 0, 0, 0};
    return {made.tag, time_ms};
  }
};

}  // namespace campush
