#include <algorithm>
#include <array>

#include "integration/rtmp/librtmp_bench.h"
#include "rtmp/protocol/handshake.h"

namespace campush {
namespace {

using std::chrono::seconds;

/// What a server says, whenever it is read, and how much it reads before its connection does something else.
struct server_script {
  std::vector<uint8_t> says;
  size_t reads_bytes = 0;
  io_outcome then = {io_status::would_block, 0, {}};
};

/// A connection without a kernel's buffers, which differ from machine to machine.
class scripted_stream final : public byte_stream {
 public:
  scripted_stream(event_loop& loop, const server_script& script)
      : m_script(script),
        m_readable(loop.make_timer([this] { tell(&byte_stream_events::on_readable); })),
        m_writable(loop.make_timer([this] { tell(&byte_stream_events::on_writable); })) {}
  void set_events(byte_stream_events* events) override {
    m_events = events;
    if (!m_script.says.empty()) m_readable->arm_after(duration(0));
  }
  io_outcome read_some(uint8_t* data, size_t size) override {
    const size_t count = std::min(size, m_script.says.size() - m_said);
    if (count == 0) return {io_status::would_block, 0, {}};
    std::copy_n(m_script.says.begin() + static_cast<std::ptrdiff_t>(m_said), count, data);
    m_said += count;
    return {io_status::ok, count, {}};
  }
  io_outcome write_some(const byte_view* parts, size_t count) override {
    size_t taken = 0;
    for (size_t i = 0; i < count; ++i) taken += std::min(parts[i].size(), m_script.reads_bytes - m_taken - taken);
    m_taken += taken;
    return taken > 0 ? io_outcome{io_status::ok, taken, {}} : m_script.then;
  }
  void request_writable() override {
    if (m_taken < m_script.reads_bytes || m_script.then.status == io_status::failed) m_writable->arm_after(duration(0));
  }
  void shutdown_write() noexcept override {}
  void close() noexcept override {
    m_readable->cancel();
    m_writable->cancel();
  }
  stream_counters sample() const override { return {}; }
  endpoint local() const override { return {}; }
  endpoint remote() const override { return {}; }

 private:
  void tell(void (byte_stream_events::*event)()) {
    if (m_events != nullptr) (m_events->*event)();
  }
  const server_script& m_script;
  byte_stream_events* m_events = nullptr;
  std::unique_ptr<loop_timer> m_readable, m_writable;
  size_t m_said = 0, m_taken = 0;
};

class scripted_network final : public network {
 public:
  scripted_network(asio_event_loop& loop, server_script script) : m_loop(loop), m_script(std::move(script)) {}
  std::unique_ptr<pending_operation> connect(const endpoint&, const connect_options&, connect_callback done) override {
    struct promise final : pending_operation {
      std::unique_ptr<loop_timer> due;
    };
    auto made = std::make_unique<promise>();
    made->due = m_loop.make_timer([this, done = std::move(done)] {
      const connect_callback told = done;
      told(std::make_unique<scripted_stream>(m_loop, m_script));
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
  const server_script m_script;
};

/// A publisher whose server keeps to a script.
struct scripted_bench : test::librtmp_bench {
  scripted_network scripted;
  connector scripted_ways{loop, scripted, names};
  librtmp_publisher_factory scripted_factory{loop, scripted_ways};

  explicit scripted_bench(server_script script) : scripted(loop, std::move(script)) {}
  ~scripted_bench() { subject.reset(); }
  void start(const char* url) {
    publish_target target;
    target.url = *stream_url::parse(url);
    target.enhanced = {true, true};
    target.handshake_timeout = seconds(60);
    subject = scripted_factory.make(target, heard);
    heard.output = subject.get();
    subject->start();
  }
};

TEST(librtmp_publisher, a_connection_that_is_reset_before_its_first_write_fails_in_the_dialogue) {
  for (const char* url : {"rtmpt://user:pass@127.0.0.1/live/gate", "rtmp://user:pass@127.0.0.1/live/gate"}) {
    SCOPED_TRACE(url);
    // Reset between accept and the first byte: it can be read for a while, and never written.
    scripted_bench bench({{}, 0, {io_status::failed, 0, error_code::connection_reset}});
    bench.start(url);
    ASSERT_TRUE(bench.wait_until_failed());
    EXPECT_STREQ(reason_name(bench.heard.reason), "connection_reset") << bench.heard.text;
    EXPECT_EQ(bench.heard.phases, "tcp handshake");
    EXPECT_EQ(bench.scripted.connections, 1u);
    bench.subject.reset();
    EXPECT_TRUE(bench.wait_for([&] { return bench.scripted_factory.crew().size() == 0; }));
  }
}

constexpr size_t handshake_bytes = 1 + 2 * handshake::part_bytes;

/// A handshake and, with it, one message again and again.
std::vector<uint8_t> handshake_and(const std::vector<uint8_t>& first, const std::vector<uint8_t>& again, size_t bytes) {
  std::vector<uint8_t> says(handshake_bytes, handshake::version);
  says.insert(says.end(), first.begin(), first.end());
  while (says.size() < bytes) says.insert(says.end(), again.begin(), again.end());
  return says;
}

/// More than waits in the publisher, less than it allows a server to send at once.
constexpr size_t much = 900'000;

TEST(librtmp_publisher, hears_all_that_a_server_says_before_librtmp_is_ready) {
  // Acknowledgements: nothing to answer.
  const std::vector<uint8_t> first = {2, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 1, 0}, again = {0xc2, 0, 0, 1, 0};
  scripted_bench bench({handshake_and(first, again, much), SIZE_MAX, {}});
  bench.start("rtmp://127.0.0.1/live/gate");
  ASSERT_TRUE(bench.wait_for([&] { return bench.heard.has_failed || bench.heard.phases == "tcp handshake connect"; }));
  EXPECT_FALSE(bench.heard.has_failed) << bench.heard.text;
}

TEST(librtmp_publisher, leaves_a_server_that_asks_more_than_it_reads) {
  // One ping with a header of 12 bytes, then the same again in 7 bytes each.
  const std::vector<uint8_t> first = {2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6, 0, 0, 0, 1},
                             again = {0xc2, 0, 6, 0, 0, 0, 1};
  scripted_bench bench({handshake_and(first, again, much), handshake_bytes, {io_status::would_block, 0, {}}});
  bench.start("rtmp://127.0.0.1/live/gate");
  ASSERT_TRUE(bench.wait_until_failed());
  EXPECT_STREQ(reason_name(bench.heard.reason), "protocol_violation");
  EXPECT_EQ(bench.heard.text, "the server asks more than it reads");
}

}  // namespace
}  // namespace campush
