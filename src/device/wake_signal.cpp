#include "device/wake_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace campush {

namespace {

constexpr duration longest_wait = std::chrono::hours(1);
constexpr duration wait_without_event = std::chrono::milliseconds(50);

timespec to_timespec(duration length) noexcept {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(length);
  timespec out{};
  out.tv_sec = static_cast<time_t>(whole.count());
  out.tv_nsec = static_cast<long>(std::chrono::nanoseconds(length - whole).count());
  return out;
}

}  // namespace

wake_signal::wake_signal() : m_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

wake_signal::~wake_signal() {
  if (m_event >= 0) ::close(m_event);
}

void wake_signal::raise() noexcept {
  const uint64_t one = 1;
  // The only failure is a counter near its limit, and then the event is raised anyway.
  if (m_event >= 0 && ::write(m_event, &one, sizeof one) < 0) return;
}

void wake_signal::wait_until(const clock& time, time_point due, int descriptor) noexcept {
  const time_point now = time.now();
  if (due <= now) return;
  duration wait = due - now;
  // time_point::max() minus a time before zero would overflow; a clock that starts at boot never is.
  wait = std::min(wait, m_event >= 0 ? longest_wait : wait_without_event);
  std::array<pollfd, 2> watched{{{m_event, POLLIN, 0}, {descriptor, POLLIN, 0}}};
  const timespec limit = to_timespec(wait);
  // A negative descriptor is ignored by poll; an interrupted wait is an early return, which callers allow for.
  if (::ppoll(watched.data(), watched.size(), &limit, nullptr) <= 0) return;
  uint64_t count = 0;
  if ((watched[0].revents & POLLIN) != 0 && ::read(m_event, &count, sizeof count) < 0) return;
}

}  // namespace campush
