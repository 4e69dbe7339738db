#include "net/socket_address.h"

#include <cstring>

namespace campush {

socket_address::socket_address(const endpoint& from) noexcept {
  if (from.address_family == endpoint::family::ipv4) {
    sockaddr_in ipv4{};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(from.port);
    std::memcpy(&ipv4.sin_addr, from.address.data(), sizeof ipv4.sin_addr);
    std::memcpy(&storage, &ipv4, sizeof ipv4);
    size = sizeof ipv4;
    return;
  }
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_port = htons(from.port);
  ipv6.sin6_scope_id = from.scope_id;
  std::memcpy(&ipv6.sin6_addr, from.address.data(), sizeof ipv6.sin6_addr);
  std::memcpy(&storage, &ipv6, sizeof ipv6);
  size = sizeof ipv6;
}

endpoint socket_address::to_endpoint() const noexcept {
  return campush::to_endpoint(get());
}

endpoint to_endpoint(const sockaddr* address) noexcept {
  endpoint parsed;
  if (address->sa_family == AF_INET) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, address, sizeof ipv4);
    std::memcpy(parsed.address.data(), &ipv4.sin_addr, sizeof ipv4.sin_addr);
    parsed.port = ntohs(ipv4.sin_port);
  } else if (address->sa_family == AF_INET6) {
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, address, sizeof ipv6);
    parsed.address_family = endpoint::family::ipv6;
    std::memcpy(parsed.address.data(), &ipv6.sin6_addr, sizeof ipv6.sin6_addr);
    parsed.port = ntohs(ipv6.sin6_port);
    parsed.scope_id = ipv6.sin6_scope_id;
  }
  return parsed;
}

}  // namespace campush
