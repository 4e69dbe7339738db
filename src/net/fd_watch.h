#pragma once

#include <memory>

#include "net/asio_event_loop.h"
#include "util/result.h"

namespace campush {

/// Hears that a descriptor can go on. May destroy the fd_watch in the call.
class fd_listener {
 public:
  virtual void on_fd_readable() {}
  virtual void on_fd_writable() {}

 protected:
  ~fd_listener() = default;
};

/// Owns a file descriptor and waits for its readiness, one event per request.
/// Shape: waiting allocates nothing. The listener may be changed; it outlives its registration.
/// Errors: make: what epoll says (limit_reached when the process may watch no more). The descriptor is closed then, too.
/// Thread: loop-thread.
class fd_watch {
 public:
  [[nodiscard]] static result<std::unique_ptr<fd_watch>> make(asio_event_loop& loop, int owned_fd);
  /// Closes the descriptor; no event comes any more.
  ~fd_watch();
  fd_watch(const fd_watch&) = delete;
  fd_watch& operator=(const fd_watch&) = delete;

  int fd() const noexcept { return m_fd; }
  void set_listener(fd_listener* listener) noexcept;
  /// A request that is already waiting is not doubled.
  void wait_readable();
  void wait_writable();

 private:
  struct state;
  fd_watch(std::shared_ptr<state> shared, int fd) noexcept;

  const std::shared_ptr<state> m_state;
  const int m_fd;
};

}  // namespace campush
