#include <numeric>

#include "unit/net/tls_world.h"

namespace campush::test {
namespace {

using namespace std::chrono_literals;

std::string pattern(size_t size, uint32_t seed = 1) {
  std::string text(size, '\0');
  for (char& byte : text) byte = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
  return text;
}

class tls_stream_test : public tls_world {
 protected:
  void begin(size_t write_limit = SIZE_MAX) {
    m_write_limit = write_limit;
    listen();
    connect_well();
    m_wire = {};
  }
  /// Views of `size` bytes each, the last one shorter.
  static std::vector<byte_view> cut(const std::string& text, size_t size) {
    std::vector<byte_view> parts;
    for (size_t at = 0; at < text.size(); at += size) {
      parts.push_back(byte_view::of_text(std::string_view(text).substr(at, size)));
    }
    return parts;
  }
  io_outcome write(const std::vector<byte_view>& parts) {
    return m_client.stream->write_some(parts.data(), parts.size());
  }
  stream_counters counters() const { return m_client.stream->sample(); }
};

TEST_F(tls_stream_test, fills_records_from_many_small_parts) {
  begin();
  const std::string text = pattern(40'000);
  const io_outcome outcome = write(cut(text, 11));
  EXPECT_EQ(outcome.status, io_status::ok);
  EXPECT_EQ(outcome.bytes, text.size());
  EXPECT_EQ(m_wire.application_records, 3U);
  EXPECT_GE(m_wire.largest_record, 16'384U);
  EXPECT_EQ(m_wire.writes, 1U) << "several records leave with one write of the transport";
  run();
  EXPECT_EQ(m_server.received, text);
}

TEST_F(tls_stream_test, makes_no_record_for_a_header_alone) {
  begin();
  const std::string head(12, 'h'), body = pattern(100'000);
  const byte_view parts[] = {byte_view::of_text(head), byte_view::of_text(body), byte_view::of_text(""),
                             byte_view::of_text(head), byte_view::of_text("sound")};
  EXPECT_EQ(m_client.stream->write_some(parts, 5).bytes, 2 * head.size() + body.size() + 5);
  EXPECT_EQ(m_wire.application_records, 7U);
  EXPECT_EQ(m_wire.writes, 2U);
  run();
  EXPECT_EQ(m_server.received, head + body + head + "sound");
}

TEST_F(tls_stream_test, writes_nothing_for_empty_parts) {
  begin();
  const byte_view empty[2];
  EXPECT_EQ(m_client.stream->write_some(empty, 2).status, io_status::ok);
  EXPECT_EQ(m_client.stream->write_some(empty, 0).status, io_status::ok);
  EXPECT_EQ(m_wire.writes, 0U);
}

class tls_partial_writes : public tls_stream_test, public ::testing::WithParamInterface<size_t> {};

TEST_P(tls_partial_writes, lose_and_repeat_nothing) {
  begin(GetParam());
  const std::string text = pattern(150'000);
  size_t at = 0;
  int rounds = 0;
  while (at < text.size() && ++rounds < 100'000) {
    const io_outcome outcome = write(cut(text.substr(at), 1 + at % 5000));
    ASSERT_NE(outcome.status, io_status::failed);
    at += outcome.bytes;
    EXPECT_EQ(counters().bytes_written, at);
    if (outcome.status == io_status::would_block) {
      m_client.writable_events = 0;
      m_client.stream->request_writable();
      ASSERT_TRUE(m_world.run_until_true([&] { return m_client.writable_events == 1; }, 10s));
    }
  }
  run(10s);
  EXPECT_EQ(m_server.received.size(), text.size());
  EXPECT_EQ(m_server.received, text);
  EXPECT_EQ(counters().unacked_bytes, 0U);
}

INSTANTIATE_TEST_SUITE_P(limits, tls_partial_writes,
                         ::testing::Values(7, 1000, 16'405, 16'406, 16'407, 40'000, 65'000));

TEST_F(tls_stream_test, sends_what_it_took_without_being_asked_again) {
  begin(1000);
  const std::string text = pattern(30'000);
  EXPECT_EQ(write(cut(text, 30'000)).bytes, text.size()) << "sealed bytes are committed";
  EXPECT_EQ(m_client.write("more").status, io_status::would_block);
  run();
  EXPECT_EQ(m_server.received, text);
  EXPECT_EQ(m_client.writable_events, 0) << "nobody asked";
  EXPECT_EQ(m_client.write("more").status, io_status::ok);
}

TEST_F(tls_stream_test, waits_for_a_slow_reader_and_goes_on) {
  m_net.send_buffer_bytes = m_net.receive_buffer_bytes = 64 * 1024;
  begin();
  m_server.is_reading = false;
  const std::string chunk = pattern(10'000);
  const uint64_t taken = m_client.write_until_full(chunk);
  EXPECT_GT(taken, 64U * 1024);
  m_client.stream->request_writable();
  run(5s);
  uint64_t more = m_client.write_until_full(chunk);
  run(5s);
  EXPECT_EQ(m_client.write("x").status, io_status::would_block);
  m_client.stream->request_writable();
  m_server.is_reading = true;
  m_server.read_all();
  const int events = m_client.writable_events;
  run(5s);
  EXPECT_EQ(m_client.writable_events, events + 1);
  EXPECT_EQ(m_server.received_bytes, taken + more);
  EXPECT_EQ(m_client.write("x").status, io_status::ok);
}

TEST_F(tls_stream_test, counts_plain_bytes_and_what_is_not_acknowledged) {
  m_host.delay = 99ms;
  begin();
  EXPECT_EQ(counters().bytes_written, 0U) << "the handshake is not counted";
  const std::string text = pattern(50'000);
  write(cut(text, 50'000));
  EXPECT_EQ(counters().bytes_written, 50'000U);
  EXPECT_EQ(counters().unacked_bytes, 50'000U);
  uint64_t acknowledged = 0;
  for (int i = 0; i < 300; ++i) {
    m_client.write("sound");
    const stream_counters now = counters();
    EXPECT_GE(now.bytes_written - *now.unacked_bytes, acknowledged) << "acknowledged bytes never fall";
    EXPECT_LE(*now.unsent_bytes, *now.unacked_bytes);
    acknowledged = now.bytes_written - *now.unacked_bytes;
    run(1ms);
  }
  run();
  EXPECT_EQ(counters().unacked_bytes, 0U);
  EXPECT_EQ(m_server.stream->sample().bytes_read, 51'500U);
  EXPECT_TRUE(counters().rtt_us);
}

TEST_F(tls_stream_test, counts_what_it_holds_as_unsent) {
  begin(1000);
  write(cut(pattern(16'000), 16'000));
  EXPECT_GE(*counters().unsent_bytes, 15'000U);
  EXPECT_EQ(*counters().unacked_bytes, 16'000U);
}

TEST_F(tls_stream_test, reports_again_what_a_reader_left) {
  begin();
  /// Takes three bytes an event, as a reader with an allowance does.
  struct sipping_reader final : byte_stream_events {
    void on_readable() override {
      uint8_t bytes[3];
      received += stream->read_some(bytes, sizeof bytes).bytes;
      ++events;
    }
    void on_writable() override {}
    byte_stream* stream = nullptr;
    size_t received = 0;
    int events = 0;
  } reader;
  reader.stream = m_server.stream.get();
  m_server.stream->set_events(&reader);
  m_client.write("twelve bytes");
  run();
  EXPECT_EQ(reader.received, 12U);
  EXPECT_LE(reader.events, 8);
  m_server.stream->set_events(nullptr);
}

TEST_F(tls_stream_test, reports_what_came_while_nobody_listened) {
  begin();
  m_server.stream->set_events(nullptr);
  m_client.write("early");
  run();
  EXPECT_EQ(m_server.received, "");
  m_server.stream->set_events(&m_server);
  run();
  EXPECT_EQ(m_server.received, "early");
}

TEST_F(tls_stream_test, ends_with_close_notify_and_the_peer_reads_on_until_then) {
  begin(1000);
  const std::string text = pattern(20'000);
  write(cut(text, 20'000));
  m_client.stream->shutdown_write();
  EXPECT_EQ(m_client.write("late").status, io_status::failed);
  m_server.write("still here");
  run();
  EXPECT_EQ(m_server.received, text);
  EXPECT_TRUE(m_server.is_closed);
  EXPECT_EQ(m_client.received, "still here");
  EXPECT_EQ(m_wire.records - m_wire.application_records, 0U);
}

TEST_F(tls_stream_test, sends_close_notify_with_a_plain_close) {
  begin();
  m_client.stream->close();
  EXPECT_EQ(m_wire.records, 1U);
  EXPECT_EQ(m_client.write("late").status, io_status::closed);
  uint8_t byte;
  EXPECT_EQ(m_client.stream->read_some(&byte, 1).status, io_status::closed);
  run();
  EXPECT_TRUE(m_server.is_closed);
  EXPECT_EQ(m_net.open_connections(), 1U);
  m_server.stream.reset();
  run();
  EXPECT_EQ(m_net.open_connections(), 0U);
}

TEST_F(tls_stream_test, passes_on_a_reset) {
  begin();
  m_net.reset_connections(m_host);
  run();
  EXPECT_EQ(m_client.failure, error_code::connection_reset);
  EXPECT_EQ(m_client.write("x").failure, error_code::connection_reset);
}

TEST_F(tls_stream_test, may_be_destroyed_by_its_listener_in_every_event) {
  begin();
  struct ender final : byte_stream_events {
    void on_readable() override { owner->stream.reset(); }
    void on_writable() override { owner->stream.reset(); }
    stream_recorder* owner = nullptr;
  } reader, writer;
  reader.owner = &m_server;
  m_server.stream->set_events(&reader);
  m_client.write("bytes");
  run();
  EXPECT_FALSE(m_server.stream);
  connect_well();
  writer.owner = &m_client;
  m_client.stream->set_events(&writer);
  m_client.stream->request_writable();
  run();
  EXPECT_FALSE(m_client.stream);
}

}  // namespace
}  // namespace campush::test
