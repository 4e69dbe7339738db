#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "net/event_loop.h"
#include "net/fd_watch.h"

namespace campush {

/// All wakeups of one loop behind one eventfd: a lock-free list of those that were signalled. A signal that is still
/// pending costs an atomic exchange, one that finds others waiting no system call.
/// Thread: loop-thread; signal() of its wakeups any-thread. It outlives its wakeups.
class wake_queue final : private fd_listener {
 public:
  explicit wake_queue(std::unique_ptr<fd_watch> eventfd);
  ~wake_queue();
  std::unique_ptr<loop_wakeup> make_wakeup(std::function<void()> callback);

 private:
  struct entry;
  class wakeup;

  void push(entry& signalled) noexcept;
  void retire(std::unique_ptr<entry> unused);
  entry* take_in_order() noexcept;
  static void run(const entry& signalled) noexcept;
  void on_fd_readable() override;

  const std::unique_ptr<fd_watch> m_watch;
  const int m_fd;
  std::atomic<entry*> m_last_signalled{nullptr};
  bool m_is_dispatching = false;
  std::vector<std::unique_ptr<entry>> m_retired;  ///< destroyed while listed or while their callback ran
};

}  // namespace campush
