#include "net/tcp_network.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>

#include "fakes/sanitizers.h"
#include "fakes/stream_recorder.h"

namespace campush {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class tcp_network_test : public ::testing::TestWithParam<const char*> {
 protected:
  template <class Predicate>
  bool run_until(Predicate is_done) {
    while (!is_done()) {
      if (!m_loop.run_one_for(60s)) return false;
    }
    return true;
  }
  /// Runs what is ready, and then until a timer of 20 ms: time for an event that must not come. Returns how many
  /// callbacks ran.
  int run_a_moment() {
    bool is_over = false;
    int callbacks = 0;
    const auto end = m_loop.make_timer([&] { is_over = true; });
    end->arm_after(20ms);
    run_until([&] { return ++callbacks, is_over; });
    return callbacks;
  }
  void listen(const char* address = "127.0.0.1") {
    auto made = m_net.listen(parse_endpoint(address, 0).value(), [this](auto stream) {
      ++m_accepted;
      if (m_keep_accepted) m_server.attach(std::move(stream));
    });
    ASSERT_TRUE(made) << made.error().message;
    m_acceptor = std::move(*made);
  }
  void start_connect(const endpoint& remote) {
    m_connect = m_net.connect(remote, m_options, [this](auto outcome) {
      if (outcome) {
        m_client.attach(std::move(*outcome));
      } else {
        m_failure = outcome.error();
      }
    });
  }
  void connect(const char* address = "127.0.0.1") {
    listen(address);
    start_connect(m_acceptor->local());
    ASSERT_TRUE(run_until([&] { return m_client.stream && m_server.stream; }));
  }

  asio_event_loop m_loop;
  tcp_network m_net{m_loop};
  connect_options m_options;
  stream_recorder m_client;
  stream_recorder m_server;
  std::unique_ptr<stream_acceptor> m_acceptor;
  std::unique_ptr<pending_operation> m_connect;
  std::optional<error> m_failure;
  int m_accepted = 0;
  bool m_keep_accepted = true;
};

TEST_P(tcp_network_test, carries_bytes_both_ways_and_knows_both_ends) {
  connect(GetParam());
  EXPECT_EQ(m_client.stream->remote(), m_acceptor->local());
  EXPECT_EQ(m_client.stream->local(), m_server.stream->remote());
  EXPECT_EQ(m_server.stream->local(), m_acceptor->local());
  const byte_view parts[] = {byte_view::of_text("to "), byte_view(), byte_view::of_text("server")};
  EXPECT_EQ(m_client.stream->write_some(parts, 3).bytes, 9U);
  EXPECT_EQ(m_server.write("to client").bytes, 9U);
  ASSERT_TRUE(run_until([&] { return m_server.received.size() == 9 && m_client.received.size() == 9; }));
  EXPECT_EQ(m_server.received, "to server");
  EXPECT_EQ(m_client.received, "to client");
}

INSTANTIATE_TEST_SUITE_P(families, tcp_network_test, ::testing::Values("127.0.0.1", "::1"),
                         [](const auto& row) { return std::string(row.param[0] == ':' ? "ipv6" : "ipv4"); });

using tcp_network_ipv4_test = tcp_network_test;

TEST_F(tcp_network_ipv4_test, refuses_where_nobody_listens) {
  listen();
  const endpoint closed = m_acceptor->local();
  m_acceptor.reset();
  start_connect(closed);
  EXPECT_FALSE(m_failure) << "never inside the call";
  ASSERT_TRUE(run_until([&] { return m_failure.has_value(); }));
  EXPECT_EQ(m_failure->code, error_code::connection_refused);
  EXPECT_THAT(m_failure->message, HasSubstr("connect to " + closed.to_string() + ": Connection refused"));
}

TEST_F(tcp_network_ipv4_test, fails_at_once_but_not_inside_the_call_without_a_route) {
  start_connect(parse_endpoint("255.255.255.255", 1).value());
  EXPECT_FALSE(m_failure);
  ASSERT_TRUE(run_until([&] { return m_failure.has_value(); }));
  EXPECT_THAT(m_failure->message, HasSubstr("connect to 255.255.255.255:1: "));
}

TEST_F(tcp_network_ipv4_test, leaves_from_the_address_and_the_interface_that_were_asked_for) {
  m_options.bind_address = parse_endpoint("127.0.0.77", 0).value();
  m_options.bind_interface = "lo";
  connect();
  EXPECT_EQ(m_client.stream->local().address_text(), "127.0.0.77");
  EXPECT_NE(m_client.stream->local().port, 0);
}

TEST_F(tcp_network_ipv4_test, says_what_is_missing_of_the_place_to_leave_from) {
  struct {
    const char* name;
    const char* address;
    const char* interface;
    const char* wanted;
  } const rows[] = {
      {"no such interface", nullptr, "eth987", ": no interface eth987"},
      {"a name that no interface can have", nullptr, "a-name-of-16-chr", ": no interface a-name-of-16-chr"},
      {"another machine's address", "192.0.2.7", "", ": no local address 192.0.2.7"},
  };
  listen();
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    m_failure.reset();
    m_options = {};
    if (row.address != nullptr) m_options.bind_address = parse_endpoint(row.address, 0).value();
    m_options.bind_interface = row.interface;
    start_connect(m_acceptor->local());
    EXPECT_FALSE(m_failure) << "never inside the call";
    ASSERT_TRUE(run_until([&] { return m_failure.has_value(); }));
    EXPECT_EQ(m_failure->code, error_code::not_found);
    EXPECT_EQ(m_failure->message, "connect to " + m_acceptor->local().to_string() + row.wanted);
  }
}

TEST_F(tcp_network_ipv4_test, forgets_a_connect_that_is_given_up) {
  listen();
  start_connect(m_acceptor->local());
  m_connect.reset();
  start_connect(parse_endpoint("255.255.255.255", 1).value());
  m_connect.reset();
  run_a_moment();
  EXPECT_FALSE(m_client.stream || m_failure);
}

TEST_F(tcp_network_ipv4_test, takes_more_parts_than_one_system_call) {
  connect();
  const std::string text(IOV_MAX + 500, 'p');
  std::vector<byte_view> parts;
  for (const char& letter : text) parts.push_back(byte_view::of_text({&letter, 1}));
  EXPECT_EQ(m_client.stream->write_some(parts.data(), parts.size()).bytes, text.size());
  EXPECT_TRUE(run_until([&] { return m_server.received == text; }));
}

TEST_F(tcp_network_ipv4_test, blocks_on_a_peer_that_does_not_read_and_is_writable_once_when_it_does) {
  connect();
  m_server.is_reading = false;
  const std::string chunk(100'000, 'x');
  uint64_t taken = 0;
  for (uint64_t more = 1; more > 0;) {  // until the kernel has moved all that it can
    more = m_client.write_until_full(chunk);
    taken += more;
    run_a_moment();
  }
  const io_outcome outcome = m_client.write("x");
  EXPECT_EQ(outcome.status, io_status::would_block);
  EXPECT_EQ(outcome.bytes, 0U);
  const stream_counters full = m_client.stream->sample();
  EXPECT_EQ(full.bytes_written, taken);
  EXPECT_GT(full.unacked_bytes.value_or(0), 0U);
  EXPECT_GT(full.unsent_bytes.value_or(0), 0U);
  EXPECT_LE(full.unsent_bytes.value_or(0), full.unacked_bytes.value_or(0));
  m_client.stream->request_writable();
  run_a_moment();
  EXPECT_EQ(m_client.writable_events, 0);
  m_server.is_reading = true;
  m_server.read_all();
  ASSERT_TRUE(run_until([&] { return m_client.writable_events == 1 && m_server.received_bytes == taken; }));
  run_a_moment();
  EXPECT_EQ(m_client.writable_events, 1);
  EXPECT_EQ(m_client.stream->sample().unsent_bytes, 0U);
  EXPECT_EQ(m_server.received, std::string(taken, 'x'));
}

TEST_F(tcp_network_ipv4_test, keeps_the_order_over_partial_writes) {
  connect();
  std::string text(3'000'000, '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 % 251);
  size_t written = 0;
  int blocked = 0;
  while (written < text.size()) {
    const io_outcome outcome = m_client.write(std::string_view(text).substr(written));
    ASSERT_NE(outcome.status, io_status::failed);
    written += outcome.bytes;
    if (outcome.status != io_status::would_block) continue;
    ++blocked;
    const int before = m_client.writable_events;
    m_client.stream->request_writable();
    ASSERT_TRUE(run_until([&] { return m_client.writable_events > before; }));
  }
  EXPECT_GT(blocked, 0);
  ASSERT_TRUE(run_until([&] { return m_server.received.size() == text.size(); }));
  EXPECT_EQ(m_server.received, text);
}

TEST_F(tcp_network_ipv4_test, hears_the_end_and_can_still_write) {
  connect();
  ASSERT_EQ(m_client.write("bye").bytes, 3U);
  m_client.stream->shutdown_write();
  ASSERT_TRUE(run_until([&] { return m_server.is_closed; }));
  EXPECT_EQ(m_server.received, "bye");
  const int events = m_server.readable_events;
  EXPECT_EQ(m_server.write("thanks").bytes, 6U);
  ASSERT_TRUE(run_until([&] { return m_client.received == "thanks"; }));
  run_a_moment();
  EXPECT_EQ(m_server.readable_events, events) << "an end is heard once";
  uint8_t byte = 0;
  EXPECT_EQ(m_server.stream->read_some(&byte, 1).status, io_status::closed) << "and says so again";
}

TEST_F(tcp_network_ipv4_test, reports_a_reset_without_a_signal) {
  connect();
  m_server.is_reading = false;
  ASSERT_EQ(m_client.write("unread").bytes, 6U);
  ASSERT_TRUE(run_until([&] { return m_server.readable_events == 1; }));
  m_server.stream->close();  // unread bytes: the kernel sends RST
  ASSERT_TRUE(run_until([&] { return m_client.failure.has_value(); }));
  EXPECT_EQ(m_client.failure, error_code::connection_reset);
  for (int i = 0; i < 3; ++i) {
    const io_outcome outcome = m_client.write("x");
    EXPECT_EQ(outcome.status, io_status::failed);
    EXPECT_EQ(outcome.failure, error_code::connection_reset);
  }
  run_a_moment();
  EXPECT_EQ(m_client.readable_events, 1);
}

TEST_F(tcp_network_ipv4_test, what_came_before_a_reset_is_read_although_a_write_met_it_first) {
  connect();
  m_client.is_reading = m_server.is_reading = false;
  ASSERT_EQ(m_client.write("unread").bytes, 6U);
  ASSERT_TRUE(run_until([&] { return m_server.readable_events == 1; }));
  ASSERT_EQ(m_server.write("last words").bytes, 10U);
  m_server.stream->close();
  ASSERT_TRUE(run_until([&] { return m_client.readable_events > 0; }));
  ASSERT_EQ(m_client.write("x").status, io_status::failed);
  m_client.read_all();
  EXPECT_EQ(m_client.received, "last words");
  EXPECT_EQ(m_client.failure, error_code::connection_reset);
  EXPECT_EQ(m_client.write("x").status, io_status::failed);
}

TEST_F(tcp_network_ipv4_test, survives_writes_to_a_closed_peer_with_the_default_signal_action) {
  struct sigaction before {};
  struct sigaction deadly {};
  deadly.sa_handler = SIG_DFL;
  ASSERT_EQ(::sigaction(SIGPIPE, &deadly, &before), 0);
  connect();
  m_client.is_reading = false;  // so that writing finds out
  m_server.stream->close();
  io_outcome outcome;
  ASSERT_TRUE(run_until([&] {
    outcome = m_client.write("x");
    return outcome.status == io_status::failed;
  }));
  EXPECT_EQ(outcome.failure, error_code::connection_reset);
  EXPECT_EQ(m_client.write("x").status, io_status::failed);
  ::sigaction(SIGPIPE, &before, nullptr);
}

TEST_F(tcp_network_ipv4_test, says_nothing_after_close_with_waits_under_way) {
  connect();
  while (m_client.write_until_full(std::string(1'000'000, 'x')) > 0) {
  }
  m_client.stream->request_writable();
  ASSERT_EQ(m_server.write("hello").bytes, 5U);
  m_client.stream->close();
  m_client.stream->close();
  m_client.stream->request_writable();
  EXPECT_EQ(m_client.write("x").status, io_status::closed);
  EXPECT_EQ(m_client.stream->read_some(nullptr, 0).status, io_status::closed);
  run_a_moment();
  EXPECT_EQ(m_client.readable_events + m_client.writable_events, 0);
  m_client.stream.reset();
  m_server.stream.reset();
  run_a_moment();
}

TEST_F(tcp_network_ipv4_test, lets_a_listener_destroy_the_stream_in_its_event) {
  struct suicidal final : byte_stream_events {
    std::unique_ptr<byte_stream> stream;
    bool reads_first = false;
    void on_readable() override {
      uint8_t byte = 0;
      if (reads_first) static_cast<void>(stream->read_some(&byte, 1));
      stream.reset();
    }
    void on_writable() override {}
  };
  connect();
  suicidal victim;
  victim.reads_first = true;
  m_server.stream->set_events(nullptr);
  victim.stream = std::move(m_server.stream);
  victim.stream->set_events(&victim);
  ASSERT_EQ(m_client.write("one and more").bytes, 12U);
  ASSERT_TRUE(run_until([&] { return !victim.stream; }));
  EXPECT_TRUE(run_until([&] { return m_client.is_closed || m_client.failure; }));
}

TEST_F(tcp_network_ipv4_test, asks_again_after_a_partial_read_and_not_after_none) {
  connect();
  m_server.is_reading = false;
  ASSERT_EQ(m_client.write("ab").bytes, 2U);
  ASSERT_TRUE(run_until([&] { return m_server.readable_events == 1; }));
  run_a_moment();
  EXPECT_EQ(m_server.readable_events, 1);
  uint8_t byte = 0;
  EXPECT_EQ(m_server.stream->read_some(&byte, 1).bytes, 1U);
  EXPECT_TRUE(run_until([&] { return m_server.readable_events == 2; }));
}

TEST_F(tcp_network_ipv4_test, samples_what_the_kernel_counts) {
  connect();
  ASSERT_EQ(m_client.write("12345").bytes, 5U);
  ASSERT_TRUE(run_until([&] { return m_server.received.size() == 5; }));
  ASSERT_TRUE(run_until([&] {
    m_loop.post([] {});
    return m_client.stream->sample().unacked_bytes == 0U;
  }));
  const stream_counters counters = m_client.stream->sample();
  EXPECT_EQ(counters.bytes_written, 5U);
  EXPECT_EQ(counters.unsent_bytes, 0U);
  EXPECT_TRUE(counters.rtt_us.has_value());
  EXPECT_LT(counters.rtt_us.value_or(0), 1'000'000U);
  EXPECT_GT(counters.shortest_rtt_us.value_or(0), 0U);
  EXPECT_LE(counters.shortest_rtt_us.value_or(0), counters.rtt_us.value_or(0) + 1000);
  EXPECT_EQ(counters.window_limited_us, 0U);
  EXPECT_EQ(counters.retransmits, 0U);
  EXPECT_EQ(m_server.stream->sample().bytes_read, 5U);
  m_client.stream->close();
  EXPECT_FALSE(m_client.stream->sample().unacked_bytes.has_value());
}

TEST_F(tcp_network_ipv4_test, names_an_address_that_is_taken_or_not_its_own) {
  listen();
  const auto taken = m_net.listen(m_acceptor->local(), [](auto) {});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, error_code::already_exists);
  EXPECT_THAT(taken.error().message, HasSubstr("listen on " + m_acceptor->local().to_string()));
  const auto foreign = m_net.listen(parse_endpoint("192.0.2.1", 0).value(), [](auto) {});
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, error_code::unreachable);
}

TEST_F(tcp_network_ipv4_test, listens_on_one_port_for_each_family) {
  // A port that is free in one family may be somebody else's in the other.
  bool has_both = false;
  for (int i = 0; i < 20 && !has_both; ++i) {
    const auto ipv6 = m_net.listen(parse_endpoint("::", 0).value(), [](auto) {});
    ASSERT_TRUE(ipv6) << ipv6.error().message;
    has_both = m_net.listen(parse_endpoint("0.0.0.0", (*ipv6)->local().port).value(), [](auto) {}).has_value();
  }
  EXPECT_TRUE(has_both);
}

TEST_F(tcp_network_ipv4_test, listens_again_at_once_on_a_port_with_old_connections) {
  connect();
  const endpoint address = m_acceptor->local();
  m_acceptor.reset();
  m_server.stream->close();
  EXPECT_TRUE(m_net.listen(address, [](auto) {}));
}

TEST_F(tcp_network_ipv4_test, accepts_again_when_descriptors_are_back) {
  if (test::has_ubsan) GTEST_SKIP() << "UBSan looks at types through a pipe, for which this test leaves no descriptor";
  listen();
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(client, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(m_acceptor->local().port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::dup(client);
  ::close(next);
  struct rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);  // every new descriptor is refused
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  EXPECT_LT(run_a_moment(), 10) << "it pauses instead of spinning";
  EXPECT_EQ(m_accepted, 0);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(run_until([&] { return m_accepted == 1; }));
  ::close(client);
}

TEST_F(tcp_network_ipv4_test, survives_a_connection_that_is_gone_before_it_is_accepted) {
  listen();
  m_keep_accepted = false;
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(m_acceptor->local().port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  const linger at_once{1, 0};
  ::setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(client);  // RST
  run_a_moment();
  const int before = m_accepted;
  m_keep_accepted = true;
  start_connect(m_acceptor->local());
  EXPECT_TRUE(run_until([&] { return m_client.stream && m_accepted == before + 1; }));
}

TEST_F(tcp_network_ipv4_test, sets_the_options_of_the_connection) {
  m_options.user_timeout = 7s;
  m_options.notsent_lowat_bytes = 64 * 1024;
  connect();
  int found = -1;
  for (int fd = 3; fd < 1024 && found < 0; ++fd) {
    sockaddr_in own{};
    socklen_t size = sizeof own;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) == 0 && own.sin_family == AF_INET &&
        ntohs(own.sin_port) == m_client.stream->local().port) {
      found = fd;
    }
  }
  ASSERT_GE(found, 0);
  const struct {
    const char* name;
    int level;
    int option;
    int value;
  } rows[] = {{"no delay", IPPROTO_TCP, TCP_NODELAY, 1},
              {"keep-alive", SOL_SOCKET, SO_KEEPALIVE, 1},
              {"user timeout", IPPROTO_TCP, TCP_USER_TIMEOUT, 7000},
              {"low-water mark", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 64 * 1024}};
  for (const auto& row : rows) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(found, row.level, row.option, &value, &size), 0) << row.name;
    EXPECT_EQ(value, row.value) << row.name;
  }
  EXPECT_NE(::fcntl(found, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(found, F_GETFD) & FD_CLOEXEC, 0);
}

}  // namespace
}  // namespace campush
