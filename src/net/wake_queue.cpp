#include "net/wake_queue.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>

#include "util/log.h"

namespace campush {

struct wake_queue::entry {
  std::function<void()> callback;
  std::atomic<bool> is_pending{false};
  entry* next = nullptr;  ///< written before the entry is listed, read after it was taken
  bool is_retired = false;
};

class wake_queue::wakeup final : public loop_wakeup {
 public:
  wakeup(wake_queue& queue, std::unique_ptr<entry> own) : m_queue(queue), m_entry(std::move(own)) {}
  ~wakeup() override { m_queue.retire(std::move(m_entry)); }
  void signal() noexcept override {
    if (!m_entry->is_pending.exchange(true, std::memory_order_acq_rel)) m_queue.push(*m_entry);
  }

 private:
  wake_queue& m_queue;
  std::unique_ptr<entry> m_entry;
};

wake_queue::wake_queue(std::unique_ptr<fd_watch> eventfd) : m_watch(std::move(eventfd)), m_fd(m_watch->fd()) {
  m_watch->set_listener(this);
  m_watch->wait_readable();
}

wake_queue::~wake_queue() = default;

std::unique_ptr<loop_wakeup> wake_queue::make_wakeup(std::function<void()> callback) {
  auto own = std::make_unique<entry>();
  own->callback = std::move(callback);
  return std::make_unique<wakeup>(*this, std::move(own));
}

void wake_queue::push(entry& signalled) noexcept {
  entry* last = m_last_signalled.load(std::memory_order_relaxed);
  do {
    signalled.next = last;
  } while (
      !m_last_signalled.compare_exchange_weak(last, &signalled, std::memory_order_release, std::memory_order_relaxed));
  if (last != nullptr) return;  // whoever listed the first one has written
  const uint64_t one = 1;
  while (::write(m_fd, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

wake_queue::entry* wake_queue::take_in_order() noexcept {
  entry* taken = m_last_signalled.exchange(nullptr, std::memory_order_acquire);
  entry* first = nullptr;
  while (taken != nullptr) {
    entry* const next = taken->next;
    taken->next = first;
    first = taken;
    taken = next;
  }
  return first;
}

/// An exception must not lose the wakeups that are listed behind this one.
void wake_queue::run(const entry& signalled) noexcept {
  try {
    signalled.callback();
  } catch (const std::exception& failure) {
    log_error(log_module::net, "a wakeup failed: {}", failure.what());
  } catch (...) {
    log_error(log_module::net, "a wakeup failed");
  }
}

void wake_queue::on_fd_readable() {
  uint64_t ignored = 0;
  while (::read(m_fd, &ignored, sizeof ignored) < 0 && errno == EINTR) {
  }
  m_watch->wait_readable();
  // After the read: whoever finds the list empty from here on writes again.
  m_is_dispatching = true;
  for (entry* signalled = take_in_order(); signalled != nullptr;) {
    entry* const next = signalled->next;
    // Before the callback: a signal that comes while it runs must run it again. It acquires what the signaller wrote.
    signalled->is_pending.exchange(false, std::memory_order_acq_rel);
    if (!signalled->is_retired) run(*signalled);
    signalled = next;
  }
  m_is_dispatching = false;
  const auto is_unlisted = [](const std::unique_ptr<entry>& retired) { return !retired->is_pending; };
  m_retired.erase(std::remove_if(m_retired.begin(), m_retired.end(), is_unlisted), m_retired.end());
}

void wake_queue::retire(std::unique_ptr<entry> unused) {
  if (!m_is_dispatching && !unused->is_pending) return;
  unused->is_retired = true;
  m_retired.push_back(std::move(unused));
}

}  // namespace campush
