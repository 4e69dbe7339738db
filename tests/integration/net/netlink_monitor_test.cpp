#include "net/netlink_monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include "fakes/private_network.h"

namespace campush {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Notes what it is told, and may stop listening in the call.
class recorder final : public link_listener {
 public:
  void on_link_changed(bool has_new_path) override {
    told.push_back(has_new_path);
    if (registered_at != nullptr) registered_at->remove(*this);
  }
  std::vector<bool> told;
  link_monitor* registered_at = nullptr;  ///< it removes itself there
};

/// A namespace with one cable: cam0 is this machine's end, cam1 stays without an address.
class netlink_monitor_test : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!m_network.why_not().empty()) GTEST_SKIP() << m_network.why_not();
    ASSERT_TRUE(ip("link add cam0 type veth peer name cam1")) << "veth";
    ASSERT_TRUE(private_network::run("for end in cam0 cam1; do echo 0 >/proc/sys/net/ipv6/conf/$end/accept_dad; done"));
    ASSERT_TRUE(ip("link set cam0 up; ip link set cam1 up"));
    wait_for_carrier();
    auto made = netlink_monitor::make(m_loop);
    ASSERT_TRUE(made) << made.error().message;
    m_monitor = std::move(*made);
    m_monitor->add(m_listener);
    settle();
    m_listener.told.clear();
  }
  void TearDown() override {
    if (m_monitor) m_monitor->remove(m_listener);
  }
  static bool ip(const std::string& arguments) { return private_network::run("ip " + arguments); }
  /// Runs the loop for so long: nothing here waits for a fixed time to be right, it waits for silence to be one.
  void run_for(duration span) {
    const time_point end = m_loop.now() + span;
    while (m_loop.now() < end) m_loop.run_one_for(end - m_loop.now());
  }
  void settle() { run_for(link_monitor::debounce + 200ms); }
  /// Until it was told, or 30 s.
  std::vector<bool> next_told() {
    m_listener.told.clear();
    const time_point end = m_loop.now() + 30s;
    while (m_listener.told.empty() && m_loop.now() < end) m_loop.run_one_for(100ms);
    return m_listener.told;
  }
  static void wait_for_carrier() {
    ASSERT_TRUE(
        private_network::run("for i in $(seq 1000); do if ip link show cam0 | grep -q 'state UP'; then exit 0; fi; "
                             "sleep 0.02; done; exit 1"));
  }
  endpoint address(const char* text) const { return parse_endpoint(text, 0).value(); }

  private_network m_network;
  asio_event_loop m_loop;
  recorder m_listener;
  std::unique_ptr<netlink_monitor> m_monitor;
};

TEST_F(netlink_monitor_test, tells_of_a_new_address_once_after_the_debounce) {
  const time_point start = m_loop.now();
  ASSERT_TRUE(ip("address add 10.9.0.1/24 dev cam0; ip address add 10.9.0.2/24 dev cam0"));
  EXPECT_THAT(next_told(), ElementsAre(true));
  EXPECT_GE(m_loop.now() - start, link_monitor::debounce);
  m_listener.told.clear();
  settle();
  EXPECT_THAT(m_listener.told, IsEmpty());
  EXPECT_TRUE(m_monitor->is_local(address("10.9.0.2")));
}

TEST_F(netlink_monitor_test, tells_of_a_lost_address_as_no_new_path) {
  ASSERT_TRUE(ip("address add 10.9.0.1/24 dev cam0"));
  ASSERT_THAT(next_told(), ElementsAre(true));
  ASSERT_TRUE(ip("address del 10.9.0.1/24 dev cam0"));
  EXPECT_THAT(next_told(), ElementsAre(false));
  EXPECT_FALSE(m_monitor->is_local(address("10.9.0.1")));
}

TEST_F(netlink_monitor_test, tells_of_default_routes_and_of_other_routes) {
  ASSERT_TRUE(ip("address add 10.9.0.1/24 dev cam0"));
  ASSERT_THAT(next_told(), ElementsAre(true));
  ASSERT_TRUE(ip("route add default via 10.9.0.254"));
  EXPECT_THAT(next_told(), ElementsAre(true));
  ASSERT_TRUE(ip("route add 10.8.0.0/16 via 10.9.0.253"));
  EXPECT_THAT(next_told(), ElementsAre(false)) << "another way, not a new one";
  ASSERT_TRUE(ip("route replace default via 10.9.0.254 metric 7; ip route del default via 10.9.0.254 metric 0"));
  EXPECT_THAT(next_told(), ElementsAre(false)) << "the same way at another price";
  ASSERT_TRUE(ip("route del default"));
  EXPECT_THAT(next_told(), ElementsAre(false));
}

TEST_F(netlink_monitor_test, tells_nothing_of_what_came_back_within_the_debounce) {
  ASSERT_TRUE(ip("address add 10.9.0.1/24 dev cam0"));
  ASSERT_THAT(next_told(), ElementsAre(true));
  m_listener.told.clear();
  ASSERT_TRUE(ip("address del 10.9.0.1/24 dev cam0; ip address add 10.9.0.1/24 dev cam0"));
  settle();
  EXPECT_THAT(m_listener.told, IsEmpty());
}

TEST_F(netlink_monitor_test, calls_a_cable_that_is_back_a_new_path) {
  ASSERT_TRUE(ip("address add 10.9.0.1/24 dev cam0; ip route add default via 10.9.0.254"));
  ASSERT_THAT(next_told(), ElementsAre(true));
  ASSERT_TRUE(ip("link set cam1 down"));
  EXPECT_THAT(next_told(), ElementsAre(false));
  EXPECT_TRUE(m_monitor->is_local(address("10.9.0.1"))) << "the address stays while the cable is out";
  ASSERT_TRUE(ip("link set cam1 up"));
  EXPECT_THAT(next_told(), ElementsAre(true));
}

TEST_F(netlink_monitor_test, tells_of_no_path_on_the_loopback) {
  ASSERT_TRUE(ip("address add 10.9.9.9/32 dev lo"));
  EXPECT_THAT(next_told(), ElementsAre(false));
  EXPECT_TRUE(m_monitor->is_local(address("10.9.9.9")));
}

TEST_F(netlink_monitor_test, waits_for_an_ipv6_address_to_be_usable) {
  ASSERT_TRUE(private_network::run("echo 1 >/proc/sys/net/ipv6/conf/cam0/accept_dad"));
  ASSERT_TRUE(ip("address add fd09::1/64 dev cam0"));
  EXPECT_THAT(next_told(), ElementsAre(false)) << "tentative for a second";
  EXPECT_TRUE(m_monitor->is_local(address("fd09::1")));
  EXPECT_THAT(next_told(), ElementsAre(true));
  ASSERT_TRUE(ip("address change fd09::1/64 dev cam0 preferred_lft 0"));
  EXPECT_THAT(next_told(), ElementsAre(false)) << "deprecated: nothing new will leave from it";
  EXPECT_TRUE(m_monitor->is_local(address("fd09::1"))) << "what left from it goes on";
}

TEST_F(netlink_monitor_test, tells_of_nothing_when_only_lifetimes_are_refreshed) {
  ASSERT_TRUE(ip("address add fd09::1/64 dev cam0 nodad valid_lft 1000 preferred_lft 1000"));
  ASSERT_THAT(next_told(), ElementsAre(true));
  settle();
  m_listener.told.clear();
  ASSERT_TRUE(ip("address change fd09::1/64 dev cam0 valid_lft 2000 preferred_lft 2000"));
  settle();
  EXPECT_THAT(m_listener.told, IsEmpty());
}

TEST_F(netlink_monitor_test, survives_more_events_than_the_socket_holds) {
  ASSERT_TRUE(
      private_network::run("for i in 1 2 3 4; do for j in $(seq 250); do echo \"address add 10.9.$i.$j/32 dev cam0\"; "
                           "done; done | ip -batch -"));
  EXPECT_THAT(next_told(), ElementsAre(true));
  settle();
  EXPECT_TRUE(m_monitor->is_local(address("10.9.4.250")));
  ASSERT_TRUE(ip("address flush dev cam0 2>/dev/null"));
  EXPECT_THAT(next_told(), ElementsAre(false));
}

TEST_F(netlink_monitor_test, knows_the_way_to_a_peer) {
  ASSERT_TRUE(ip("address add 10.9.0.1/24 dev cam0; ip address add fd09::1/64 dev cam0 nodad"));
  ASSERT_TRUE(ip("route add default via 10.9.0.254"));
  const uint32_t cam0 = ::if_nametoindex("cam0");
  struct {
    const char* name;
    const char* peer;
    const char* source;
    uint32_t index;
  } const rows[] = {
      {"in the network", "10.9.0.77", "10.9.0.1", cam0},
      {"behind the gateway", "192.0.2.1", "10.9.0.1", cam0},
      {"IPv6", "fd09::77", "fd09::1", cam0},
      {"itself", "127.0.0.1", "127.0.0.1", ::if_nametoindex("lo")},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto route = m_monitor->route_to(address(row.peer));
    ASSERT_TRUE(route) << route.error().message;
    EXPECT_EQ(route->interface_index, row.index);
    EXPECT_EQ(route->source, address(row.source));
  }
}

TEST_F(netlink_monitor_test, says_unreachable_where_no_way_leads) {
  ASSERT_TRUE(ip("address add 10.9.0.1/24 dev cam0"));
  ASSERT_TRUE(
      ip("route add unreachable 10.7.0.0/16; ip route add blackhole 10.6.0.0/16; ip route add prohibit 10.5.0.0/16"));
  ASSERT_TRUE(ip("-6 route add unreachable fd07::/64; ip -6 route add blackhole fd06::/64"));
  for (const char* peer : {"192.0.2.1", "10.7.0.1", "10.6.0.1", "10.5.0.1", "2001:db8::1", "fd07::1", "fd06::1"}) {
    const auto route = m_monitor->route_to(address(peer));
    ASSERT_FALSE(route) << peer;
    EXPECT_EQ(route.error().code, error_code::unreachable) << peer;
    EXPECT_THAT(route.error().message, HasSubstr(std::string(peer) + ": no route"));
  }
}

TEST_F(netlink_monitor_test, sees_the_same_way_while_temporary_addresses_come_and_go) {
  ASSERT_TRUE(private_network::run("echo 2 >/proc/sys/net/ipv6/conf/cam0/use_tempaddr"));
  ASSERT_TRUE(ip("address add fd09::1/64 dev cam0 mngtmpaddr"));
  ASSERT_THAT(next_told(), ElementsAre(true));
  ASSERT_TRUE(ip("-6 address show dev cam0 | grep -q temporary")) << "this kernel makes none";
  const auto route = m_monitor->route_to(address("fd09::77"));
  ASSERT_TRUE(route) << route.error().message;
  EXPECT_EQ(route->source, address("fd09::"));
  EXPECT_EQ(route->interface_index, ::if_nametoindex("cam0"));
}

TEST_F(netlink_monitor_test, knows_its_own_addresses) {
  ASSERT_TRUE(ip("address add 10.9.0.1/24 dev cam0; ip address add 10.9.5.1 peer 10.9.5.2 dev cam0"));
  EXPECT_TRUE(m_monitor->is_local(address("10.9.0.1"))) << "before the debounce";
  settle();
  for (const char* own : {"10.9.0.1", "10.9.5.1", "127.0.0.1", "127.0.0.77", "::1"}) {
    EXPECT_TRUE(m_monitor->is_local(address(own))) << own;
  }
  for (const char* other : {"10.9.0.2", "10.9.5.2", "192.0.2.1", "fd09::1"}) {
    EXPECT_FALSE(m_monitor->is_local(address(other))) << other;
  }
}

TEST_F(netlink_monitor_test, lets_a_listener_leave_in_its_call) {
  recorder leaving;
  recorder last;
  leaving.registered_at = m_monitor.get();
  m_monitor->add(leaving);
  m_monitor->add(last);
  ASSERT_TRUE(ip("address add 10.9.0.1/24 dev cam0"));
  EXPECT_THAT(next_told(), ElementsAre(true));
  ASSERT_TRUE(ip("address del 10.9.0.1/24 dev cam0"));
  EXPECT_THAT(next_told(), ElementsAre(false));
  EXPECT_THAT(leaving.told, ElementsAre(true));
  EXPECT_THAT(last.told, ElementsAre(true, false));
  m_monitor->remove(last);
}

}  // namespace
}  // namespace campush
