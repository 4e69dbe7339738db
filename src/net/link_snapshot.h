#pragma once

#include <string>
#include <vector>

#include "net/endpoint.h"
#include "net/netlink_messages.h"

namespace campush {

/// Interfaces, addresses and routes of this machine at one moment, as dumps of the kernel gave them.
/// Shape: add() takes a dump datagram by datagram, in any order of the three kinds. At most max_entries of each kind are kept; routes of
///   the local table and cached ones are left out. A path is an address of this machine that others can reach, or a default route of
///   a family that has such an address, each on an interface that is up and has its carrier: what may bring a lost server back.
///   Addresses that are tentative, duplicate, deprecated or temporary (RFC 8981) are not paths.
/// Errors: add(): malformed; what the kernel answered.
/// Thread: any-thread (a value type).
/// Source: rtnetlink(7), linux/if_addr.h; RFC 4862 section 5.4 (tentative), 5.5.4 (deprecated).
class link_snapshot {
 public:
  static constexpr size_t max_entries = 2048;

  enum class progress : uint8_t {
    goes_on,
    done,
    interrupted
  };  ///< interrupted: the tables changed meanwhile, ask again
  [[nodiscard]] result<progress> add(byte_view datagram, uint32_t sequence);

  /// For people, sorted: "address 10.0.0.5 on eth0", "IPv4 default route to 10.0.0.1 on eth0".
  std::vector<std::string> paths() const;
  /// Whether it is an address of this machine, in whatever state. All of a loopback's IPv4 network is.
  bool is_local(const endpoint& address) const noexcept;
  /// Whether it is one of the IPv6 addresses that are replaced each day.
  bool is_temporary(const endpoint& address) const noexcept;

  friend bool operator==(const link_snapshot& left, const link_snapshot& right) noexcept {
    return left.m_interfaces == right.m_interfaces && left.m_addresses == right.m_addresses &&
           left.m_routes == right.m_routes;
  }
  friend bool operator!=(const link_snapshot& left, const link_snapshot& right) noexcept { return !(left == right); }

 private:
  struct interface_entry {
    uint32_t index = 0;
    bool is_running = false, is_loopback = false;
    std::string name;
    bool operator==(const interface_entry& other) const noexcept {
      return index == other.index && is_running == other.is_running && is_loopback == other.is_loopback &&
             name == other.name;
    }
  };
  struct address_entry {
    uint32_t interface_index = 0;
    endpoint address;
    uint8_t prefix_bits = 0, scope = 0;
    uint32_t flags = 0;  ///< IFA_F_*, those that change something here
    bool operator==(const address_entry& other) const noexcept {
      return interface_index == other.interface_index && address == other.address && prefix_bits == other.prefix_bits &&
             scope == other.scope && flags == other.flags;
    }
  };
  struct route_entry {
    uint32_t interface_index = 0;
    endpoint destination, gateway;
    uint8_t prefix_bits = 0, type = 0;
    uint32_t table = 0, priority = 0;
    bool operator==(const route_entry& other) const noexcept {
      return interface_index == other.interface_index && destination == other.destination && gateway == other.gateway &&
             prefix_bits == other.prefix_bits && type == other.type && table == other.table &&
             priority == other.priority;
    }
  };

  bool add_interface(byte_view payload);
  bool add_address(byte_view payload);
  bool add_route(byte_view payload);
  void add_next_hops(const route_entry& route, byte_view hops, int family);
  const interface_entry* find_interface(uint32_t index) const noexcept;
  const interface_entry* find_running(uint32_t index) const noexcept;
  bool is_usable(const address_entry& entry) const noexcept;

  std::vector<interface_entry> m_interfaces;
  std::vector<address_entry> m_addresses;
  std::vector<route_entry> m_routes;
};

}  // namespace campush
