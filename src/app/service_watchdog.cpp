#include "app/service_watchdog.h"

#include <utility>

#include "util/log.h"

namespace campush {

service_watchdog::service_watchdog(event_loop& control_loop, watchdog_options options, feed_function feed,
                                   step_probe longest_step)
    : m_loop(control_loop),
      m_options(options),
      m_feed(std::move(feed)),
      m_longest_step(std::move(longest_step)),
      m_timer(control_loop.make_timer([this] { on_timer(); })) {}

void service_watchdog::watch(event_loop& loop, std::string name) {
  m_watched.push_back({&loop, std::move(name), std::make_shared<heartbeat>()});
}

void service_watchdog::start() {
  if (m_options.interval > duration::zero()) on_timer();
}

std::string service_watchdog::what_hangs(time_point now) const {
  for (const watched_loop& watched : m_watched) {
    if (watched.beat->pending_for(now) > m_options.loop_limit) return "the loop " + watched.name + " does not answer";
  }
  if (m_longest_step() > m_options.step_limit) return "a capture thread does not come back from its device";
  return {};
}

void service_watchdog::on_timer() {
  const time_point now = m_loop.now();
  const std::string hanging = what_hangs(now);
  if (hanging.empty()) {
    m_feed(alive_message);
  } else if (hanging != m_reported) {
    log_error(log_module::app, "{}: the watchdog is not fed", hanging);
    m_feed("STATUS=" + hanging);
  }
  m_reported = hanging;
  for (const watched_loop& watched : m_watched) {
    if (watched.beat->is_pending()) continue;
    watched.beat->begin(now);
    watched.loop->post([beat = watched.beat] { beat->end(); });
  }
  m_timer->arm_at(now + m_options.interval / 3);
}

}  // namespace campush
