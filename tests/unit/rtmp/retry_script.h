#pragma once

#include <string>
#include <utility>

#include "fakes/fake_clock.h"
#include "rtmp/connection_manager.h"

namespace campush {

/// A camera that lives through outages: each verb does what a session does, then waits as long as it is told.
struct retry_script {
  fake_clock time;
  time_point start = time.now();
  connection_manager manager;
  std::string journal;

  explicit retry_script(size_t urls, const retry_policy& retry, const failback_policy& failback = {}, uint64_t seed = 1)
      : manager(retry, failback, urls, time, seed) {}

  std::string seconds_text() const {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.now() - start).count();
    std::string text = std::to_string(ms / 1000);
    if (ms % 1000 != 0) text += "." + std::to_string(1000 + ms % 1000).substr(1);
    return text;
  }
  const char* here() const {
    static const char* const labels[] = {"primary", "backup1", "backup2"};
    return labels[manager.current_url()];
  }
  double wait_s() const { return std::chrono::duration<double>(manager.get_backoff_delay()).count(); }

  /// Waits its turn and starts an attempt; the journal gets "second:url ".
  void try_next() {
    time.advance(manager.get_backoff_delay());
    manager.on_connecting();
    journal += seconds_text() + ":" + here() + " ";
  }
  void fail(disconnect_reason why = disconnect_reason::connect_refused, int times = 1) {
    for (int i = 0; i < times; ++i) {
      try_next();
      manager.on_disconnect(why);
    }
  }
  void connect() {
    try_next();
    manager.on_connected();
  }
  void publish_for(std::chrono::seconds duration_s) {
    for (auto s = std::chrono::seconds(0); s < duration_s; s += std::chrono::seconds(1)) {
      manager.on_healthy();
      time.advance(std::chrono::seconds(1));
    }
    manager.on_healthy();
  }
  void drop(disconnect_reason why = disconnect_reason::connection_reset) { manager.on_disconnect(why); }
  std::string take_journal() {
    std::string text = std::move(journal);
    journal.clear();
    if (!text.empty()) text.pop_back();
    return text;
  }
};

/// Without jitter, so that times can be written down.
inline retry_policy exact() {
  retry_policy retry;
  retry.jitter = 0;
  return retry;
}

}  // namespace campush
