#include <gtest/gtest.h>

#include "fakes/allocation_count.h"
#include "net/simulated_loop.h"
#include "rtmp/native_publisher.h"
#include "rtmp/protocol/server_dialogue.h"
#include "rtmp/session_manager.h"
#include "unit/rtmp/frame_builder.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace test;

/// Accepts a publisher; media is only counted.
struct accepting_server final : server_dialogue_handler {
  dialogue_verdict on_connect(std::string_view, std::string_view) override { return {}; }
  dialogue_verdict on_publish(std::string_view, std::string_view) override { return {}; }
  void on_media(const rtmp_message&) override {}
  void on_unpublish() override {}
};

/// A transport that takes everything at once: a server dialogue answers until media flows, then bytes and calls are counted.
class counting_stream final : public byte_stream {
 public:
  counting_stream(event_loop& loop, uint64_t& writes)
      : m_writes(writes),
        m_dialogue(server_dialogue_options{}, m_handler),
        m_wake(loop.make_timer([this] { wake(); })) {}

  void set_events(byte_stream_events* events) override { m_events = events; }
  io_outcome read_some(uint8_t* data, size_t size) override {
    const byte_view waiting = m_dialogue.pending_output();
    const size_t moved = std::min(size, waiting.size());
    if (moved == 0) return {io_status::would_block, 0, error_code::io_failed};
    std::copy(waiting.begin(), waiting.begin() + moved, data);
    m_dialogue.consume_output(moved);
    return {io_status::ok, moved, error_code::io_failed};
  }
  io_outcome write_some(const byte_view* parts, size_t count) override {
    ++m_writes;
    size_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
      bytes += parts[i].size();
      if (m_dialogue.is_publishing()) continue;
      EXPECT_TRUE(m_dialogue.receive(parts[i]).has_value());
    }
    m_counters.bytes_written += bytes;
    if (!m_dialogue.pending_output().empty()) m_wake->arm_after(milliseconds(1));
    return {io_status::ok, bytes, error_code::io_failed};
  }
  void request_writable() override {}
  void shutdown_write() noexcept override {}
  void close() noexcept override { m_events = nullptr; }
  stream_counters sample() const override {
    stream_counters counters = m_counters;
    counters.unacked_bytes = counters.unsent_bytes = 0;
    return counters;
  }
  endpoint local() const override { return {}; }
  endpoint remote() const override { return {}; }

 private:
  void wake() {
    if (m_events != nullptr) m_events->on_readable();
  }
  uint64_t& m_writes;
  accepting_server m_handler;
  server_dialogue m_dialogue;
  std::unique_ptr<loop_timer> m_wake;
  byte_stream_events* m_events = nullptr;
  stream_counters m_counters;
};

class counting_network final : public network {
 public:
  explicit counting_network(event_loop& loop) : m_loop(loop) {}
  std::unique_ptr<pending_operation> connect(const endpoint&, const connect_options&, connect_callback done) override {
    m_loop.post([this, done = std::move(done)] { done(std::make_unique<counting_stream>(m_loop, writes)); });
    return std::make_unique<pending_operation>();
  }
  result<std::unique_ptr<stream_acceptor>> listen(const endpoint&, accept_callback) override {
    return fail(error_code::unsupported, "listens nowhere");
  }
  uint64_t writes = 0;

 private:
  event_loop& m_loop;
};

class numeric_resolver final : public resolver {
 public:
  explicit numeric_resolver(event_loop& loop) : m_loop(loop) {}
  std::unique_ptr<pending_operation> resolve(const std::string& host, uint16_t port, resolve_callback done) override {
    m_loop.post([host, port, done = std::move(done)] { done(std::vector<endpoint>{*parse_endpoint(host, port)}); });
    return std::make_unique<pending_operation>();
  }

 private:
  event_loop& m_loop;
};

/// Streams with their destinations, fed by hand.
struct steady_bench {
  simulation world;
  simulated_loop loop{world};
  counting_network network{loop};
  numeric_resolver names{loop};
  connector ways{loop, network, names};
  native_publisher_factory publishers{loop, ways};
  media_stream stream{{0, 0}, "main", loop, media_stream_options{}};
  session_pool pool{loop, publishers};
  session_manager sessions{stream, pool};
  std::vector<shared_status> published;
  std::vector<uint8_t> key = annexb_of({h264_sps, h264_pps, "65 88 84 21"});
  std::vector<uint8_t> inter = annexb_of({"41 9A 24 11"});
  uint64_t pictures = 0;

  explicit steady_bench(int destinations) {
    key.resize(40'000, 0xa7);
    inter.resize(8'000, 0xa7);
    for (int i = 0; i < destinations; ++i) {
      session_config config;
      config.destination = "d" + std::to_string(i);
      config.urls = {url_entry("rtmp://10.0.0." + std::to_string(i + 1) + "/live/x")};
      config.adaptive_bitrate.enabled = true;
      config.encoder_kbps = 4000;
      published.push_back(std::make_shared<snapshot<session_status>>());
      EXPECT_TRUE(sessions.create(config, published.back()).has_value());
    }
    const stream_description description = only_video(codec_id::h264);
    stream.on_source_event({source_event_kind::opened, &description, nullptr});
  }
  void run(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      media_frame frame;
      frame.codec = codec_id::h264;
      frame.is_keyframe = pictures++ % 50 == 0;
      frame.payload = frame.is_keyframe ? key : inter;
      frame.dts = frame.pts = frame.capture_time = world.now();
      stream.on_frame(frame);
      world.run_for(milliseconds(40));
    }
  }
};

TEST(session_allocation, a_steady_frame_costs_no_allocation_and_one_write_a_session) {
  steady_bench bench(4);
  bench.run(750);
  for (const auto& each : bench.published) ASSERT_EQ(each->read().state, session_state::connected);
  const uint64_t allocations = allocation_count();
  const uint64_t writes = bench.network.writes;
  bench.run(1000);
  EXPECT_EQ(allocation_count() - allocations, 0u);
  EXPECT_EQ(bench.network.writes - writes, 4 * 1000u);
  for (const auto& each : bench.published) EXPECT_EQ(each->read().dropped.total(), 0u);
}

TEST(session_allocation, a_session_taken_again_from_the_pool_costs_the_same_every_time) {
  steady_bench bench(1);
  bench.run(100);
  const auto once_more = [&bench] {
    session_config config;
    config.destination = "again";
    config.urls = {"rtmp://10.0.0.9/live/y"};
    auto published = std::make_shared<snapshot<session_status>>();
    EXPECT_TRUE(bench.sessions.create(config, published).has_value());
    bench.run(60);
    EXPECT_EQ(published->read().state, session_state::connected);
    EXPECT_TRUE(bench.sessions.destroy("again").has_value());
    bench.run(60);
  };
  for (int i = 0; i < 3; ++i) once_more();
  for (int i = 0; i < 5; ++i) {
    const uint64_t before = allocation_count();
    once_more();
    EXPECT_LT(allocation_count() - before, 400u) << "names, dialogue and one publisher; no queue and no table";
  }
  EXPECT_EQ(bench.pool.counters().made, 2u);
  EXPECT_EQ(bench.pool.counters().in_use, 1u);
}

}  // namespace
}  // namespace campush
