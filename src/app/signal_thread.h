#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace campush {

/// Turns SIGINT, SIGTERM, SIGHUP and SIGUSR1 into calls. The signals are blocked in the thread that makes it and in every
/// thread started afterwards, so make it first; they stay blocked until the process ends.
/// Thread: made and destroyed on the control-thread; the callback runs on the thread in here and should only post.
class signal_thread {
 public:
  explicit signal_thread(std::function<void(int signal_number)> on_signal);
  ~signal_thread();
  signal_thread(const signal_thread&) = delete;
  signal_thread& operator=(const signal_thread&) = delete;

 private:
  std::atomic<bool> m_is_stopping{false};
  std::thread m_thread;
};

}  // namespace campush
