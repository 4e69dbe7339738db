#pragma once

#include <string>
#include <string_view>

#include "util/clock.h"

namespace campush {

/// Tells a service manager how the process is doing, by the protocol of sd_notify(3): one datagram a message to the socket in NOTIFY_SOCKET,
/// a path or (with a leading @) a name in the abstract space.
/// Shape: without an address every send() is nothing.
/// Errors: none: a manager that does not read costs a message, never the process. An address that cannot be used is as none.
/// Thread: any-thread.
class service_notifier {
 public:
  explicit service_notifier(std::string_view address);
  ~service_notifier();
  service_notifier(const service_notifier&) = delete;
  service_notifier& operator=(const service_notifier&) = delete;

  bool is_connected() const noexcept { return m_socket >= 0; }
  /// "READY=1\nSTATUS=…"; never blocks.
  void send(std::string_view message) const noexcept;

 private:
  int m_socket = -1;
};

/// How often the manager wants to hear WATCHDOG=1, from the values of WATCHDOG_USEC and WATCHDOG_PID (null: not set). Zero: never, or meant
/// for another process than `own_pid`.
duration watchdog_interval(const char* microseconds, const char* pid, long own_pid) noexcept;

}  // namespace campush
