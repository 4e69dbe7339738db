#pragma once

#include <algorithm>
#include <vector>

#include "net/link_monitor.h"

namespace campush {

/// A local network that changes when a case says so. One route leads everywhere.
struct scripted_links final : link_monitor {
  result<network_route> route = network_route{};
  bool has_local_address = true;
  std::vector<link_listener*> listeners;

  void add(link_listener& listener) override { listeners.push_back(&listener); }
  void remove(link_listener& listener) noexcept override {
    listeners.erase(std::remove(listeners.begin(), listeners.end(), &listener), listeners.end());
  }
  result<network_route> route_to(const endpoint&) override { return route; }
  bool is_local(const endpoint&) const override { return has_local_address; }

  void lead_over(uint32_t interface_index) {
    network_route over;
    over.interface_index = interface_index;
    route = over;
  }
  void lead_nowhere() { route = fail(error_code::unreachable, "no route"); }
  void tell(bool has_new_path) {
    for (link_listener* each : std::vector<link_listener*>(listeners)) each->on_link_changed(has_new_path);
  }
};

}  // namespace campush
