#include "net/memory_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/stream_recorder.h"
#include "net/simulated_loop.h"

namespace campush {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// One server "server" at 10.0.0.1:1935, 1 + 1 ms away.
class memory_network_test : public ::testing::Test {
 protected:
  void listen() {
    m_acceptor = m_net.listen(m_address, [this](auto stream) { m_server.attach(std::move(stream)); }).value();
  }
  void start_connect() {
    m_connect = m_net.connect(m_address, m_options, [this](auto outcome) {
      m_answered_at = m_world.now();
      if (outcome) {
        m_client.attach(std::move(*outcome));
      } else {
        m_failure = outcome.error();
      }
    });
  }
  void connect() {
    listen();
    start_connect();
    m_world.run_for(1s);
    ASSERT_TRUE(m_client.stream && m_server.stream);
  }
  stream_counters client_counters() const { return m_client.stream->sample(); }

  simulation m_world;
  memory_network m_net{m_world};
  memory_host& m_host = m_net.add_host("server", {"10.0.0.1", "2001:db8::1"});
  const endpoint m_address = parse_endpoint("10.0.0.1", 1935).value();
  connect_options m_options;
  stream_recorder m_client;
  stream_recorder m_server;
  std::unique_ptr<stream_acceptor> m_acceptor;
  std::unique_ptr<pending_operation> m_connect;
  std::optional<error> m_failure;
  time_point m_answered_at{};
};

TEST_F(memory_network_test, connects_after_a_round_trip_and_knows_both_ends) {
  listen();
  const time_point start = m_world.now();
  start_connect();
  m_world.run_for(0s);
  EXPECT_FALSE(m_client.stream) << "never inside the call";
  m_world.run_for(1s);
  ASSERT_TRUE(m_client.stream);
  EXPECT_EQ(m_answered_at - start, 4ms);
  EXPECT_EQ(m_client.stream->remote(), m_address);
  EXPECT_EQ(m_server.stream->local(), m_address);
  EXPECT_EQ(m_client.stream->local(), m_server.stream->remote());
  EXPECT_EQ(m_net.open_connections(), 1U);
}

TEST_F(memory_network_test, refuses_where_nobody_listens_or_the_host_says_so) {
  start_connect();
  m_world.run_for(1s);
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->code, error_code::connection_refused);
  EXPECT_THAT(m_failure->message, HasSubstr("10.0.0.1:1935"));

  m_failure.reset();
  listen();
  m_host.refuse_connects = true;
  start_connect();
  m_world.run_for(1s);
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->code, error_code::connection_refused);
}

TEST_F(memory_network_test, calls_an_address_that_no_host_has_unreachable) {
  m_connect = m_net.connect(parse_endpoint("10.9.9.9", 1).value(), {}, [this](auto outcome) {
    if (!outcome) m_failure = outcome.error();
  });
  m_world.run_for(1s);
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->code, error_code::unreachable);
}

TEST_F(memory_network_test, leaves_from_the_address_that_was_asked_for) {
  listen();
  m_net.local_host().addresses.push_back(parse_endpoint("10.255.255.2", 0).value());
  m_options.bind_address = parse_endpoint("10.255.255.2", 0).value();
  start_connect();
  m_world.run_for(1s);
  ASSERT_TRUE(m_client.stream);
  EXPECT_EQ(m_client.stream->local().address_text(), "10.255.255.2");

  m_options.bind_address = parse_endpoint("10.255.255.3", 0).value();
  start_connect();
  m_world.run_for(1s);
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->code, error_code::not_found);
  EXPECT_THAT(m_failure->message, HasSubstr("no local address 10.255.255.3"));
}

TEST_F(memory_network_test, never_answers_a_connect_into_a_black_hole_until_it_ends) {
  listen();
  m_host.blackhole_connects = true;
  start_connect();
  m_world.run_for(60s);
  EXPECT_FALSE(m_client.stream);
  EXPECT_FALSE(m_failure);
  m_host.blackhole_connects = false;
  m_world.run_for(60s);
  EXPECT_TRUE(m_client.stream) << "TCP repeats its SYN";
}

TEST_F(memory_network_test, forgets_a_connect_that_is_given_up) {
  listen();
  start_connect();
  m_connect.reset();
  m_world.run_for(60s);
  EXPECT_FALSE(m_client.stream || m_server.stream || m_failure);
  EXPECT_EQ(m_net.open_connections(), 0U);
}

TEST_F(memory_network_test, refuses_a_second_listener_and_frees_the_port_with_the_first) {
  listen();
  auto second = m_net.listen(m_address, [](auto) {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, error_code::already_exists);
  m_acceptor.reset();
  EXPECT_TRUE(m_net.listen(m_address, [](auto) {}));
  const auto any_port = m_net.listen(parse_endpoint("10.0.0.1", 0).value(), [](auto) {});
  EXPECT_NE(any_port.value()->local().port, 0);
}

TEST_F(memory_network_test, delivers_bytes_in_order_after_the_delay) {
  m_host.delay = 49ms;
  connect();
  const byte_view parts[] = {byte_view::of_text("one "), byte_view::of_text(""), byte_view::of_text("two")};
  EXPECT_EQ(m_client.stream->write_some(parts, 3).bytes, 7U);
  m_world.run_for(49ms);
  EXPECT_EQ(m_server.received, "");
  m_world.run_for(1ms);
  EXPECT_EQ(m_server.received, "one two");
  EXPECT_EQ(client_counters().unacked_bytes, 7U);
  m_world.run_for(50ms);
  EXPECT_EQ(client_counters().unacked_bytes, 0U);
  EXPECT_EQ(client_counters().bytes_written, 7U);
  EXPECT_EQ(m_server.stream->sample().bytes_read, 7U);
  EXPECT_EQ(client_counters().rtt_us, 100'000U);
}

TEST_F(memory_network_test, reports_would_block_and_then_writable_once_when_the_reader_is_slow) {
  connect();
  m_server.is_reading = false;
  const std::string chunk(10'000, 'x');
  const uint64_t taken = m_client.write_until_full(chunk);
  EXPECT_EQ(m_client.write("x").status, io_status::would_block);
  EXPECT_EQ(taken, m_net.send_buffer_bytes);
  m_client.stream->request_writable();
  m_world.run_for(1s);
  EXPECT_EQ(m_client.writable_events, 1) << "the receive buffer takes it all and acknowledges";
  const uint64_t more = m_client.write_until_full(chunk);
  EXPECT_EQ(client_counters().unsent_bytes, more) << "the window is closed";
  EXPECT_EQ(more, m_options.notsent_lowat_bytes);
  m_client.stream->request_writable();
  m_world.run_for(60s);
  EXPECT_EQ(m_client.writable_events, 1);
  m_server.read_all();
  m_world.run_for(1s);
  EXPECT_EQ(m_client.writable_events, 2);
  m_server.read_all();
  EXPECT_EQ(m_server.received_bytes, taken + more);
}

TEST_F(memory_network_test, sends_no_faster_than_the_rate) {
  m_host.rate_bytes_per_s = 100'000;
  connect();
  EXPECT_EQ(m_client.write_until_full(std::string(200'000, 'x')), m_options.notsent_lowat_bytes + 1460);
  m_world.run_for(500ms);
  EXPECT_NEAR(static_cast<double>(m_server.received_bytes), 50'000, 2000);
  const stream_counters counters = client_counters();
  EXPECT_NEAR(static_cast<double>(*counters.unsent_bytes), 82'000, 2000);
  EXPECT_EQ(counters.delivery_rate_bps, 800'000U);
  m_world.run_for(900ms);
  EXPECT_EQ(m_server.received_bytes, m_options.notsent_lowat_bytes + 1460);
}

TEST_F(memory_network_test, sends_one_window_a_round_trip) {
  m_net.local_host().delay = 0ms;
  m_host.delay = 50ms;
  m_host.window_bytes = 10'000;
  connect();
  ASSERT_EQ(m_client.write(std::string(100'000, 'x')).bytes, 100'000U);
  m_world.run_for(450ms);
  EXPECT_EQ(m_server.received_bytes, 50'000U) << "at 50, 150 ... 450 ms";
  EXPECT_EQ(client_counters().unsent_bytes, 50'000U);
  EXPECT_EQ(client_counters().window_limited_us, 450'000U);
  m_host.window_bytes = 0;
  m_world.run_for(100ms);
  EXPECT_EQ(m_server.received_bytes, 100'000U);
  EXPECT_EQ(client_counters().window_limited_us, 500'000U) << "a wider window is seen with the next acknowledgement";
}

TEST_F(memory_network_test, accepts_but_never_acknowledges_while_it_stops_delivering) {
  connect();
  ASSERT_EQ(m_client.write("before").bytes, 6U);
  m_world.run_for(1s);
  m_host.stop_delivering = true;
  ASSERT_EQ(m_client.write("first").bytes, 5U);
  m_world.run_for(1s);
  ASSERT_EQ(m_client.write("second").bytes, 6U);
  m_world.run_for(5s);
  EXPECT_EQ(m_server.received, "before");
  EXPECT_EQ(client_counters().unacked_bytes, 11U);
  EXPECT_EQ(client_counters().unsent_bytes, 6U);
  EXPECT_EQ(m_client.write_until_full(std::string(1000, 'x')), m_options.notsent_lowat_bytes - 6);
  m_host.stop_delivering = false;
  m_world.run_for(1s);
  EXPECT_EQ(m_server.received.substr(0, 17), "beforefirstsecond");
  EXPECT_EQ(client_counters().unacked_bytes, 0U);
}

TEST_F(memory_network_test, times_out_when_nothing_gets_through_for_user_timeout) {
  m_options.user_timeout = 12s;
  connect();
  m_host.stop_delivering = true;
  ASSERT_EQ(m_client.write("lost").bytes, 4U);
  m_world.run_for(11s);
  EXPECT_FALSE(m_client.failure);
  m_world.run_for(2s);
  EXPECT_EQ(m_client.failure, error_code::timed_out);
  EXPECT_EQ(m_client.write("x").status, io_status::failed);
  EXPECT_EQ(m_client.write("x").failure, error_code::timed_out) << "and says so again";
  EXPECT_FALSE(m_server.failure) << "the other side cannot know";
  m_host.stop_delivering = false;
  ASSERT_EQ(m_server.write("anybody there?").bytes, 14U);
  m_world.run_for(1s);
  EXPECT_EQ(m_server.failure, error_code::connection_reset);
}

TEST_F(memory_network_test, resets_both_sides_of_a_host_s_connections) {
  connect();
  EXPECT_EQ(m_net.reset_connections(m_host), 1U);
  EXPECT_FALSE(m_client.failure) << "never inside the call";
  m_world.run_for(0s);
  EXPECT_EQ(m_client.failure, error_code::connection_reset);
  EXPECT_EQ(m_server.failure, error_code::connection_reset);
  EXPECT_EQ(m_client.readable_events, 1);
  m_world.run_for(1h);
  EXPECT_EQ(m_client.readable_events, 1);
}

TEST_F(memory_network_test, ends_after_the_last_byte_and_goes_on_the_other_way) {
  connect();
  ASSERT_EQ(m_client.write("bye").bytes, 3U);
  m_client.stream->shutdown_write();
  EXPECT_EQ(m_client.write("x").status, io_status::failed);
  m_world.run_for(1s);
  EXPECT_EQ(m_server.received, "bye");
  EXPECT_TRUE(m_server.is_closed);
  ASSERT_EQ(m_server.write("still here").bytes, 10U);
  m_world.run_for(1s);
  EXPECT_EQ(m_client.received, "still here");
}

TEST_F(memory_network_test, resets_a_writer_whose_peer_has_closed) {
  connect();
  m_server.stream->close();
  m_world.run_for(1s);
  EXPECT_TRUE(m_client.is_closed);
  EXPECT_FALSE(m_client.failure);
  ASSERT_EQ(m_client.write("too late").status, io_status::ok);
  m_world.run_for(1s);
  EXPECT_EQ(m_client.write("x").failure, error_code::connection_reset);
}

TEST_F(memory_network_test, resets_at_once_when_closed_with_unread_bytes) {
  connect();
  m_server.is_reading = false;
  ASSERT_EQ(m_client.write("unread").bytes, 6U);
  m_world.run_for(1s);
  m_server.stream->close();
  m_world.run_for(1s);
  EXPECT_EQ(m_client.failure, error_code::connection_reset);
  EXPECT_EQ(m_server.stream->read_some(nullptr, 0).status, io_status::closed);
}

TEST_F(memory_network_test, silences_a_host_that_is_down_and_forgets_nothing_it_should_not) {
  connect();
  m_host.is_down = true;
  m_server.stream->close();
  m_world.run_for(5s);
  EXPECT_FALSE(m_client.is_closed || m_client.failure) << "a dead host says nothing";
  m_host.is_down = false;
  m_world.run_for(5s);
  EXPECT_TRUE(m_client.is_closed || m_client.failure);
}

TEST_F(memory_network_test, delays_by_a_retransmission_what_is_lost) {
  m_host.loss = 0.5;
  connect();
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(m_client.write(std::to_string(i)).bytes, 1U);
    m_world.run_for(40ms);
  }
  EXPECT_LT(m_server.received.size(), 10U);
  m_world.run_for(1s);
  EXPECT_EQ(m_server.received, "0123456789");
  EXPECT_EQ(client_counters().retransmits, 5U);
}

TEST_F(memory_network_test, says_nothing_after_close_and_frees_the_connection) {
  connect();
  ASSERT_EQ(m_server.write("hello").bytes, 5U);
  m_client.stream->request_writable();
  m_client.stream->close();
  m_world.run_for(1s);
  EXPECT_EQ(m_client.readable_events + m_client.writable_events, 0);
  EXPECT_EQ(m_client.write("x").status, io_status::closed);
  m_client.stream.reset();
  m_server.stream.reset();
  EXPECT_EQ(m_net.open_connections(), 0U);
  EXPECT_EQ(m_world.pending_events(), 0U);
}

TEST_F(memory_network_test, asks_a_reader_again_only_after_it_read) {
  connect();
  m_server.is_reading = false;
  ASSERT_EQ(m_client.write("a").bytes, 1U);
  m_world.run_for(1s);
  ASSERT_EQ(m_client.write("b").bytes, 1U);
  m_world.run_for(1s);
  EXPECT_EQ(m_server.readable_events, 1);
  uint8_t one = 0;
  EXPECT_EQ(m_server.stream->read_some(&one, 1).bytes, 1U);
  m_world.run_for(1s);
  EXPECT_EQ(m_server.readable_events, 2) << "a byte is left";
}

TEST_F(memory_network_test, lets_a_listener_destroy_the_stream_in_its_event) {
  struct suicidal final : byte_stream_events {
    std::unique_ptr<byte_stream> stream;
    void on_readable() override { stream.reset(); }
    void on_writable() override { stream.reset(); }
  };
  suicidal server;
  m_acceptor = m_net
                   .listen(m_address,
                           [&](auto stream) {
                             server.stream = std::move(stream);
                             server.stream->set_events(&server);
                             server.stream->request_writable();
                           })
                   .value();
  start_connect();
  m_world.run_for(1s);
  EXPECT_FALSE(server.stream);
  EXPECT_TRUE(m_client.is_closed);
}

TEST_F(memory_network_test, carries_two_hours_of_small_messages_the_same_way_each_time) {
  connect();
  m_server.keep_bytes = false;
  const std::string message(200, 'x');
  simulated_loop loop(m_world);
  std::unique_ptr<loop_timer> tick;
  int sent = 0;
  tick = loop.make_timer([&] {
    ASSERT_EQ(m_client.write(message).bytes, message.size());
    if (++sent < 2 * 3600 * 25) tick->arm_after(40ms);
  });
  tick->arm_after(40ms);
  m_world.run_for(2h + 1s);
  EXPECT_EQ(m_server.received_bytes, 2U * 3600 * 25 * 200);
  EXPECT_EQ(m_server.readable_events, 2 * 3600 * 25);
}

}  // namespace
}  // namespace campush
