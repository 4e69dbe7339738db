#include "net/tcp_network.h"

#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "net/fd_watch.h"
#include "net/life_guard.h"
#include "net/socket_address.h"
#include "net/tcp_stream.h"
#include "util/log.h"

namespace campush {

namespace {

constexpr int listen_backlog = 128;
constexpr int accepts_per_event = 64;
constexpr duration first_pause = std::chrono::milliseconds(100);
constexpr duration longest_pause = std::chrono::seconds(2);

int family_of(const endpoint& address) noexcept {
  return address.address_family == endpoint::family::ipv6 ? AF_INET6 : AF_INET;
}

bool set_option(int fd, int level, int name, int value) noexcept {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/// Best effort: a kernel that lacks one of them still carries the stream.
void apply_options(int fd, const connect_options& options) noexcept {
  const auto user_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(options.user_timeout).count();
  const struct {
    int level;
    int name;
    int value;
  } rows[] = {{IPPROTO_TCP, TCP_NODELAY, 1},
              {SOL_SOCKET, SO_KEEPALIVE, 1},
              {IPPROTO_TCP, TCP_KEEPIDLE, 30},
              {IPPROTO_TCP, TCP_KEEPINTVL, 10},
              {IPPROTO_TCP, TCP_KEEPCNT, 3},
              {IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(user_timeout)},
              {IPPROTO_TCP, TCP_NOTSENT_LOWAT, static_cast<int>(options.notsent_lowat_bytes)}};
  for (const auto& row : rows) set_option(fd, row.level, row.name, row.value);
}

result<std::unique_ptr<fd_watch>> make_socket(asio_event_loop& loop, const endpoint& address) {
  const int fd = ::socket(family_of(address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return tl::unexpected<error>(error_from_errno(errno, "socket"));
  return fd_watch::make(loop, fd);
}

/// Where a connection leaves from. A missing interface or address is this machine's matter (not_found), not the peer's.
result<void> bind_local(int fd, const connect_options& options) {
  const std::string& interface = options.bind_interface;
  if (!interface.empty()) {
    const bool is_name = interface.size() < IFNAMSIZ;
    const auto size = static_cast<socklen_t>(interface.size());
    if (!is_name || ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(), size) != 0) {
      if (!is_name || errno == ENODEV) return fail(error_code::not_found, "no interface " + interface);
      if (errno == EPERM) {
        return fail(error_code::permission_denied,
                    "permission denied: binding to an interface needs CAP_NET_RAW (kernels before 5.7)");
      }
      return tl::unexpected<error>(error_from_errno(errno, "bind to interface " + interface));
    }
  }
  if (!options.bind_address) return {};
  // Without it the kernel would take a port now, and from a smaller choice: one for all peers.
  set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  endpoint local = *options.bind_address;
  local.port = 0;
  const socket_address address(local);
  if (::bind(fd, address.get(), address.size) == 0) return {};
  if (errno == EADDRNOTAVAIL) return fail(error_code::not_found, "no local address " + local.address_text());
  return tl::unexpected<error>(error_from_errno(errno, "bind to local address " + local.address_text()));
}

class tcp_connect final : public pending_operation, private fd_listener {
 public:
  tcp_connect(asio_event_loop& loop, const endpoint& remote, network::connect_callback done)
      : m_loop(loop), m_remote(remote), m_what("connect to " + remote.to_string()), m_done(std::move(done)) {}

  void start(const connect_options& options) {
    auto made = make_socket(m_loop, m_remote);
    if (!made) return finish_later(wrap(made.error(), m_what));
    m_watch = std::move(*made);
    m_watch->set_listener(this);
    apply_options(m_watch->fd(), options);
    if (auto bound = bind_local(m_watch->fd(), options); !bound) return finish_later(wrap(bound.error(), m_what));
    const socket_address address(m_remote);
    if (::connect(m_watch->fd(), address.get(), address.size) != 0 && errno != EINPROGRESS && errno != EINTR) {
      return finish_later(error_from_errno(errno, m_what));
    }
    m_watch->wait_writable();
  }

 private:
  void on_fd_writable() override {
    int failure = 0;
    socklen_t size = sizeof failure;
    if (::getsockopt(m_watch->fd(), SOL_SOCKET, SO_ERROR, &failure, &size) != 0) failure = errno;
    if (failure != 0) return finish(error_from_errno(failure, m_what));
    socket_address peer;
    if (::getpeername(m_watch->fd(), peer.get(), &peer.size) != 0) return m_watch->wait_writable();
    const auto done = std::move(m_done);
    done(std::make_unique<tcp_stream>(std::move(m_watch)));
  }
  void finish(const error& failure) {
    const auto done = std::move(m_done);
    done(tl::unexpected<error>(failure));
  }
  void finish_later(error failure) {
    m_loop.post([this, failure = std::move(failure), is_alive = std::weak_ptr<char>(m_is_alive)] {
      if (!is_alive.expired()) finish(failure);
    });
  }

  asio_event_loop& m_loop;
  const endpoint m_remote;
  const std::string m_what;
  network::connect_callback m_done;
  std::unique_ptr<fd_watch> m_watch;
  const std::shared_ptr<char> m_is_alive = std::make_shared<char>();
};

class tcp_acceptor final : public stream_acceptor, private fd_listener {
 public:
  tcp_acceptor(asio_event_loop& loop, std::unique_ptr<fd_watch> listening, network::accept_callback accepted)
      : m_loop(loop),
        m_watch(std::move(listening)),
        m_accepted(std::make_shared<network::accept_callback>(std::move(accepted))),
        m_pause_timer(loop.make_timer([this] { m_watch->wait_readable(); })) {
    socket_address own;
    if (::getsockname(m_watch->fd(), own.get(), &own.size) == 0) m_local = own.to_endpoint();
    m_watch->set_listener(this);
    m_watch->wait_readable();
  }
  endpoint local() const override { return m_local; }

 private:
  void on_fd_readable() override {
    const life_guard::watcher life(m_life);
    for (int i = 0; i < accepts_per_event; ++i) {
      const int fd = ::accept4(m_watch->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        hand_over(fd);
        if (life.has_ended()) return;
      } else if (!goes_on_after(errno)) {
        break;
      }
    }
    if (!m_pause_timer->is_armed()) m_watch->wait_readable();
  }
  void hand_over(int fd) {
    m_pause = first_pause;
    apply_options(fd, {});
    auto watch = fd_watch::make(m_loop, fd);
    if (!watch) {
      log_warn(log_module::net, "{}: a connection was dropped: {}", m_local.to_string(), watch.error().message);
      return;
    }
    const auto accepted = m_accepted;  // it may destroy this acceptor
    (*accepted)(std::make_unique<tcp_stream>(std::move(*watch)));
  }
  /// Whether another accept may succeed at once. What the network did to one connection (accept(2) lists it) must not
  /// stop the listener; without descriptors or memory the same connection would be reported again and again: it pauses.
  bool goes_on_after(int failure) {
    if (failure == EAGAIN || failure == EWOULDBLOCK) return false;
    constexpr int passing[] = {EINTR,     ECONNABORTED, EPROTO,       EPERM,      ENETDOWN,   ENOPROTOOPT,
                               EHOSTDOWN, ENONET,       EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH};
    if (std::find(std::begin(passing), std::end(passing), failure) != std::end(passing)) return true;
    if (const uint64_t count = m_refusals.add(m_loop.now())) {
      log_warn(log_module::net, "{}: cannot accept ({}x): {}", m_local.to_string(), count,
               error_from_errno(failure, "accept").message);
    }
    m_pause_timer->arm_after(m_pause);
    m_pause = std::min(2 * m_pause, longest_pause);
    return false;
  }

  asio_event_loop& m_loop;
  const std::unique_ptr<fd_watch> m_watch;
  const std::shared_ptr<network::accept_callback> m_accepted;
  const std::unique_ptr<loop_timer> m_pause_timer;
  duration m_pause = first_pause;
  rate_counter m_refusals;
  endpoint m_local;
  life_guard m_life;
};

}  // namespace

std::unique_ptr<pending_operation> tcp_network::connect(const endpoint& remote, const connect_options& options,
                                                        connect_callback done) {
  auto operation = std::make_unique<tcp_connect>(m_loop, remote, std::move(done));
  operation->start(options);
  return operation;
}

result<std::unique_ptr<stream_acceptor>> tcp_network::listen(const endpoint& local, accept_callback accepted) {
  const std::string what = "listen on " + local.to_string();
  auto made = make_socket(m_loop, local);
  if (!made) return tl::unexpected<error>(wrap(made.error(), what));
  const int fd = (*made)->fd();
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (family_of(local) == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  const socket_address address(local);
  if (::bind(fd, address.get(), address.size) != 0 || ::listen(fd, listen_backlog) != 0) {
    return tl::unexpected<error>(error_from_errno(errno, what));
  }
  return std::make_unique<tcp_acceptor>(m_loop, std::move(*made), std::move(accepted));
}

}  // namespace campush
