#include "net/link_snapshot.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>

namespace campush {

namespace {

constexpr uint32_t flags_that_matter =
    IFA_F_TENTATIVE | IFA_F_OPTIMISTIC | IFA_F_DADFAILED | IFA_F_DEPRECATED | IFA_F_TEMPORARY;
constexpr size_t max_next_hops = 16;

constexpr size_t aligned(size_t length) noexcept {
  return (length + 3) & ~size_t{3};
}

bool is_internet(int family) noexcept {
  return family == AF_INET || family == AF_INET6;
}

bool is_any(const endpoint& address) noexcept {
  return std::all_of(address.address.begin(), address.address.end(), [](uint8_t byte) { return byte == 0; });
}

bool is_in_ipv4_network(const endpoint& address, const endpoint& prefix, size_t bits) noexcept {
  if (address.address_family != endpoint::family::ipv4) return false;
  for (size_t i = 0; i < bits && i < 32; ++i) {
    const auto mask = static_cast<uint8_t>(0x80U >> (i % 8));
    if (((address.address[i / 8] ^ prefix.address[i / 8]) & mask) != 0) return false;
  }
  return true;
}

template <class Entry>
void keep(std::vector<Entry>& entries, Entry entry) {
  if (entries.size() < link_snapshot::max_entries) entries.push_back(std::move(entry));
}

/// Both an error and the end of a dump carry a negative errno value, or 0.
result<link_snapshot::progress> end_of_dump(const netlink_message& message) {
  int32_t code = 0;
  if (!copy_struct(message.payload, code) || code >= 0) return link_snapshot::progress::done;
  return tl::unexpected<error>(error_from_errno(netlink_errno(code), "netlink dump"));
}

}  // namespace

result<link_snapshot::progress> link_snapshot::add(byte_view datagram, uint32_t sequence) {
  netlink_reader messages(datagram);
  bool is_interrupted = false;
  bool is_sound = true;
  while (const auto message = messages.next_message()) {
    if (message->sequence != sequence) continue;
    is_interrupted = is_interrupted || (message->flags & NLM_F_DUMP_INTR) != 0;
    if (message->type == NLMSG_DONE || message->type == NLMSG_ERROR) {
      const auto end = end_of_dump(*message);
      return end && is_interrupted ? progress::interrupted : end;
    }
    if (message->type == RTM_NEWLINK) is_sound = add_interface(message->payload) && is_sound;
    if (message->type == RTM_NEWADDR) is_sound = add_address(message->payload) && is_sound;
    if (message->type == RTM_NEWROUTE) is_sound = add_route(message->payload) && is_sound;
  }
  if (messages.is_malformed() || !is_sound) return fail(error_code::malformed, "a broken netlink message");
  return is_interrupted ? progress::interrupted : progress::goes_on;
}

bool link_snapshot::add_interface(byte_view payload) {
  ifinfomsg fixed{};
  if (!copy_struct(payload, fixed)) return false;
  interface_entry entry;
  entry.index = static_cast<uint32_t>(fixed.ifi_index);
  entry.is_running = (fixed.ifi_flags & IFF_UP) != 0 && (fixed.ifi_flags & IFF_RUNNING) != 0;
  entry.is_loopback = (fixed.ifi_flags & IFF_LOOPBACK) != 0;
  netlink_reader attributes(payload.subview(aligned(sizeof fixed)));
  while (const auto attribute = attributes.next_attribute()) {
    if (attribute->type != IFLA_IFNAME) continue;
    const std::string_view name = attribute->payload.as_text();
    entry.name = name.substr(0, std::min<size_t>(name.find('\0'), IFNAMSIZ));
  }
  if (attributes.is_malformed()) return false;
  keep(m_interfaces, std::move(entry));
  return true;
}

bool link_snapshot::add_address(byte_view payload) {
  ifaddrmsg fixed{};
  if (!copy_struct(payload, fixed)) return false;
  if (!is_internet(fixed.ifa_family)) return true;
  std::optional<endpoint> local;
  std::optional<endpoint> shown;
  uint32_t flags = fixed.ifa_flags;
  netlink_reader attributes(payload.subview(aligned(sizeof fixed)));
  while (const auto attribute = attributes.next_attribute()) {
    if (attribute->type == IFA_LOCAL) local = address_of(*attribute, fixed.ifa_family);
    if (attribute->type == IFA_ADDRESS) shown = address_of(*attribute, fixed.ifa_family);
    if (attribute->type == IFA_FLAGS) flags = number_of(*attribute).value_or(flags);
  }
  if (attributes.is_malformed()) return false;
  // On a point-to-point link IFA_ADDRESS is the other end.
  const std::optional<endpoint>& own = local ? local : shown;
  // The same bit means another thing: a further address of a network that has one already.
  if (fixed.ifa_family == AF_INET) flags &= ~uint32_t{IFA_F_SECONDARY};
  if (own) keep(m_addresses, {fixed.ifa_index, *own, fixed.ifa_prefixlen, fixed.ifa_scope, flags & flags_that_matter});
  return true;
}

bool link_snapshot::add_route(byte_view payload) {
  rtmsg fixed{};
  if (!copy_struct(payload, fixed)) return false;
  if (!is_internet(fixed.rtm_family) || (fixed.rtm_flags & RTM_F_CLONED) != 0) return true;
  route_entry route;
  route.table = fixed.rtm_table;
  route.prefix_bits = fixed.rtm_dst_len;
  route.type = fixed.rtm_type;
  if (fixed.rtm_family == AF_INET6) route.destination.address_family = endpoint::family::ipv6;
  byte_view next_hops;
  netlink_reader attributes(payload.subview(aligned(sizeof fixed)));
  while (const auto attribute = attributes.next_attribute()) {
    switch (attribute->type) {
      case RTA_TABLE: route.table = number_of(*attribute).value_or(route.table); break;
      case RTA_PRIORITY: route.priority = number_of(*attribute).value_or(0); break;
      case RTA_OIF: route.interface_index = number_of(*attribute).value_or(0); break;
      case RTA_DST: route.destination = address_of(*attribute, fixed.rtm_family).value_or(route.destination); break;
      case RTA_GATEWAY: route.gateway = address_of(*attribute, fixed.rtm_family).value_or(route.gateway); break;
      case RTA_MULTIPATH: next_hops = attribute->payload; break;
      default: break;
    }
  }
  if (attributes.is_malformed()) return false;
  if (route.table == RT_TABLE_LOCAL) return true;
  if (next_hops.empty()) {
    keep(m_routes, route);
  } else {
    add_next_hops(route, next_hops, fixed.rtm_family);
  }
  return true;
}

/// A route over several interfaces counts as one for each.
void link_snapshot::add_next_hops(const route_entry& route, byte_view hops, int family) {
  for (size_t count = 0; count < max_next_hops; ++count) {
    rtnexthop hop{};
    if (!copy_struct(hops, hop) || hop.rtnh_len < sizeof hop || hop.rtnh_len > hops.size()) return;
    route_entry one = route;
    one.interface_index = static_cast<uint32_t>(hop.rtnh_ifindex);
    netlink_reader attributes(hops.subview(sizeof hop, hop.rtnh_len - sizeof hop));
    while (const auto attribute = attributes.next_attribute()) {
      if (attribute->type == RTA_GATEWAY) one.gateway = address_of(*attribute, family).value_or(one.gateway);
    }
    keep(m_routes, one);
    hops = hops.subview(aligned(hop.rtnh_len));
  }
}

const link_snapshot::interface_entry* link_snapshot::find_interface(uint32_t index) const noexcept {
  const auto found = std::find_if(m_interfaces.begin(), m_interfaces.end(),
                                  [index](const interface_entry& entry) { return entry.index == index; });
  return found == m_interfaces.end() ? nullptr : &*found;
}

/// Null for one that is down, and for the loopback: it leads nowhere.
const link_snapshot::interface_entry* link_snapshot::find_running(uint32_t index) const noexcept {
  const interface_entry* const found = find_interface(index);
  return found != nullptr && found->is_running && !found->is_loopback ? found : nullptr;
}

bool link_snapshot::is_usable(const address_entry& entry) const noexcept {
  if (entry.scope >= RT_SCOPE_LINK || find_running(entry.interface_index) == nullptr) return false;
  const bool is_optimistic = (entry.flags & IFA_F_OPTIMISTIC) != 0;
  const uint32_t unusable =
      IFA_F_DADFAILED | IFA_F_DEPRECATED | IFA_F_TEMPORARY | (is_optimistic ? 0U : IFA_F_TENTATIVE);
  return (entry.flags & unusable) == 0;
}

std::vector<std::string> link_snapshot::paths() const {
  std::vector<std::string> paths;
  bool has_address[2] = {false, false};
  const auto family_of = [](const endpoint& address) {
    return address.address_family == endpoint::family::ipv6 ? 1 : 0;
  };
  for (const address_entry& entry : m_addresses) {
    if (!is_usable(entry)) continue;
    has_address[family_of(entry.address)] = true;
    paths.push_back("address " + entry.address.address_text() + " on " + find_interface(entry.interface_index)->name);
  }
  for (const route_entry& entry : m_routes) {
    const interface_entry* const over = find_running(entry.interface_index);
    if (entry.prefix_bits != 0 || entry.type != RTN_UNICAST || over == nullptr) continue;
    // Before its address is there (IPv6 needs a second for duplicate detection) nothing can use it.
    if (!has_address[family_of(entry.destination)]) continue;
    const std::string to = is_any(entry.gateway) ? "" : " to " + entry.gateway.address_text();
    paths.push_back((family_of(entry.destination) == 1 ? "IPv6" : "IPv4") + (" default route" + to) + " on " +
                    over->name);
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

bool link_snapshot::is_local(const endpoint& address) const noexcept {
  return std::any_of(m_addresses.begin(), m_addresses.end(), [&](const address_entry& entry) {
    if (entry.address.address_family != address.address_family) return false;
    if (address.scope_id != 0 && address.scope_id != entry.interface_index) return false;
    if (entry.address.address == address.address) return true;
    const interface_entry* const owner = find_interface(entry.interface_index);
    return owner != nullptr && owner->is_loopback && is_in_ipv4_network(address, entry.address, entry.prefix_bits);
  });
}

bool link_snapshot::is_temporary(const endpoint& address) const noexcept {
  return std::any_of(m_addresses.begin(), m_addresses.end(), [&](const address_entry& entry) {
    return (entry.flags & IFA_F_TEMPORARY) != 0 && entry.address == address;
  });
}

}  // namespace campush
