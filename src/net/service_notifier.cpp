#include "net/service_notifier.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstring>

namespace campush {

namespace {

/// Whole text, positive.
bool read_number(const char* text, int64_t& number) noexcept {
  const char* end = text + std::strlen(text);
  const auto [rest, problem] = std::from_chars(text, end, number);
  return problem == std::errc() && rest == end && number > 0;
}

}  // namespace

service_notifier::service_notifier(std::string_view address) {
  sockaddr_un to{};
  const bool is_known = !address.empty() && (address.front() == '/' || address.front() == '@');
  if (!is_known || address.size() >= sizeof to.sun_path) return;
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address.data(), address.size());
  if (address.front() == '@') to.sun_path[0] = '\0';
  // A name in the abstract space has no end but its length; a path has a zero byte.
  const size_t end = address.front() == '@' ? address.size() : address.size() + 1;
  m_socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (m_socket < 0) return;
  alignas(sockaddr_un) sockaddr generic[(sizeof to + sizeof(sockaddr) - 1) / sizeof(sockaddr)];
  std::memcpy(generic, &to, sizeof to);
  const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + end);
  if (::connect(m_socket, generic, bytes) == 0) return;
  ::close(m_socket);
  m_socket = -1;
}

service_notifier::~service_notifier() {
  if (m_socket >= 0) ::close(m_socket);
}

void service_notifier::send(std::string_view message) const noexcept {
  if (m_socket < 0) return;
  const ssize_t sent = ::send(m_socket, message.data(), message.size(), MSG_NOSIGNAL);
  static_cast<void>(sent);  // the next message says how things are by then
}

duration watchdog_interval(const char* microseconds, const char* pid, long own_pid) noexcept {
  int64_t interval = 0, meant = 0;
  if (microseconds == nullptr || !read_number(microseconds, interval)) return {};
  if (pid != nullptr && (!read_number(pid, meant) || meant != own_pid)) return {};
  return duration(interval);
}

}  // namespace campush
