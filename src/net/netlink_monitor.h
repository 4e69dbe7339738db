#pragma once

#include <memory>

#include "net/asio_event_loop.h"
#include "net/link_monitor.h"

namespace campush {

/// rtnetlink: link, address and route events of both families, RTM_GETROUTE for questions.
/// Shape: an event only says that something moved; what is told comes from comparing a dump of interfaces, addresses and routes with
///   the dump before (link_snapshot), so that lost events (ENOBUFS), refreshed lifetimes and what came back within the debounce tell
///   nothing wrong. Dumps and questions are answered by the kernel within the call, in bounded time and memory.
/// Errors: make(): what the kernel says; the agent then runs without (said once).
/// Thread: loop-thread; make() before the loop runs, or on it.
/// Source: rtnetlink(7).
class netlink_monitor : public link_monitor {
 public:
  [[nodiscard]] static result<std::unique_ptr<netlink_monitor>> make(asio_event_loop& loop);
  /// The same, or null after a warning, which comes once a process.
  [[nodiscard]] static std::unique_ptr<netlink_monitor> make_if_possible(asio_event_loop& loop);
};

}  // namespace campush
