#include "rtmp/native_publisher.h"

#include <gtest/gtest.h>

#include "publisher_bench.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(native_publisher, goes_through_its_phases_and_publishes) {
  publisher_bench bench;
  bench.publish();
  EXPECT_EQ(bench.heard.phases, "tcp handshake connect publish");
  EXPECT_EQ(bench.server.live_streams(), 1u);
  EXPECT_EQ(bench.server.streams().front().name, "secretkey");
}

TEST(native_publisher, holds_publish_until_it_is_told) {
  publisher_bench bench;
  bench.make();
  bench.heard.publishes = false;
  bench.subject->start();
  bench.world.run_for(seconds(10));
  EXPECT_TRUE(bench.heard.is_ready);
  EXPECT_FALSE(bench.heard.is_published);
  bench.subject->publish();
  bench.world.run_for(milliseconds(100));
  EXPECT_TRUE(bench.heard.is_published);
}

TEST(native_publisher, delivers_tags_whole_and_in_order_through_a_small_buffer) {
  publisher_bench bench;
  bench.network.send_buffer_bytes = 20'000;
  bench.network.receive_buffer_bytes = 20'000;
  bench.publish();
  std::vector<outgoing_tag> tags;
  for (uint32_t i = 0; i < 100; ++i) tags.push_back(bench.picture(1 + i * 1500, i * 40));
  size_t next = 0;
  for (int turn = 0; turn < 10'000 && next < tags.size(); ++turn) {
    next += bench.subject->write(tags.data() + next, tags.size() - next, video_dialect::enhanced);
    bench.world.run_for(milliseconds(1));
  }
  bench.world.run_for(seconds(1));
  EXPECT_TRUE(bench.subject->is_drained());
  ASSERT_EQ(bench.taken.sizes.size(), tags.size());
  for (uint32_t i = 0; i < tags.size(); ++i) {
    EXPECT_EQ(bench.taken.sizes[i], 1 + i * 1500 + 5);
    EXPECT_EQ(bench.taken.times[i], i * 40);
  }
  EXPECT_GT(bench.heard.writable_calls, 0u);
}

TEST(native_publisher, leaves_tags_that_it_could_not_begin_to_the_caller) {
  publisher_bench bench;
  bench.network.send_buffer_bytes = 10'000;
  bench.network.receive_buffer_bytes = 10'000;
  bench.publish();
  std::vector<outgoing_tag> tags;
  for (uint32_t i = 0; i < 10; ++i) tags.push_back(bench.picture(6'000, i));
  const size_t taken = bench.subject->write(tags.data(), tags.size(), video_dialect::enhanced);
  EXPECT_EQ(taken, 2u) << "one whole, one begun";
  EXPECT_GT(bench.subject->pending_bytes(), 0u);
  EXPECT_FALSE(bench.subject->is_drained());
  EXPECT_EQ(bench.subject->write(tags.data() + 2, 8, video_dialect::enhanced), 0u) << "until on_writable";
}

/// The server has this one fault.
template <bool rtmp_server_faults::*Fault>
void server_fault(publisher_bench& bench) {
  rtmp_server_faults faults;
  faults.*Fault = true;
  bench.server.set_faults(faults);
}

TEST(native_publisher, says_with_a_reason_and_without_the_key_how_it_failed) {
  struct failing_case {
    const char* name;
    void (*prepare)(publisher_bench&);
    disconnect_reason reason;
    duration within;
  };
  const failing_case cases[] = {
      {"no such host", [](publisher_bench& b) { b.host.dns = dns_behaviour::no_such_host; },
       disconnect_reason::dns_failed, seconds(1)},
      {"silent dns", [](publisher_bench& b) { b.host.dns = dns_behaviour::silent; }, disconnect_reason::dns_failed,
       milliseconds(5010)},
      {"refused", [](publisher_bench& b) { b.server.stop(); }, disconnect_reason::connect_refused, seconds(1)},
      {"black hole", [](publisher_bench& b) { b.host.blackhole_connects = true; }, disconnect_reason::connect_timeout,
       milliseconds(5100)},
      {"silent after accept", server_fault<&rtmp_server_faults::silent_after_accept>,
       disconnect_reason::handshake_timeout, milliseconds(5100)},
      {"silent after connect", server_fault<&rtmp_server_faults::silent_after_connect>,
       disconnect_reason::handshake_timeout, milliseconds(5100)},
      {"name in use", server_fault<&rtmp_server_faults::bad_name>, disconnect_reason::name_in_use, seconds(1)},
      {"connect denied", server_fault<&rtmp_server_faults::deny_connect>, disconnect_reason::denied, seconds(1)},
      {"publish denied", server_fault<&rtmp_server_faults::deny_publish>, disconnect_reason::denied, seconds(1)},
      {"garbage", server_fault<&rtmp_server_faults::garbage_after_handshake>, disconnect_reason::protocol_violation,
       seconds(1)},
      {"closed after start", server_fault<&rtmp_server_faults::close_after_start>, disconnect_reason::closed_by_server,
       seconds(1)},
  };
  for (const failing_case& each : cases) {
    SCOPED_TRACE(each.name);
    publisher_bench bench;
    each.prepare(bench);
    bench.start();
    EXPECT_TRUE(bench.world.run_until_true([&] { return bench.heard.is_over; }, each.within));
    EXPECT_STREQ(reason_name(bench.heard.reason), reason_name(each.reason));
    EXPECT_FALSE(bench.heard.text.empty());
    EXPECT_EQ(bench.heard.text.find("secret"), std::string::npos) << bench.heard.text;
  }
}

TEST(native_publisher, tries_every_address_within_the_tcp_deadline) {
  publisher_bench bench;
  bench.network.add_host("dead", {"10.0.0.9"}).blackhole_connects = true;
  bench.network.add_host("both", {"10.0.0.9", "10.0.0.1"});
  bench.start("rtmp://both/live/k");
  EXPECT_TRUE(bench.world.run_until_true([&] { return bench.heard.is_published; }, milliseconds(2800)));
}

TEST(native_publisher, comes_to_the_next_address_after_one_that_takes_connections_and_speaks_no_rtmp) {
  struct row {
    const char* name;
    bool closes;
    disconnect_reason reason;
  };
  for (const row& each : {row{"silent", false, disconnect_reason::handshake_timeout},
                          row{"closes", true, disconnect_reason::closed_by_server}}) {
    SCOPED_TRACE(each.name);
    publisher_bench bench;
    bench.network.add_host("hung", {"10.0.0.8"});
    bench.network.add_host("both", {"10.0.0.8", "10.0.0.1"});
    std::vector<std::unique_ptr<byte_stream>> accepted;
    const auto hung = bench.network.listen(*parse_endpoint("10.0.0.8", 1935), [&](auto stream) {
      if (!each.closes) return accepted.push_back(std::move(stream));
      stream->shutdown_write();
      accepted.push_back(std::move(stream));
    });
    bench.start("rtmp://both/live/k");
    ASSERT_TRUE(bench.world.run_until_true([&] { return bench.heard.is_over; }, seconds(6)));
    EXPECT_STREQ(reason_name(bench.heard.reason), reason_name(each.reason));
    bench.start("rtmp://both/live/k");
    EXPECT_TRUE(bench.world.run_until_true([&] { return bench.heard.is_published; }, seconds(1))) << bench.heard.text;
    EXPECT_EQ(accepted.size(), 1u);
  }
}

TEST(native_publisher, stays_with_an_address_whose_server_is_only_slow) {
  publisher_bench bench;
  bench.network.add_host("spare", {"10.0.0.8"});
  bench.network.add_host("both", {"10.0.0.1", "10.0.0.8"});
  std::vector<std::unique_ptr<byte_stream>> accepted;
  const auto spare = bench.network.listen(*parse_endpoint("10.0.0.8", 1935),
                                          [&](auto stream) { accepted.push_back(std::move(stream)); });
  server_fault<&rtmp_server_faults::silent_after_connect>(bench);
  bench.start("rtmp://both/live/k");
  ASSERT_TRUE(bench.world.run_until_true([&] { return bench.heard.is_over; }, seconds(6)));
  bench.server.set_faults({});
  bench.start("rtmp://both/live/k");
  EXPECT_TRUE(bench.world.run_until_true([&] { return bench.heard.is_published; }, seconds(1))) << bench.heard.text;
  EXPECT_TRUE(accepted.empty());
}

TEST(native_publisher, gives_each_of_many_addresses_the_time_of_a_long_way) {
  publisher_bench bench;
  std::vector<std::string> addresses{"10.0.0.1"};
  for (int i = 0; i < 15; ++i) addresses.push_back("10.0.1." + std::to_string(i));
  bench.network.add_host("far", addresses);
  bench.host.delay = milliseconds(400);
  bench.start("rtmp://far/live/k");
  EXPECT_TRUE(bench.world.run_until_true([&] { return bench.heard.is_ready; }, seconds(6))) << bench.heard.text;
}

TEST(native_publisher, comes_to_each_of_many_addresses_in_turn) {
  publisher_bench bench;
  std::vector<std::string> addresses;
  for (int i = 0; i < 15; ++i) addresses.push_back("10.0.1." + std::to_string(i));
  bench.network.add_host("dead", addresses).blackhole_connects = true;
  addresses.emplace_back("10.0.0.1");
  bench.network.add_host("many", addresses);
  publish_target target;
  target.url = *stream_url::parse("rtmp://many/live/k");
  size_t attempts = 0;
  for (bench.heard.is_ready = false; !bench.heard.is_ready && attempts < addresses.size(); ++attempts) {
    target.handshake_seed = attempts;
    bench.heard = listening_session{};
    bench.heard.publishes = false;
    bench.subject = bench.factory.make(target, bench.heard);
    bench.subject->start();
    bench.world.run_for(milliseconds(5100));
  }
  EXPECT_TRUE(bench.heard.is_ready);
}

TEST(native_publisher, uses_the_last_good_address_when_dns_falls_silent_but_not_when_the_name_is_gone) {
  publisher_bench bench;
  bench.publish();
  bench.subject.reset();
  bench.host.dns = dns_behaviour::silent;
  bench.start();
  bench.world.run_for(milliseconds(5200));
  EXPECT_TRUE(bench.heard.is_published);
  bench.subject.reset();
  bench.host.dns = dns_behaviour::no_such_host;
  bench.start();
  bench.world.run_for(milliseconds(5200));
  EXPECT_EQ(bench.heard.reason, disconnect_reason::dns_failed);
}

TEST(native_publisher, names_a_secret_host_in_no_text) {
  struct row {
    const char* name;
    void (*prepare)(publisher_bench&);
  };
  const row rows[] = {{"no such host", [](publisher_bench& b) { b.host.dns = dns_behaviour::no_such_host; }},
                      {"silent dns", [](publisher_bench& b) { b.host.dns = dns_behaviour::silent; }},
                      {"no address", [](publisher_bench& b) { b.host.addresses.clear(); }},
                      {"refused", [](publisher_bench& b) { b.host.refuse_connects = true; }},
                      {"black hole", [](publisher_bench& b) { b.host.blackhole_connects = true; }}};
  for (const bool is_secret : {false, true}) {
    for (const row& each : rows) {
      SCOPED_TRACE(each.name);
      publisher_bench bench;
      each.prepare(bench);
      publish_target target;
      target.url = *stream_url::parse("rtmp://server/live/k");
      if (is_secret) target.url.mark_secrets({"server"});
      bench.subject = bench.factory.make(target, bench.heard);
      bench.subject->start();
      ASSERT_TRUE(bench.world.run_until_true([&] { return bench.heard.is_over; }, seconds(11)));
      const std::string& text = bench.heard.text;
      const bool names_it = text.find("server") != std::string::npos || text.find("10.0.0.1") != std::string::npos;
      EXPECT_EQ(names_it, !is_secret) << text;
    }
  }
}

TEST(native_publisher, obeys_a_kick) {
  publisher_bench bench;
  bench.publish();
  EXPECT_EQ(bench.server.unpublish("live", ""), 1u);
  bench.world.run_for(milliseconds(100));
  EXPECT_EQ(bench.heard.reason, disconnect_reason::closed_by_server);
}

/// A stream whose writes find the connection reset while what the server said before still waits to be read, as on Linux.
class reset_stream final : public byte_stream, private byte_stream_events {
 public:
  explicit reset_stream(std::unique_ptr<byte_stream> inner) : m_inner(std::move(inner)) {}
  bool is_reset = false;

  void set_events(byte_stream_events* events) override {
    m_events = events;
    m_inner->set_events(events != nullptr ? this : nullptr);
  }
  io_outcome read_some(uint8_t* data, size_t size) override { return m_inner->read_some(data, size); }
  io_outcome write_some(const byte_view* parts, size_t count) override {
    if (is_reset) return {io_status::failed, 0, error_code::connection_reset};
    return m_inner->write_some(parts, count);
  }
  void request_writable() override { m_inner->request_writable(); }
  void shutdown_write() noexcept override { m_inner->shutdown_write(); }
  void close() noexcept override { m_inner->close(); }
  stream_counters sample() const override { return m_inner->sample(); }
  endpoint local() const override { return m_inner->local(); }
  endpoint remote() const override { return m_inner->remote(); }

 private:
  void on_readable() override {
    if (!is_reset) m_events->on_readable();
  }
  void on_writable() override { m_events->on_writable(); }
  const std::unique_ptr<byte_stream> m_inner;
  byte_stream_events* m_events = nullptr;
};

struct resetting_network final : network {
  network& inner;
  reset_stream* made = nullptr;
  explicit resetting_network(network& on) : inner(on) {}
  std::unique_ptr<pending_operation> connect(const endpoint& remote, const connect_options& options,
                                             connect_callback done) override {
    return inner.connect(remote, options, [this, done = std::move(done)](result<std::unique_ptr<byte_stream>> answer) {
      auto stream = std::make_unique<reset_stream>(std::move(*answer));
      made = stream.get();
      done(std::move(stream));
    });
  }
  result<std::unique_ptr<stream_acceptor>> listen(const endpoint& local, accept_callback accepted) override {
    return inner.listen(local, std::move(accepted));
  }
};

TEST(native_publisher, tells_the_servers_last_words_when_a_write_finds_the_connection_reset) {
  for (const bool says_why : {false, true}) {
    SCOPED_TRACE(says_why);
    publisher_bench bench;
    resetting_network network(bench.network);
    connector ways(bench.loop, network, bench.names);
    native_publisher_factory factory(bench.loop, ways);
    publish_target target;
    target.url = *stream_url::parse("rtmp://server/live/k");
    bench.subject = factory.make(target, bench.heard);
    bench.heard.output = bench.subject.get();
    bench.subject->start();
    bench.world.run_for(milliseconds(200));
    ASSERT_TRUE(bench.heard.is_published);
    network.made->is_reset = true;
    if (says_why) bench.server.unpublish("live", "");
    bench.world.run_for(milliseconds(50));
    const outgoing_tag picture = bench.picture(1000, 0);
    EXPECT_EQ(bench.subject->write(&picture, 1, video_dialect::enhanced), 0u);
    EXPECT_FALSE(bench.heard.is_over) << "never from inside the call";
    bench.world.run_for(milliseconds(1));
    const disconnect_reason expected =
        says_why ? disconnect_reason::closed_by_server : disconnect_reason::connection_reset;
    EXPECT_STREQ(reason_name(bench.heard.reason), reason_name(expected));
    bench.subject.reset();
  }
}

TEST(native_publisher, reports_a_reset_connection) {
  publisher_bench bench;
  bench.publish();
  bench.network.reset_connections(bench.host);
  bench.world.run_for(milliseconds(100));
  EXPECT_EQ(bench.heard.reason, disconnect_reason::connection_reset);
}

TEST(native_publisher, unpublishes_and_ends_with_the_servers_confirmation) {
  publisher_bench bench;
  bench.publish();
  bench.subject->stop(seconds(2));
  EXPECT_FALSE(bench.heard.is_over) << "never from inside the call";
  EXPECT_TRUE(bench.world.run_until_true([&] { return bench.heard.is_over; }, milliseconds(100)));
  EXPECT_EQ(bench.heard.reason, disconnect_reason::user_request);
  EXPECT_EQ(bench.server.live_streams(), 0u);
}

TEST(native_publisher, stops_within_the_deadline_whatever_it_waits_for) {
  struct stop_case {
    const char* name;
    void (*prepare)(publisher_bench&);
    duration run_before;
  };
  const stop_case cases[] = {
      {"silent dns", [](publisher_bench& b) { b.host.dns = dns_behaviour::silent; }, seconds(1)},
      {"black hole", [](publisher_bench& b) { b.host.blackhole_connects = true; }, seconds(1)},
      {"stalled server", [](publisher_bench&) {}, seconds(1)},
  };
  for (const stop_case& each : cases) {
    SCOPED_TRACE(each.name);
    publisher_bench bench;
    each.prepare(bench);
    bench.start();
    bench.world.run_for(each.run_before);
    bench.host.stop_delivering = true;
    bench.subject->stop(seconds(1));
    EXPECT_TRUE(bench.world.run_until_true([&] { return bench.heard.is_over; }, milliseconds(1010)));
    EXPECT_EQ(bench.heard.reason, disconnect_reason::user_request);
  }
}

TEST(native_publisher, refuses_schemes_that_it_does_not_speak) {
  publisher_bench bench;
  bench.start("rtmpe://server/live/k");
  bench.world.run_for(milliseconds(1));
  EXPECT_EQ(bench.heard.reason, disconnect_reason::bad_url);
}

TEST(address_book, forgets_the_first_host_when_it_is_full) {
  address_book book;
  for (size_t i = 0; i <= address_book::max_hosts; ++i) {
    book.remember("host" + std::to_string(i), {*parse_endpoint("10.0.0.1", 1)});
  }
  EXPECT_TRUE(book.recall("host0", 1935).empty());
  ASSERT_EQ(book.recall("host1", 1935).size(), 1u);
  EXPECT_EQ(book.recall("host1", 1935)[0].port, 1935);
}

}  // namespace
}  // namespace campush
