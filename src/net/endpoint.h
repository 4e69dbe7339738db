#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "util/result.h"

namespace campush {

/// An IPv4 or IPv6 address with a port. IPv4 stands in the first 4 bytes, in network order.
/// Thread: any-thread (a value type, no allocation).
struct endpoint {
  enum class family : uint8_t { ipv4, ipv6 };
  family address_family = family::ipv4;
  std::array<uint8_t, 16> address{};
  uint16_t port = 0;
  uint32_t scope_id = 0;  ///< IPv6 link-local interface

  /// "127.0.0.1:1935", "[::1]:1935".
  std::string to_string() const;
  /// Without the port: "127.0.0.1", "::1", "fe80::1%2".
  std::string address_text() const;
  friend bool operator==(const endpoint& left, const endpoint& right) noexcept {
    return left.address_family == right.address_family && left.address == right.address && left.port == right.port &&
           left.scope_id == right.scope_id;
  }
  friend bool operator!=(const endpoint& left, const endpoint& right) noexcept { return !(left == right); }
};

/// Parses a numeric address ("10.0.0.1", "::1", "fe80::1%eth0"; no brackets, no names). Errors: invalid_argument.
[[nodiscard]] result<endpoint> parse_endpoint(std::string_view address, uint16_t port);
/// Parses "HOST:PORT" with a numeric host, IPv6 in brackets. Errors: invalid_argument naming the part.
[[nodiscard]] result<endpoint> parse_listen_address(std::string_view text);

}  // namespace campush
