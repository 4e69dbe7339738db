#include "net/asio_event_loop.h"

#include <sys/eventfd.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>

#include "net/asio_access.h"
#include "net/fd_watch.h"
#include "net/handler_memory.h"
#include "net/wake_queue.h"
#include "util/log.h"

namespace campush {

namespace asio = boost::asio;

struct asio_event_loop::context {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> keeps_running{io.get_executor()};
  std::unique_ptr<wake_queue> wakeups;
};

namespace {

using steady_time = std::chrono::steady_clock::time_point;
using asio_timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                                              asio::io_context::executor_type>;

/// At most one wait is under way. Arming for later leaves it alone and looks again when it ends: the watchdog that is
/// armed with every frame costs a store. Arming for earlier cancels it and waits anew when it has said so.
struct timer_state : std::enable_shared_from_this<timer_state> {
  struct wait_handler {
    using allocator_type = handler_allocator<char>;
    std::shared_ptr<timer_state> owner;
    allocator_type get_allocator() const noexcept { return allocator_type(owner->memory); }
    void operator()(const boost::system::error_code&) const { owner->on_wait_ended(); }
  };

  timer_state(asio::io_context& io, const clock& time, std::function<void()> work)
      : loop_time(time), callback(std::move(work)), timer(io) {}

  void arm(time_point when) {
    due = when;
    is_armed = true;
    if (!is_waiting) {
      wait();
    } else if (due < waiting_until) {
      timer.cancel();
    }
  }
  void wait() {
    is_waiting = true;
    waiting_until = due;
    timer.expires_at(steady_time(due.time_since_epoch()));
    timer.async_wait(wait_handler{shared_from_this()});
  }
  void on_wait_ended() {
    is_waiting = false;
    if (!is_armed) return;
    if (loop_time.now() < due) return wait();
    is_armed = false;
    callback();
  }

  const clock& loop_time;
  const std::function<void()> callback;
  time_point due{};
  time_point waiting_until{};
  bool is_armed = false;
  bool is_waiting = false;
  handler_memory memory;
  asio_timer timer;
};

class asio_loop_timer final : public loop_timer {
 public:
  asio_loop_timer(asio::io_context& io, const clock& time, std::function<void()> callback)
      : m_state(std::make_shared<timer_state>(io, time, std::move(callback))) {}
  ~asio_loop_timer() override {
    m_state->is_armed = false;
    m_state->timer.cancel();
  }
  void arm_at(time_point due) override { m_state->arm(due); }
  void arm_after(duration delay) override { m_state->arm(m_state->loop_time.now() + delay); }
  void cancel() noexcept override { m_state->is_armed = false; }
  bool is_armed() const noexcept override { return m_state->is_armed; }

 private:
  const std::shared_ptr<timer_state> m_state;
};

}  // namespace

boost::asio::io_context& asio_access::context_of(asio_event_loop& loop) noexcept {
  return loop.m_context->io;
}

asio_event_loop::asio_event_loop() : m_context(std::make_unique<context>()) {
  const int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  auto watch = fd_watch::make(*this, fd);
  if (!watch) throw std::runtime_error(watch.error().message);
  m_context->wakeups = std::make_unique<wake_queue>(std::move(*watch));
}

asio_event_loop::~asio_event_loop() = default;

void asio_event_loop::run() {
  while (!m_context->io.stopped()) {
    try {
      m_context->io.run();
    } catch (const std::exception& failure) {
      log_error(log_module::net, "a callback of the event loop failed: {}", failure.what());
    } catch (...) {
      log_error(log_module::net, "a callback of the event loop failed");
    }
  }
}

bool asio_event_loop::run_one_for(duration limit) {
  return m_context->io.run_one_for(limit) > 0;
}

void asio_event_loop::stop() noexcept {
  m_context->io.stop();
}

void asio_event_loop::post(std::function<void()> work) {
  asio::post(m_context->io, std::move(work));
}

std::unique_ptr<loop_timer> asio_event_loop::make_timer(std::function<void()> callback) {
  return std::make_unique<asio_loop_timer>(m_context->io, m_clock, std::move(callback));
}

std::unique_ptr<loop_wakeup> asio_event_loop::make_wakeup(std::function<void()> callback) {
  return m_context->wakeups->make_wakeup(std::move(callback));
}

}  // namespace campush
