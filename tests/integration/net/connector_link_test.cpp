#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/private_network.h"
#include "net/asio_event_loop.h"
#include "net/connector.h"
#include "net/netlink_monitor.h"
#include "net/tcp_network.h"

namespace campush {
namespace {

using namespace std::chrono_literals;

/// Answers every name with the same addresses, in their order.
class fixed_names final : public resolver {
 public:
  fixed_names(event_loop& loop, std::vector<endpoint> addresses) : m_loop(loop), m_addresses(std::move(addresses)) {}
  std::unique_ptr<pending_operation> resolve(const std::string&, uint16_t port, resolve_callback done) override {
    auto answer = std::make_unique<query>();
    answer->timer = m_loop.make_timer([this, port, done = std::move(done)] {
      std::vector<endpoint> addresses = m_addresses;
      for (endpoint& address : addresses) address.port = port;
      done(std::move(addresses));
    });
    answer->timer->arm_after(duration(0));
    return answer;
  }

 private:
  struct query final : pending_operation {
    std::unique_ptr<loop_timer> timer;
  };
  event_loop& m_loop;
  const std::vector<endpoint> m_addresses;
};

class connector_link_test : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!m_network.why_not().empty()) GTEST_SKIP() << m_network.why_not();
    // Packets to fd09::99 leave through a cable whose other end drops them.
    ASSERT_TRUE(
        private_network::run("ip link add far0 type veth peer name far1; ip link set far0 up; ip link set far1 up; ip "
                             "address add fd09::1/64 dev far0 nodad;"
                             "ip neigh add fd09::99 lladdr 02:00:00:00:00:99 dev far0"));
    auto listening =
        m_streams.listen(parse_endpoint("127.0.0.1", 0).value(), [this](auto stream) { m_served = std::move(stream); });
    ASSERT_TRUE(listening) << listening.error().message;
    m_server = std::move(*listening);
    m_target.host = "server";
    m_target.port = m_server->local().port;
  }
  duration time_to_connect() { return time_to_connect(m_connector); }
  duration time_to_connect(connector& ways) {
    const time_point start = m_loop.now();
    connector::connect_result outcome;
    bool is_done = false;
    const auto operation = ways.connect(m_target, nullptr, [&](auto answer) {
      outcome = std::move(answer);
      is_done = true;
    });
    while (!is_done) {
      if (!m_loop.run_one_for(60s)) break;
    }
    EXPECT_TRUE(outcome) << outcome.error().cause.message;
    return m_loop.now() - start;
  }

  /// The shortest of some times, or the first below `limit`: a loaded machine may be late, not each time.
  template <class Measure>
  static duration shortest(duration limit, Measure measure) {
    duration best = measure();
    for (int i = 0; i < 9 && best >= limit; ++i) best = std::min(best, duration(measure()));
    return best;
  }

  private_network m_network;
  asio_event_loop m_loop;
  tcp_network m_streams{m_loop};
  fixed_names m_names{m_loop, {parse_endpoint("fd09::99", 0).value(), parse_endpoint("127.0.0.1", 0).value()}};
  connector m_connector{m_loop, m_streams, m_names};
  connect_target m_target;
  std::unique_ptr<stream_acceptor> m_server;
  std::unique_ptr<byte_stream> m_served;
};

TEST_F(connector_link_test, loses_less_than_a_second_to_a_dead_ipv6_address_and_nothing_later) {
  const duration first = shortest(1s, [this] {
    m_connector.forget_dead();
    return time_to_connect();
  });
  EXPECT_GE(first, connector::stagger) << "the IPv6 address was not tried first";
  EXPECT_LT(first, 1s);
  EXPECT_LT(shortest(connector::stagger, [this] { return time_to_connect(); }), connector::stagger);
  m_connector.forget_dead();
  EXPECT_GE(time_to_connect(), connector::stagger);
}

TEST_F(connector_link_test, tries_a_dead_address_again_when_the_local_network_has_changed) {
  auto links = netlink_monitor::make(m_loop);
  ASSERT_TRUE(links) << links.error().message;
  connector following(m_loop, m_streams, m_names, links->get());
  ASSERT_GE(time_to_connect(following), connector::stagger);
  ASSERT_LT(shortest(connector::stagger, [&] { return time_to_connect(following); }), connector::stagger);
  ASSERT_TRUE(private_network::run("ip address add 10.9.0.1/24 dev far0"));
  const time_point end = m_loop.now() + 60s;
  while (time_to_connect(following) < connector::stagger && m_loop.now() < end) m_loop.run_one_for(100ms);
  EXPECT_LT(m_loop.now(), end);
}

TEST_F(connector_link_test, tries_the_other_family_at_once_where_there_is_no_route) {
  ASSERT_TRUE(private_network::run("ip address flush dev far0"));
  EXPECT_LT(shortest(connector::stagger, [this] { return time_to_connect(); }), connector::stagger);
}

}  // namespace
}  // namespace campush
