#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/asio_event_loop.h"
#include "net/system_resolver.h"
#include "net/tcp_network.h"
#include "rtmp/librtmp_publisher.h"
#include "rtmp/tag_pool.h"

namespace campush::test {

/// What one publisher said; publishes as soon as it may.
struct librtmp_listener final : publisher_events {
  publisher* output = nullptr;
  bool publishes = true;
  std::string phases, text;
  bool is_ready = false, is_published = false, has_failed = false;
  disconnect_reason reason = disconnect_reason::none;
  size_t writable_calls = 0;

  void on_phase(connect_phase phase) override {
    if (!phases.empty()) phases += ' ';
    phases += phase_name(phase);
  }
  void on_ready_to_publish() override {
    is_ready = true;
    if (publishes) output->publish();
  }
  void on_published() override { is_published = true; }
  void on_writable() override { ++writable_calls; }
  void on_failed(disconnect_reason why, std::string_view words) override {
    EXPECT_FALSE(has_failed) << "on_failed is the last event";
    has_failed = true;
    reason = why;
    text = words;
  }
};

/// A loop, run by the test itself, with real sockets on loopback and publishers by librtmp.
class librtmp_bench {
 public:
  asio_event_loop loop;
  tcp_network network{loop};
  system_resolver names{loop};
  connector ways{loop, network, names};
  librtmp_publisher_factory factory{loop, ways};
  librtmp_listener heard;
  std::unique_ptr<publisher> subject;
  tag_pool pool;

  void make(const std::string& url, std::chrono::milliseconds patience = std::chrono::seconds(30)) {
    publish_target target;
    target.url = *stream_url::parse(url);
    target.handshake_timeout = patience;
    subject.reset();
    heard = librtmp_listener{};
    subject = factory.make(target, heard);
    heard.output = subject.get();
  }
  void start(const std::string& url, std::chrono::milliseconds patience = std::chrono::seconds(30)) {
    make(url, patience);
    subject->start();
  }
  template <class Predicate>
  bool wait_for(Predicate is_met, duration limit = std::chrono::seconds(60)) {
    const time_point end = loop.now() + limit;
    while (!is_met()) {
      if (loop.now() >= end) return false;
      loop.run_one_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  bool wait_until_failed() {
    return wait_for([this] { return heard.has_failed; });
  }
  outgoing_tag picture(size_t bytes, uint32_t time_ms) {
    auto made = pool.make(bytes);
    for (size_t i = 0; i < bytes; ++i) made.body[i] = static_cast<uint8_t>(i * 7);
    made.tag->kind = tag_kind::video;
    made.tag->codec = codec_id::h264;
    made.tag->heads[0].size = made.tag->heads[1].size = 5;
    made.tag->heads[0].bytes = made.tag->heads[1].bytes = {0x27, 1, 0, 0, 0};
    return {made.tag, time_ms};
  }
};

}  // namespace campush::test
