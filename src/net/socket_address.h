#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "net/endpoint.h"

namespace campush {

/// An endpoint as the socket calls want it, and back. Thread: any-thread (a value type).
struct socket_address {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  socket_address() = default;
  explicit socket_address(const endpoint& from) noexcept;
  /// All zero if the family is neither IPv4 nor IPv6.
  endpoint to_endpoint() const noexcept;
  sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// The same for an address that the system's calls returned.
endpoint to_endpoint(const sockaddr* address) noexcept;

}  // namespace campush
