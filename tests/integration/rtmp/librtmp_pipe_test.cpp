#include <algorithm>
#include <array>

#include "integration/rtmp/librtmp_bench.h"
#include "rtmp/protocol/handshake.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A connection whose server reset it between accept and the first byte: it can be read for a while, and never written.
class reset_stream final : public byte_stream {
 public:
  explicit reset_stream(event_loop& loop) : m_writable(loop.make_timer([this] { tell_writable(); })) {}
  void set_events(byte_stream_events* events) override { m_events = events; }
  io_outcome read_some(uint8_t*, size_t) override { return {io_status::would_block, 0, {}}; }
  io_outcome write_some(const byte_view*, size_t) override {
    return {io_status::failed, 0, error_code::connection_reset};
  }
  void request_writable() override { m_writable->arm_after(duration(0)); }
  void shutdown_write() noexcept override {}
  void close() noexcept override { m_writable->cancel(); }
  stream_counters sample() const override { return {}; }
  endpoint local() const override { return {}; }
  endpoint remote() const override { return {}; }

 private:
  void tell_writable() {
    if (m_events != nullptr) m_events->on_writable();
  }
  byte_stream_events* m_events = nullptr;
  std::unique_ptr<loop_timer> m_writable;
};

class resetting_network final : public network {
 public:
  explicit resetting_network(asio_event_loop& loop) : m_loop(loop) {}
  std::unique_ptr<pending_operation> connect(const endpoint&, const connect_options&, connect_callback done) override {
    struct promise final : pending_operation {
      std::unique_ptr<loop_timer> due;
    };
    auto made = std::make_unique<promise>();
    made->due = m_loop.make_timer([this, done = std::move(done)] {
      const connect_callback told = done;
      told(std::make_unique<reset_stream>(m_loop));
    });
    made->due->arm_after(duration(0));
    ++connections;
    return made;
  }
  result<std::unique_ptr<stream_acceptor>> listen(const endpoint&, accept_callback) override {
    return fail(error_code::unsupported, "nobody listens");
  }
  size_t connections = 0;

 private:
  asio_event_loop& m_loop;
};

TEST(librtmp_publisher, a_connection_that_is_reset_before_its_first_write_fails_in_the_dialogue) {
  for (const char* url : {"rtmpt://user:pass@127.0.0.1/live/gate", "rtmp://user:pass@127.0.0.1/live/gate"}) {
    SCOPED_TRACE(url);
    test::librtmp_bench bench;
    resetting_network dead(bench.loop);
    connector ways(bench.loop, dead, bench.names);
    librtmp_publisher_factory factory(bench.loop, ways);
    publish_target target;
    target.url = *stream_url::parse(url);
    target.enhanced = {true, true};
    bench.subject = factory.make(target, bench.heard);
    bench.heard.output = bench.subject.get();
    bench.subject->start();
    ASSERT_TRUE(bench.wait_until_failed());
    EXPECT_STREQ(reason_name(bench.heard.reason), "connection_reset") << bench.heard.text;
    EXPECT_EQ(bench.heard.phases, "tcp handshake");
    EXPECT_EQ(dead.connections, 1u);
    bench.subject.reset();
    EXPECT_TRUE(bench.wait_for([&] { return factory.crew().size() == 0; }));
  }
}

/// Shakes hands, then asks without end and reads nothing.
class asking_server final : public byte_stream_events {
 public:
  static constexpr size_t handshake_bytes = 1 + 2 * handshake::part_bytes;
  /// Less than what the publisher allows a server to send at once.
  static constexpr size_t max_asked_bytes = 900'000;

  explicit asking_server(network& on) {
    m_acceptor = std::move(*on.listen(*parse_endpoint("127.0.0.1", 0), [this](std::unique_ptr<byte_stream> stream) {
      m_stream = std::move(stream);
      m_stream->set_events(this);
    }));
    // One header, then the same again in 7 bytes each.
    const std::array<uint8_t, 6> ping = {0, 6, 0, 0, 0, 1};
    m_output = {2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0};
    m_output.insert(m_output.end(), ping.begin(), ping.end());
    while (m_output.size() < max_asked_bytes) {
      m_output.push_back(0xc2);
      m_output.insert(m_output.end(), ping.begin(), ping.end());
    }
    const std::vector<uint8_t> hello(handshake_bytes, handshake::version);
    m_output.insert(m_output.begin(), hello.begin(), hello.end());
  }
  std::string url() const { return "rtmp://127.0.0.1:" + std::to_string(m_acceptor->local().port) + "/live/gate"; }

 private:
  void on_readable() override {
    std::array<uint8_t, handshake_bytes> bytes{};
    while (m_received < handshake_bytes) {
      const io_outcome read = m_stream->read_some(bytes.data(), handshake_bytes - m_received);
      if (read.status != io_status::ok) return;
      m_received += read.bytes;
      on_writable();
    }
  }
  void on_writable() override {
    // Questions come behind the client's part of the handshake.
    const size_t end = m_received < handshake_bytes ? handshake_bytes : m_output.size();
    while (m_sent < end) {
      const byte_view rest(m_output.data() + m_sent, end - m_sent);
      const io_outcome written = m_stream->write_some(&rest, 1);
      if (written.status == io_status::would_block) return m_stream->request_writable();
      if (written.status != io_status::ok) return;
      m_sent += written.bytes;
    }
  }

  std::unique_ptr<stream_acceptor> m_acceptor;
  std::unique_ptr<byte_stream> m_stream;
  std::vector<uint8_t> m_output;
  size_t m_received = 0, m_sent = 0;
};

TEST(librtmp_publisher, leaves_a_server_that_asks_more_than_it_reads) {
  test::librtmp_bench bench;
  asking_server server(bench.network);
  bench.start(server.url(), seconds(4));
  ASSERT_TRUE(bench.wait_until_failed());
  EXPECT_STREQ(reason_name(bench.heard.reason), "protocol_violation");
  EXPECT_EQ(bench.heard.text, "the server asks more than it reads");
}

}  // namespace
}  // namespace campush
