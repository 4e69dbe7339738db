#include "net/link_snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>

namespace campush {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint32_t sequence = 7;
constexpr uint32_t running = IFF_UP | IFF_RUNNING;
constexpr uint32_t eth0 = 2, wwan0 = 3, lo = 1;

endpoint address(const char* text) {
  return parse_endpoint(text, 0).value();
}

/// Writes what the kernel would: messages with attributes, lengths set in the end.
class datagram {
 public:
  template <class Fixed>
  datagram& message(uint16_t type, const Fixed& fixed, uint16_t flags = NLM_F_MULTI) {
    end_message();
    m_start = m_bytes.size();
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = flags;
    header.nlmsg_seq = m_sequence;
    put(header);
    put(fixed);
    return *this;
  }
  datagram& attribute(uint16_t type, const void* data, size_t size) {
    rtattr header{};
    header.rta_len = static_cast<uint16_t>(sizeof header + size);
    header.rta_type = type;
    put(header);
    const auto* first = static_cast<const uint8_t*>(data);
    m_bytes.insert(m_bytes.end(), first, first + size);
    m_bytes.resize((m_bytes.size() + 3) / 4 * 4);
    return *this;
  }
  datagram& attribute(uint16_t type, uint32_t value) { return attribute(type, &value, sizeof value); }
  datagram& attribute(uint16_t type, const endpoint& value) {
    return attribute(type, value.address.data(), value.address_family == endpoint::family::ipv6 ? 16 : 4);
  }
  datagram& attribute(uint16_t type, const char* text) { return attribute(type, text, std::strlen(text) + 1); }

  datagram& interface(uint32_t index, const char* name, uint32_t flags) {
    ifinfomsg fixed{};
    fixed.ifi_index = static_cast<int>(index);
    fixed.ifi_flags = flags;
    return message(RTM_NEWLINK, fixed).attribute(IFLA_IFNAME, name);
  }
  datagram& address(uint32_t index, const char* text, uint8_t prefix_bits, uint32_t flags = 0,
                    uint8_t scope = RT_SCOPE_UNIVERSE) {
    const endpoint value = campush::address(text);
    ifaddrmsg fixed{};
    fixed.ifa_family = value.address_family == endpoint::family::ipv6 ? AF_INET6 : AF_INET;
    fixed.ifa_index = index;
    fixed.ifa_prefixlen = prefix_bits;
    fixed.ifa_scope = scope;
    return message(RTM_NEWADDR, fixed).attribute(IFA_ADDRESS, value).attribute(IFA_FLAGS, flags);
  }
  datagram& default_route(uint32_t index, const char* gateway, uint32_t priority = 0, uint8_t type = RTN_UNICAST) {
    const endpoint value = campush::address(gateway);
    rtmsg fixed{};
    fixed.rtm_family = value.address_family == endpoint::family::ipv6 ? AF_INET6 : AF_INET;
    fixed.rtm_type = type;
    return message(RTM_NEWROUTE, fixed)
        .attribute(RTA_TABLE, static_cast<uint32_t>(RT_TABLE_MAIN))
        .attribute(RTA_GATEWAY, value)
        .attribute(RTA_OIF, index)
        .attribute(RTA_PRIORITY, priority);
  }
  datagram& end(int32_t code = 0, uint16_t flags = NLM_F_MULTI) { return message(NLMSG_DONE, code, flags); }
  std::vector<uint8_t> bytes() {
    end_message();
    return m_bytes;
  }
  uint32_t m_sequence = sequence;

 private:
  template <class Fixed>
  void put(const Fixed& fixed) {
    const auto* const first = reinterpret_cast<const uint8_t*>(&fixed);
    m_bytes.insert(m_bytes.end(), first, first + sizeof fixed);
    m_bytes.resize((m_bytes.size() + 3) / 4 * 4);
  }
  void end_message() {
    if (m_bytes.empty()) return;
    const auto length = static_cast<uint32_t>(m_bytes.size() - m_start);
    std::memcpy(m_bytes.data() + m_start, &length, sizeof length);
  }
  std::vector<uint8_t> m_bytes;
  size_t m_start = 0;
};

datagram machine() {
  return datagram()
      .interface(lo, "lo", running | IFF_LOOPBACK)
      .interface(eth0, "eth0", running)
      .interface(wwan0, "wwan0", IFF_UP);
}

std::vector<std::string> paths_of(datagram bytes) {
  link_snapshot snapshot;
  EXPECT_TRUE(snapshot.add(bytes.bytes(), sequence));
  return snapshot.paths();
}

TEST(link_snapshot, lists_addresses_and_default_routes_of_running_interfaces) {
  EXPECT_THAT(paths_of(machine()
                           .address(lo, "127.0.0.1", 8, 0, RT_SCOPE_HOST)
                           .address(eth0, "10.0.0.5", 24)
                           .address(eth0, "2001:db8::5", 64)
                           .address(wwan0, "10.64.0.5", 30)
                           .default_route(eth0, "10.0.0.1")
                           .default_route(eth0, "fe80::1", 1024)
                           .default_route(wwan0, "10.64.0.6", 900)),
              ElementsAre("IPv4 default route to 10.0.0.1 on eth0", "IPv6 default route to fe80::1 on eth0",
                          "address 10.0.0.5 on eth0", "address 2001:db8::5 on eth0"));
}

TEST(link_snapshot, counts_as_paths_only_what_new_connections_can_use) {
  struct {
    const char* name;
    datagram bytes;
  } const rows[] = {
      {"tentative", machine().address(eth0, "2001:db8::5", 64, IFA_F_TENTATIVE)},
      {"duplicate", machine().address(eth0, "2001:db8::5", 64, IFA_F_DADFAILED | IFA_F_TENTATIVE)},
      {"duplicate of an optimist", machine().address(eth0, "2001:db8::5", 64, IFA_F_DADFAILED | IFA_F_OPTIMISTIC)},
      {"deprecated", machine().address(eth0, "2001:db8::5", 64, IFA_F_DEPRECATED)},
      {"one of the daily ones", machine().address(eth0, "2001:db8::5", 64, IFA_F_TEMPORARY)},
      {"link-local", machine().address(eth0, "fe80::5", 64, 0, RT_SCOPE_LINK)},
      {"no carrier", machine().address(wwan0, "10.64.0.5", 30)},
      {"no such interface", machine().address(9, "10.64.0.5", 30)},
      {"on the loopback", machine().address(lo, "10.0.0.5", 32)},
      {"a route before its address",
       machine().default_route(eth0, "fe80::1").address(eth0, "fe80::5", 64, 0, RT_SCOPE_LINK)},
  };
  for (const auto& row : rows) EXPECT_THAT(paths_of(row.bytes), IsEmpty()) << row.name;
  EXPECT_THAT(paths_of(machine().address(eth0, "2001:db8::5", 64, IFA_F_TENTATIVE | IFA_F_OPTIMISTIC)),
              ElementsAre("address 2001:db8::5 on eth0"));
  static_assert(IFA_F_SECONDARY == IFA_F_TEMPORARY);
  EXPECT_THAT(paths_of(machine().address(eth0, "10.0.0.6", 24, IFA_F_SECONDARY)),
              ElementsAre("address 10.0.0.6 on eth0"));
}

TEST(link_snapshot, counts_no_default_route_that_refuses) {
  const auto with_route = [](uint8_t type) {
    return machine().address(eth0, "10.0.0.5", 24).default_route(eth0, "10.0.0.1", 0, type);
  };
  EXPECT_EQ(paths_of(with_route(RTN_UNREACHABLE)).size(), 1U);
  EXPECT_EQ(paths_of(with_route(RTN_UNICAST)).size(), 2U);
}

TEST(link_snapshot, takes_the_local_end_of_a_point_to_point_link) {
  ifaddrmsg fixed{};
  fixed.ifa_family = AF_INET;
  fixed.ifa_index = eth0;
  EXPECT_THAT(paths_of(machine()
                           .message(RTM_NEWADDR, fixed)
                           .attribute(IFA_ADDRESS, address("10.64.0.1"))
                           .attribute(IFA_LOCAL, address("10.64.0.2"))),
              ElementsAre("address 10.64.0.2 on eth0"));
}

TEST(link_snapshot, counts_each_way_of_a_route_over_several) {
  struct {
    rtnexthop hop;
    rtattr header;
    uint8_t gateway[4];
  } const hops[] = {
      {{sizeof hops[0], 0, 0, static_cast<int>(eth0)}, {8, RTA_GATEWAY}, {10, 0, 0, 1}},
      {{sizeof hops[0], 0, 0, static_cast<int>(wwan0)}, {8, RTA_GATEWAY}, {10, 64, 0, 1}},
      {{sizeof hops[0], 0, 0, static_cast<int>(eth0)}, {8, RTA_GATEWAY}, {10, 0, 0, 2}},
  };
  rtmsg fixed{};
  fixed.rtm_family = AF_INET;
  fixed.rtm_type = RTN_UNICAST;
  fixed.rtm_table = RT_TABLE_MAIN;
  EXPECT_THAT(paths_of(machine()
                           .address(eth0, "10.0.0.5", 24)
                           .message(RTM_NEWROUTE, fixed)
                           .attribute(RTA_MULTIPATH, hops, sizeof hops)),
              ElementsAre("IPv4 default route to 10.0.0.1 on eth0", "IPv4 default route to 10.0.0.2 on eth0",
                          "address 10.0.0.5 on eth0"));
}

TEST(link_snapshot, differs_by_what_matters_only) {
  const auto taken = [](datagram bytes) {
    link_snapshot snapshot;
    EXPECT_TRUE(snapshot.add(bytes.bytes(), sequence));
    return snapshot;
  };
  const link_snapshot before = taken(machine().address(eth0, "2001:db8::5", 64).default_route(eth0, "10.0.0.1"));
  struct {
    const char* name;
    datagram bytes;
    bool is_same;
  } const rows[] = {
      {"the same", machine().address(eth0, "2001:db8::5", 64).default_route(eth0, "10.0.0.1"), true},
      {"a flag of no interest",
       machine()
           .address(eth0, "2001:db8::5", 64, IFA_F_PERMANENT | IFA_F_NOPREFIXROUTE)
           .default_route(eth0, "10.0.0.1"),
       true},
      {"deprecated", machine().address(eth0, "2001:db8::5", 64, IFA_F_DEPRECATED).default_route(eth0, "10.0.0.1"),
       false},
      {"another price", machine().address(eth0, "2001:db8::5", 64).default_route(eth0, "10.0.0.1", 5), false},
      {"another interface", machine().address(eth0, "2001:db8::5", 64).default_route(wwan0, "10.0.0.1"), false},
      {"a route less", machine().address(eth0, "2001:db8::5", 64), false},
  };
  for (const auto& row : rows) EXPECT_EQ(taken(row.bytes) == before, row.is_same) << row.name;
}

TEST(link_snapshot, leaves_out_the_local_table_and_cached_routes) {
  const auto with_route = [](uint8_t table, uint32_t flags) {
    rtmsg fixed{};
    fixed.rtm_family = AF_INET;
    fixed.rtm_type = RTN_UNICAST;
    fixed.rtm_table = table;
    fixed.rtm_flags = flags;
    auto bytes = machine().address(eth0, "10.0.0.5", 24).message(RTM_NEWROUTE, fixed).attribute(RTA_OIF, eth0);
    return paths_of(bytes).size() == 2;
  };
  EXPECT_TRUE(with_route(RT_TABLE_MAIN, 0));
  EXPECT_TRUE(with_route(100, 0)) << "a table of a routing policy";
  EXPECT_FALSE(with_route(RT_TABLE_LOCAL, 0));
  EXPECT_FALSE(with_route(RT_TABLE_MAIN, RTM_F_CLONED));
}

TEST(link_snapshot, knows_local_addresses) {
  link_snapshot snapshot;
  ASSERT_TRUE(snapshot.add(machine()
                               .address(lo, "127.0.0.1", 8, 0, RT_SCOPE_HOST)
                               .address(eth0, "10.0.0.5", 24)
                               .address(eth0, "fe80::5", 64, IFA_F_TENTATIVE, RT_SCOPE_LINK)
                               .bytes(),
                           sequence));
  for (const char* own : {"127.0.0.1", "127.9.9.9", "10.0.0.5", "fe80::5", "fe80::5%2"}) {
    EXPECT_TRUE(snapshot.is_local(address(own))) << own;
  }
  for (const char* other : {"128.0.0.1", "10.0.0.6", "fe80::6", "fe80::5%3", "7f00:1::"}) {
    EXPECT_FALSE(snapshot.is_local(address(other))) << other;
  }
}

TEST(link_snapshot, tells_how_a_dump_goes_on) {
  using progress = link_snapshot::progress;
  link_snapshot snapshot;
  EXPECT_EQ(snapshot.add(machine().bytes(), sequence), progress::goes_on);
  EXPECT_EQ(snapshot.add(datagram().end().bytes(), sequence), progress::done);
  EXPECT_EQ(snapshot.add(datagram().end(0, NLM_F_MULTI | NLM_F_DUMP_INTR).bytes(), sequence), progress::interrupted);
  EXPECT_EQ(snapshot.add({}, sequence), progress::goes_on);
  EXPECT_EQ(snapshot.add(datagram().end(-ENOBUFS).bytes(), sequence + 1), progress::goes_on) << "of another question";
  const auto failed = snapshot.add(datagram().end(-EPERM).bytes(), sequence);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, error_code::permission_denied);
}

TEST(link_snapshot, keeps_a_bounded_number_of_entries) {
  link_snapshot snapshot;
  const auto one = datagram().address(eth0, "10.0.0.5", 24).bytes();
  const auto other = datagram().address(eth0, "10.0.0.6", 24).bytes();
  for (size_t i = 0; i < link_snapshot::max_entries; ++i) ASSERT_TRUE(snapshot.add(one, sequence));
  ASSERT_TRUE(snapshot.add(other, sequence));
  EXPECT_FALSE(snapshot.is_local(address("10.0.0.6")));
}

TEST(link_snapshot, refuses_lengths_that_do_not_fit) {
  const auto whole = datagram().address(eth0, "10.0.0.5", 24).bytes();
  for (size_t size = 1; size < whole.size(); ++size) {
    const std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    link_snapshot snapshot;
    const auto added = snapshot.add(cut, sequence);
    ASSERT_FALSE(added) << size;
    EXPECT_EQ(added.error().code, error_code::malformed);
  }
  const auto with_byte = [&whole](size_t offset, uint8_t value) {
    auto bytes = whole;
    bytes[offset] = value;
    return link_snapshot().add(bytes, sequence).has_value();
  };
  constexpr size_t first_attribute = sizeof(nlmsghdr) + sizeof(ifaddrmsg);
  EXPECT_TRUE(with_byte(first_attribute, 8)) << "as it is";
  EXPECT_FALSE(with_byte(first_attribute, 3)) << "an attribute shorter than its header";
  EXPECT_FALSE(with_byte(first_attribute, 200)) << "an attribute longer than the message";
  EXPECT_FALSE(with_byte(0, 15)) << "a message shorter than its header";
  EXPECT_TRUE(with_byte(first_attribute, 7)) << "an address of three bytes is none";
}

TEST(route_question, names_the_interface_of_a_link_local_peer) {
  EXPECT_EQ(make_route_request(address("10.0.0.9"), 1).size(), 16U + 12 + 8);
  EXPECT_EQ(make_route_request(address("fe80::9"), 1).size(), 16U + 12 + 20);
  EXPECT_EQ(make_route_request(address("fe80::9%2"), 1).size(), 16U + 12 + 20 + 8);
}

TEST(route_answer, is_read_or_says_why_not) {
  const auto answer = [](datagram bytes) { return parse_route_answer(bytes.bytes(), sequence); };
  rtmsg fixed{};
  fixed.rtm_family = AF_INET;
  fixed.rtm_type = RTN_UNICAST;
  const auto good = answer(
      datagram().message(RTM_NEWROUTE, fixed, 0).attribute(RTA_OIF, eth0).attribute(RTA_PREFSRC, address("10.0.0.5")));
  ASSERT_TRUE(good && *good);
  EXPECT_EQ((*good)->route.interface_index, eth0);
  EXPECT_EQ((*good)->route.source, address("10.0.0.5"));
  EXPECT_FALSE((*good)->is_local);

  const auto code_of = [](const auto& parsed) { return parsed && !*parsed ? parsed->error().code : error_code{}; };
  EXPECT_EQ(code_of(answer(datagram().message(NLMSG_ERROR, int32_t{-ENETUNREACH}))), error_code::unreachable);
  EXPECT_EQ(code_of(answer(datagram().message(NLMSG_ERROR, int32_t{-EOPNOTSUPP}))), error_code::unsupported);
  EXPECT_EQ(code_of(answer(datagram().message(NLMSG_ERROR, int32_t{0}))), error_code::malformed);
  EXPECT_EQ(code_of(answer(datagram().message(RTM_NEWROUTE, uint8_t{0}))), error_code::malformed);
  fixed.rtm_type = RTN_BLACKHOLE;
  EXPECT_EQ(code_of(answer(datagram().message(RTM_NEWROUTE, fixed))), error_code::unreachable);
  EXPECT_EQ(answer(datagram().end()), std::nullopt) << "not to the question";
  EXPECT_EQ(parse_route_answer(datagram().message(NLMSG_ERROR, int32_t{-EPERM}).bytes(), 1), std::nullopt);
}

}  // namespace
}  // namespace campush
