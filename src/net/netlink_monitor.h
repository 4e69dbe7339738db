#pragma once

#include <memory>

#include "net/asio_event_loop.h"
#include "net/link_monitor.h"

namespace campush {

/// rtnetlink: link, address and route events of both families, RTM_GETROUTE for questions.
/// Errors: make(): what the kernel says; the agent then runs without (said once). Lost events (ENOBUFS) count as a change.
/// Source: rtnetlink(7).
class netlink_monitor : public link_monitor {
 public:
  [[nodiscard]] static result<std::unique_ptr<netlink_monitor>> make(asio_event_loop& loop);
};

}  // namespace campush
