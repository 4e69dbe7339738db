#pragma once

#include "net/endpoint.h"
#include "util/clock.h"
#include "util/result.h"

namespace campush {

/// How the kernel would reach a peer now.
struct network_route {
  uint32_t interface_index = 0;
  /// Preferred source address, port 0. Of a temporary IPv6 address (RFC 8981) only the network: the rest is new each day, and that is
  /// no other way.
  endpoint source;
  friend bool operator==(const network_route& left, const network_route& right) noexcept {
    return left.interface_index == right.interface_index && left.source == right.source;
  }
  friend bool operator!=(const network_route& left, const network_route& right) noexcept { return !(left == right); }
};

/// Hears that the local network has changed. Thread: loop-thread.
class link_listener {
 public:
  /// `has_new_path`: an address or a default route appeared that was not there before; false: something went or merely changed.
  virtual void on_link_changed(bool has_new_path) = 0;

 protected:
  ~link_listener() = default;
};

/// What the kernel says of local addresses and routes: the seam (netlink_monitor is real, a test scripts its own).
/// Shape: changes are gathered for 500 ms, then told once.
/// Errors: route_to(): unreachable (no route), unsupported (the kernel does not say).
/// Thread: loop-thread.
class link_monitor {
 public:
  static constexpr duration debounce = std::chrono::milliseconds(500);

  virtual ~link_monitor() = default;
  /// Listeners outlive their registration. remove() may be called from inside on_link_changed().
  virtual void add(link_listener& listener) = 0;
  virtual void remove(link_listener& listener) noexcept = 0;
  virtual result<network_route> route_to(const endpoint& peer) = 0;
  virtual bool is_local(const endpoint& address) const = 0;
};

}  // namespace campush
