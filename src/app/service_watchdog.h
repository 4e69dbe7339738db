#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/event_loop.h"
#include "util/heartbeat.h"

namespace campush {

/// What the manager wants to hear while all is well.
inline constexpr std::string_view alive_message = "WATCHDOG=1";

struct watchdog_options {
  duration interval{};                             ///< how often the manager wants to hear of us; zero: not at all
  duration loop_limit = std::chrono::seconds(10);  ///< a loop that takes longer to answer hangs
  duration step_limit =
      std::chrono::seconds(60);  ///< a capture thread that stays longer in one step hangs in a driver or plug-in
};

/// Feeds the service manager's watchdog while every loop answers and every capture thread comes back from its steps. Whether pictures leave is
/// no matter of this: /ready tells, and sessions look after themselves, so that a dead network never restarts the process.
/// Shape: start() once. Loops are asked three times an interval, each again only when it has answered. The control loop is watched by doing it.
/// Errors: what hangs is logged once, by name; feeding goes on when it comes back before the manager acts.
/// Thread: control-thread; the loops it watches outlive it by nothing: answers that come late touch nothing of it.
class service_watchdog {
 public:
  using feed_function = std::function<void(std::string_view message)>;
  /// How long the longest step of any capture thread has taken so far.
  using step_probe = std::function<duration()>;

  service_watchdog(event_loop& control_loop, watchdog_options options, feed_function feed, step_probe longest_step);

  void watch(event_loop& loop, std::string name);
  void start();

 private:
  struct watched_loop {
    event_loop* loop;
    std::string name;
    std::shared_ptr<heartbeat> beat;
  };

  void on_timer();
  std::string what_hangs(time_point now) const;

  event_loop& m_loop;
  const watchdog_options m_options;
  const feed_function m_feed;
  const step_probe m_longest_step;
  std::vector<watched_loop> m_watched;
  std::string m_reported;
  std::unique_ptr<loop_timer> m_timer;
};

}  // namespace campush
