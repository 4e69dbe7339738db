#pragma once

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>

#include "net/endpoint.h"

namespace campush {

/// Asio's form of an endpoint, for the HTTP side, which alone uses Asio's own sockets. Thread: any-thread.
inline boost::asio::ip::tcp::endpoint to_asio_endpoint(const endpoint& address) {
  if (address.address_family == endpoint::family::ipv4) {
    boost::asio::ip::address_v4::bytes_type bytes{};
    std::copy_n(address.address.begin(), bytes.size(), bytes.begin());
    return {boost::asio::ip::address_v4(bytes), address.port};
  }
  boost::asio::ip::address_v6::bytes_type bytes{};
  std::copy_n(address.address.begin(), bytes.size(), bytes.begin());
  return {boost::asio::ip::address_v6(bytes, address.scope_id), address.port};
}

}  // namespace campush
