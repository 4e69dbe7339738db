#pragma once

#include <cerrno>
#include <cstring>
#include <optional>
#include <type_traits>
#include <vector>

#include "net/link_monitor.h"
#include "util/byte_view.h"

namespace campush {

/// One message of a netlink datagram; the payload is a view into it.
struct netlink_message {
  uint16_t type = 0;
  uint16_t flags = 0;
  uint32_t sequence = 0;
  byte_view payload;
};

/// One attribute of a message, without the flag bits of its type.
struct netlink_attribute {
  uint16_t type = 0;
  byte_view payload;
};

/// The errno value behind a negative number of the kernel's. Its errors end at 4095: whatever is beyond (the lowest number has no
/// counterpart) is EINVAL.
constexpr int netlink_errno(int32_t code) noexcept {
  return code < -4095 ? EINVAL : -code;
}

/// A fixed part out of bytes that need not be aligned. False if they are too few.
template <class T>
bool copy_struct(byte_view bytes, T& into) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes.size() < sizeof into) return false;
  std::memcpy(&into, bytes.data(), sizeof into);
  return true;
}

/// Walks what the kernel sent, message by message or attribute by attribute.
/// Shape: next() takes one off the front; nothing once all is read. is_malformed() tells afterwards whether a length did not fit; what
///   follows such a length is never looked at.
/// Thread: any-thread (a value type over borrowed bytes).
/// Source: netlink(7), rtnetlink(7).
class netlink_reader {
 public:
  explicit netlink_reader(byte_view bytes) noexcept : m_rest(bytes) {}
  std::optional<netlink_message> next_message() noexcept;
  std::optional<netlink_attribute> next_attribute() noexcept;
  bool is_malformed() const noexcept { return m_is_malformed; }

 private:
  void skip(size_t length) noexcept;
  byte_view m_rest;
  bool m_is_malformed = false;
};

/// The address in an attribute: 4 or 16 bytes, port 0. Nothing for another length or family (AF_INET, AF_INET6).
std::optional<endpoint> address_of(const netlink_attribute& attribute, int family) noexcept;
std::optional<uint32_t> number_of(const netlink_attribute& attribute) noexcept;

/// How the kernel would reach an address, and whether that is this machine itself.
struct route_answer {
  network_route route;
  bool is_local = false;
};

/// RTM_GETLINK, RTM_GETADDR or RTM_GETROUTE of everything, both families.
std::vector<uint8_t> make_dump_request(uint16_t type, uint32_t sequence);
std::vector<uint8_t> make_route_request(const endpoint& peer, uint32_t sequence);

/// What a datagram says to a question of that sequence number; nothing if it does not speak of it.
/// Errors: unreachable (no route, or one that refuses), unsupported, malformed.
std::optional<result<route_answer>> parse_route_answer(byte_view datagram, uint32_t sequence);

}  // namespace campush
