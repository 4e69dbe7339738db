#include "net/netlink_monitor.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <iterator>
#include <utility>

#include "net/fd_watch.h"
#include "net/link_snapshot.h"
#include "net/netlink_messages.h"
#include "util/log.h"

namespace campush {

namespace {

constexpr size_t datagram_bytes = 32 * 1024;  // the kernel fills at most this much per recv of a dump
constexpr int max_dump_datagrams = 256;
constexpr int max_dump_attempts = 3;
constexpr int max_answers = 8;
constexpr size_t max_paths_logged = 4;
constexpr int events_per_wake = 64;
constexpr uint32_t event_groups =
    RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;

/// Both sorted.
std::vector<std::string> only_in(const std::vector<std::string>& these, const std::vector<std::string>& others) {
  std::vector<std::string> rest;
  std::set_difference(these.begin(), these.end(), others.begin(), others.end(), std::back_inserter(rest));
  return rest;
}

void log_paths(std::string_view what, const std::vector<std::string>& paths) {
  if (paths.empty()) return;
  const auto shown = static_cast<std::ptrdiff_t>(std::min(paths.size(), max_paths_logged));
  const std::string rest =
      paths.size() > max_paths_logged ? fmt::format(" and {} more", paths.size() - max_paths_logged) : "";
  log_info(log_module::net, "local network: {} {}{}", what, fmt::join(paths.begin(), paths.begin() + shown, ", "),
           rest);
}

class owned_fd {
 public:
  explicit owned_fd(int fd = -1) noexcept : m_fd(fd) {}
  owned_fd(owned_fd&& other) noexcept : m_fd(other.release()) {}
  owned_fd& operator=(owned_fd&& other) noexcept {
    std::swap(m_fd, other.m_fd);
    return *this;
  }
  ~owned_fd() {
    if (m_fd >= 0) ::close(m_fd);
  }
  int get() const noexcept { return m_fd; }
  int release() noexcept { return std::exchange(m_fd, -1); }

 private:
  int m_fd;
};

result<owned_fd> open_netlink(uint32_t groups) {
  owned_fd opened(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (opened.get() < 0) return tl::unexpected<error>(error_from_errno(errno, "rtnetlink"));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(opened.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return tl::unexpected<error>(error_from_errno(errno, "rtnetlink"));
  }
  return opened;
}

/// Asks the kernel, which answers before send() returns.
/// Shape: a socket of its own, so that answers and events do not mix. After a question that was not read to its end the socket is
///   opened anew.
class netlink_questions {
 public:
  result<void> open() {
    auto opened = open_netlink(0);
    if (!opened) return tl::unexpected(opened.error());
    m_socket = std::move(*opened);
    return {};
  }
  result<route_answer> ask_route(const endpoint& peer);
  result<link_snapshot> take_snapshot();

 private:
  result<void> send(const std::vector<uint8_t>& request);
  result<byte_view> receive();
  result<link_snapshot::progress> dump(uint16_t type, link_snapshot& into);

  owned_fd m_socket;
  uint32_t m_sequence = 0;
  std::vector<uint8_t> m_buffer = std::vector<uint8_t>(datagram_bytes);
};

result<void> netlink_questions::send(const std::vector<uint8_t>& request) {
  if (m_socket.get() < 0) {
    if (auto opened = open(); !opened) return opened;
  }
  const ssize_t sent = ::send(m_socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(request.size())) return {};
  return tl::unexpected<error>(error_from_errno(sent < 0 ? errno : EMSGSIZE, "rtnetlink"));
}

result<byte_view> netlink_questions::receive() {
  const ssize_t size = ::recv(m_socket.get(), m_buffer.data(), m_buffer.size(), MSG_TRUNC);
  if (size < 0) return tl::unexpected<error>(error_from_errno(errno, "rtnetlink"));
  if (static_cast<size_t>(size) > m_buffer.size()) return fail(error_code::too_big, "rtnetlink: a message too long");
  return byte_view(m_buffer.data(), static_cast<size_t>(size));
}

result<route_answer> netlink_questions::ask_route(const endpoint& peer) {
  const uint32_t sequence = ++m_sequence;
  if (auto sent = send(make_route_request(peer, sequence)); !sent) return tl::unexpected(sent.error());
  for (int i = 0; i < max_answers; ++i) {
    const auto datagram = receive();
    if (!datagram) return tl::unexpected(datagram.error());
    if (auto answer = parse_route_answer(*datagram, sequence)) return std::move(*answer);
  }
  return fail(error_code::malformed, "rtnetlink: no answer to a route question");
}

result<link_snapshot::progress> netlink_questions::dump(uint16_t type, link_snapshot& into) {
  const uint32_t sequence = ++m_sequence;
  if (auto sent = send(make_dump_request(type, sequence)); !sent) return tl::unexpected(sent.error());
  bool is_interrupted = false;
  for (int i = 0; i < max_dump_datagrams; ++i) {
    const auto datagram = receive();
    if (!datagram) return tl::unexpected(datagram.error());
    auto added = into.add(*datagram, sequence);
    if (!added) return added;
    if (*added == link_snapshot::progress::done) return is_interrupted ? link_snapshot::progress::interrupted : *added;
    is_interrupted = is_interrupted || *added == link_snapshot::progress::interrupted;
  }
  // A table of a router, not of a camera: its beginning holds the default routes, the rest is dropped with the socket.
  m_socket = owned_fd();
  return link_snapshot::progress::done;
}

result<link_snapshot> netlink_questions::take_snapshot() {
  for (int attempt = 1;; ++attempt) {
    link_snapshot taken;
    bool is_interrupted = false;
    for (const uint16_t type : {RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE}) {
      const auto outcome = dump(type, taken);
      if (!outcome) {
        m_socket = owned_fd();
        return tl::unexpected(outcome.error());
      }
      is_interrupted = is_interrupted || *outcome == link_snapshot::progress::interrupted;
    }
    if (!is_interrupted || attempt == max_dump_attempts) return taken;
  }
}

class rtnetlink_monitor final : public netlink_monitor, private fd_listener {
 public:
  rtnetlink_monitor(asio_event_loop& loop, std::unique_ptr<fd_watch> events, netlink_questions questions,
                    link_snapshot first)
      : m_events(std::move(events)),
        m_timer(loop.make_timer([this] { compare(); })),
        m_questions(std::move(questions)),
        m_told(std::move(first)) {
    m_events->set_listener(this);
    m_events->wait_readable();
  }

  void add(link_listener& listener) override { m_listeners.push_back(&listener); }
  void remove(link_listener& listener) noexcept override {
    const auto found = std::find(m_listeners.begin(), m_listeners.end(), &listener);
    if (found == m_listeners.end()) return;
    if (m_is_telling) {
      *found = nullptr;
    } else {
      m_listeners.erase(found);
    }
  }
  result<network_route> route_to(const endpoint& peer) override;
  bool is_local(const endpoint& address) const override;

 private:
  void on_fd_readable() override;
  void compare();
  void tell(bool has_new_path);

  const std::unique_ptr<fd_watch> m_events;
  const std::unique_ptr<loop_timer> m_timer;
  mutable netlink_questions m_questions;
  link_snapshot m_told;
  std::vector<link_listener*> m_listeners;
  bool m_is_telling = false;
};

result<network_route> rtnetlink_monitor::route_to(const endpoint& peer) {
  auto answer = m_questions.ask_route(peer);
  if (!answer) {
    error cause = std::move(answer.error());
    if (cause.code != error_code::unreachable) cause.code = error_code::unsupported;
    return tl::unexpected<error>(wrap(std::move(cause), peer.address_text()));
  }
  network_route route = answer->route;
  if (m_told.is_temporary(route.source)) std::fill_n(route.source.address.begin() + 8, 8, uint8_t{0});
  return route;
}

bool rtnetlink_monitor::is_local(const endpoint& address) const {
  if (m_told.is_local(address)) return true;
  // Not listed: added a moment ago, or local by a route alone (AnyIP).
  const auto answer = m_questions.ask_route(address);
  return answer && answer->is_local;
}

void rtnetlink_monitor::on_fd_readable() {
  std::array<uint8_t, 4096> ignored;  // what happened shows in the dump, even where an event is cut off or lost
  for (int i = 0; i < events_per_wake; ++i) {
    if (::recv(m_events->fd(), ignored.data(), ignored.size(), 0) >= 0) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    if (errno == EINTR || errno == ENOBUFS) continue;
    log_error(log_module::net, "changes of the local network are not heard any more: {}",
              error_from_errno(errno, "rtnetlink").message);
    return;
  }
  if (!m_timer->is_armed()) m_timer->arm_after(debounce);
  m_events->wait_readable();
}

void rtnetlink_monitor::compare() {
  auto taken = m_questions.take_snapshot();
  if (!taken) {
    // Told nothing, the listeners would stay with what may be gone.
    log_warn(log_module::net, "the local network has changed, how is unknown: {}", taken.error().message);
    return tell(false);
  }
  if (*taken == m_told) return;
  const std::vector<std::string> before = m_told.paths();
  const std::vector<std::string> now = taken->paths();
  m_told = std::move(*taken);
  const std::vector<std::string> added = only_in(now, before);
  log_paths("new", added);
  log_paths("gone", only_in(before, now));
  tell(!added.empty());
}

void rtnetlink_monitor::tell(bool has_new_path) {
  m_is_telling = true;
  // By number: a listener may add another, which hears of the next change.
  const size_t count = m_listeners.size();
  for (size_t i = 0; i < count; ++i) {
    if (m_listeners[i] != nullptr) m_listeners[i]->on_link_changed(has_new_path);
  }
  m_is_telling = false;
  m_listeners.erase(std::remove(m_listeners.begin(), m_listeners.end(), nullptr), m_listeners.end());
}

}  // namespace

result<std::unique_ptr<netlink_monitor>> netlink_monitor::make(asio_event_loop& loop) {
  // Events before the first dump: a change between the two is heard.
  auto events = open_netlink(event_groups);
  if (!events) return tl::unexpected(events.error());
  netlink_questions questions;
  auto first = questions.take_snapshot();
  if (!first) return tl::unexpected(first.error());
  auto watch = fd_watch::make(loop, events->release());
  if (!watch) return tl::unexpected(watch.error());
  return std::make_unique<rtnetlink_monitor>(loop, std::move(*watch), std::move(questions), std::move(*first));
}

std::unique_ptr<netlink_monitor> netlink_monitor::make_if_possible(asio_event_loop& loop) {
  auto made = make(loop);
  if (made) return std::move(*made);
  static std::atomic<bool> is_said{false};
  if (!is_said.exchange(true)) {
    log_warn(log_module::net, "changes of the local network are noticed only by their effects: {}",
             made.error().message);
  }
  return nullptr;
}

}  // namespace campush
