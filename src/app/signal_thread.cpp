#include "app/signal_thread.h"

#include <pthread.h>

#include <csignal>

namespace campush {

namespace {

/// Wakes the thread so that it sees the flag.
constexpr int stop_signal = SIGUSR2;

}  // namespace

signal_thread::signal_thread(std::function<void(int)> on_signal) {
  sigset_t awaited;
  sigemptyset(&awaited);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, stop_signal}) sigaddset(&awaited, number);
  pthread_sigmask(SIG_BLOCK, &awaited, nullptr);
  m_thread = std::thread([this, awaited, on_signal = std::move(on_signal)] {
    pthread_setname_np(pthread_self(), "signals");
    for (int number = 0; sigwait(&awaited, &number) == 0 && !m_is_stopping;) {
      if (number != stop_signal) on_signal(number);
    }
  });
}

signal_thread::~signal_thread() {
  m_is_stopping = true;
  pthread_kill(m_thread.native_handle(), stop_signal);
  m_thread.join();
}

}  // namespace campush
