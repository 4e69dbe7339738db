#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>

namespace campush {

/// A flag that poll() sees: raise() on one thread, a wait or somebody's own poll on another.
/// Shape: stays raised until clear(). Without an eventfd (descriptors used up) descriptor() is -1 and waits end after 20 ms at most.
/// Thread: raise() any-thread, the rest one thread.
class event_flag {
 public:
  event_flag() noexcept : m_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~event_flag() {
    if (m_event >= 0) ::close(m_event);
  }
  event_flag(const event_flag&) = delete;
  event_flag& operator=(const event_flag&) = delete;

  int descriptor() const noexcept { return m_event; }
  void raise() noexcept {
    const uint64_t one = 1;
    // The only failure is a counter near its limit, and then the flag is raised anyway.
    if (m_event >= 0 && ::write(m_event, &one, sizeof one) < 0) return;
  }
  void clear() noexcept {
    uint64_t count = 0;
    if (m_event >= 0 && ::read(m_event, &count, sizeof count) < 0) return;
  }

  enum class wake_reason : uint8_t { nothing, flag, descriptor, descriptor_broken };
  /// Until the flag is raised (it is cleared then), `descriptor` (-1: none) is readable or unusable, or the time is over.
  wake_reason wait(int milliseconds, int descriptor = -1) noexcept {
    constexpr int wait_without_event = 20;
    if (m_event < 0 && milliseconds > wait_without_event) milliseconds = wait_without_event;
    std::array<pollfd, 2> watched{{{m_event, POLLIN, 0}, {descriptor, POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), milliseconds) <= 0) return wake_reason::nothing;
    if ((watched[0].revents & POLLIN) != 0) {
      clear();
      return wake_reason::flag;
    }
    if ((watched[1].revents & POLLIN) != 0) return wake_reason::descriptor;
    return watched[1].revents != 0 ? wake_reason::descriptor_broken : wake_reason::nothing;
  }

 private:
  const int m_event;
};

}  // namespace campush
