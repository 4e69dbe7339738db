#include "codec/abandonable_thread.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

namespace campush {

namespace {

constexpr duration farewell = std::chrono::milliseconds(800);

std::atomic<int> abandoned_now{0};

}  // namespace

struct abandonable_thread::shared_state {
  std::mutex guard;
  std::condition_variable news;
  // Under the guard.
  job next = nullptr;
  bool is_ending = false, is_ended = false, is_abandoned = false;
  // Touched by the owner between calls, else by the thread.
  std::unique_ptr<subject> worked_on;

  void serve() noexcept {
    std::unique_lock<std::mutex> hold(guard);
    while (true) {
      news.wait(hold, [this] { return next != nullptr || is_ending; });
      if (next == nullptr) break;
      const job call = next;
      hold.unlock();
      call(*worked_on);
      hold.lock();
      next = nullptr;
      news.notify_all();
    }
    hold.unlock();
    worked_on.reset();
    hold.lock();
    is_ended = true;
    if (is_abandoned) abandoned_now.fetch_sub(1);
    news.notify_all();
  }

  /// Under the guard.
  void give_up() noexcept {
    is_ending = is_abandoned = true;
    abandoned_now.fetch_add(1);
  }
};

result<std::unique_ptr<abandonable_thread>> abandonable_thread::begin(std::unique_ptr<subject> worked_on) {
  if (abandoned() >= most_abandoned) {
    return fail(error_code::io_failed, "too many calls of hardware encoders have not returned");
  }
  auto state = std::make_shared<shared_state>();
  state->worked_on = std::move(worked_on);
  try {
    std::thread([state] { state->serve(); }).detach();
  } catch (const std::system_error& cause) {
    return fail(error_code::io_failed, std::string("no thread for an encoder: ") + cause.what());
  }
  return std::unique_ptr<abandonable_thread>(new abandonable_thread(std::move(state)));
}

abandonable_thread::~abandonable_thread() {
  std::unique_lock<std::mutex> hold(m_state->guard);
  if (m_state->is_abandoned) return;
  m_state->is_ending = true;
  m_state->news.notify_all();
  if (!m_state->news.wait_for(hold, farewell, [this] { return m_state->is_ended; })) m_state->give_up();
}

bool abandonable_thread::run(job call, duration limit) noexcept {
  std::unique_lock<std::mutex> hold(m_state->guard);
  if (m_state->is_abandoned) return false;
  m_state->next = call;
  m_state->news.notify_all();
  const bool is_back = m_state->news.wait_for(hold, limit, [this] { return m_state->next == nullptr; });
  if (!is_back) m_state->give_up();
  return is_back;
}

int abandonable_thread::abandoned() noexcept {
  return abandoned_now.load();
}

}  // namespace campush
