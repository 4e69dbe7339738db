#include "net/fd_watch.h"

#include <unistd.h>

#include <array>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "net/asio_access.h"
#include "net/handler_memory.h"

namespace campush {

namespace asio = boost::asio;

/// Outlives the watch while an operation is under way: Asio answers every wait, if only with "aborted".
struct fd_watch::state : std::enable_shared_from_this<state> {
  using descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;
  enum direction : uint8_t { read = 0, write = 1 };

  struct wait_handler {
    using allocator_type = handler_allocator<char>;
    std::shared_ptr<state> owner;
    direction ready;
    allocator_type get_allocator() const noexcept { return allocator_type(owner->memory[ready]); }
    void operator()(const boost::system::error_code&) const { owner->on_ready(ready); }
  };

  explicit state(asio::io_context& context) : watched(context) {}

  void wait(direction wanted) {
    if (is_waiting[wanted] || !watched.is_open()) return;
    is_waiting[wanted] = true;
    watched.async_wait(wanted == read ? descriptor::wait_read : descriptor::wait_write,
                       wait_handler{shared_from_this(), wanted});
  }
  /// Errors count as readiness: the call that follows says which.
  void on_ready(direction ready) {
    is_waiting[ready] = false;
    if (listener == nullptr || !watched.is_open()) return;
    if (ready == read) {
      listener->on_fd_readable();
    } else {
      listener->on_fd_writable();
    }
  }

  std::array<handler_memory, 2> memory;
  std::array<bool, 2> is_waiting{};
  fd_listener* listener = nullptr;
  descriptor watched;
};

fd_watch::fd_watch(std::shared_ptr<state> shared, int fd) noexcept : m_state(std::move(shared)), m_fd(fd) {}

result<std::unique_ptr<fd_watch>> fd_watch::make(asio_event_loop& loop, int owned_fd) {
  auto shared = std::make_shared<state>(asio_access::context_of(loop));
  boost::system::error_code failure;
  shared->watched.assign(owned_fd, failure);
  if (failure) {
    ::close(owned_fd);
    return tl::unexpected<error>(error_from_errno(failure.value(), "watch a descriptor"));
  }
  return std::unique_ptr<fd_watch>(new fd_watch(std::move(shared), owned_fd));
}

fd_watch::~fd_watch() {
  m_state->listener = nullptr;
  boost::system::error_code ignored;
  m_state->watched.close(ignored);
}

void fd_watch::set_listener(fd_listener* listener) noexcept {
  m_state->listener = listener;
}

void fd_watch::wait_readable() {
  m_state->wait(state::read);
}

void fd_watch::wait_writable() {
  m_state->wait(state::write);
}

}  // namespace campush
