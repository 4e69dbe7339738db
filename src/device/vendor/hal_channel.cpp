#include "device/vendor/hal_channel.h"

#include <algorithm>

#include "util/log.h"

namespace campush {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Of those that open a channel: 5 s by the interface, and a little for what surrounds them.
constexpr duration longest_call = seconds(6);
constexpr duration close_limit = milliseconds(700);
constexpr duration shortest_silence = seconds(1);
constexpr int silent_periods = 5;
/// Sensors need their time: so much is allowed after every start.
constexpr duration first_unit_limit = seconds(4);
constexpr duration check_period = milliseconds(500);
/// Without a descriptor that tells of units.
constexpr duration blind_period = milliseconds(10);
constexpr uint32_t most_units_a_second = 1000;

int64_t in_ms(duration length) {
  return std::chrono::duration_cast<milliseconds>(length).count();
}

duration silence_limit(const hal_opened& opened) {
  if (!(opened.frame_rate > 0)) return shortest_silence;
  const double periods_us = silent_periods * 1e6 / std::max(opened.frame_rate, 0.1);
  return std::max(shortest_silence, duration(static_cast<int64_t>(periods_us)));
}

}  // namespace

hal_channel::hal_channel(hal_channel_request request, const clock& time, std::shared_ptr<hal_library_cache> plugins)
    : m_request(std::move(request)), m_time(time), m_plugins(std::move(plugins)) {}

result<hal_opened> hal_channel::open() {
  if (m_worker) close();
  if (m_is_interrupted.load()) return give_up({error_code::cancelled, m_request.name() + ": it was stopped"});
  if (m_request.path.empty()) return give_up({error_code::invalid_argument, "a vendor source names no library"});
  m_worker = std::make_shared<hal_worker>(m_request, m_plugins, m_counters);
  {
    const std::lock_guard<std::mutex> hold(m_mutex);
    m_shared_worker = m_worker;
  }
  auto begun = m_worker->begin();
  if (begun) begun = wait_until_open(*m_worker);
  if (!begun) return give_up(std::move(begun.error()));
  const time_point now = m_time.now();
  m_times = unit_clock();
  m_silence_limit = silence_limit(m_worker->opened());
  m_silent_since = m_last_check = m_window_start = m_progress_at = now;
  m_is_first_awaited = true;
  m_was_restarted = false;
  m_window_units = 0;
  return m_worker->opened();
}

result<void> hal_channel::wait_until_open(hal_worker& worker) {
  constexpr int slice_ms = 50;
  // Loading, opening and starting may take their own time each, and so may the wait for another channel's call before.
  const int64_t limit_ms = in_ms(longest_call);
  int64_t left_ms = limit_ms;
  auto seen = worker.progress();
  while (worker.phase() == hal_worker::worker_phase::opening) {
    if (m_is_interrupted.load()) return fail(error_code::cancelled, m_request.name() + ": it was stopped");
    const auto progress = worker.progress();
    if (progress.count != seen.count || progress.call != seen.call) {
      seen = progress;
      left_ms = limit_ms;
    }
    if (left_ms <= 0) {
      m_is_blocked = true;
      return fail(error_code::timed_out, m_request.name() + ": " + hal_call_name(progress.call) +
                                             " has not returned within " + std::to_string(limit_ms) + " ms");
    }
    worker.news().wait(slice_ms);
    left_ms -= slice_ms;
  }
  if (worker.phase() == hal_worker::worker_phase::ended) return tl::unexpected<error>(worker.failure());
  return {};
}

tl::unexpected<error> hal_channel::give_up(error failure) {
  close();
  return tl::unexpected<error>(std::move(failure));
}

void hal_channel::close() noexcept {
  const bool was_interrupted = m_is_interrupted.load();
  if (m_worker) {
    duration limit = m_is_blocked ? duration::zero() : close_limit;
    if (was_interrupted) limit -= m_time.now() - time_point(duration(m_interrupted_at_us.load()));
    m_worker->finish(std::clamp(limit, duration::zero(), close_limit));
    if (m_worker->phase() != hal_worker::worker_phase::ended) {
      log_warn(log_module::device, "{}: {} has not returned: its thread is left behind", m_request.name(),
               hal_call_name(m_worker->progress().call));
    }
    m_worker.reset();
    const std::lock_guard<std::mutex> hold(m_mutex);
    m_shared_worker.reset();
  }
  m_is_blocked = false;
  m_interrupted_at_us.store(0);
  m_is_interrupted.store(false);
}

void hal_channel::interrupt() noexcept {
  // Whoever stops many cameras says so to all of them first and to each of them again: the time runs from the first.
  int64_t never = 0;
  m_interrupted_at_us.compare_exchange_strong(never, m_time.now().time_since_epoch().count());
  m_is_interrupted.store(true);
  if (const auto worker = this->worker()) {
    worker->request_stop();
    worker->news().raise();
  }
}

std::shared_ptr<hal_worker> hal_channel::worker() const noexcept {
  const std::lock_guard<std::mutex> hold(m_mutex);
  return m_shared_worker;
}

time_point hal_channel::next_due() const noexcept {
  return m_last_check + (poll_descriptor() >= 0 ? check_period : blind_period);
}

int hal_channel::poll_descriptor() const noexcept {
  return m_worker ? m_worker->news().descriptor() : -1;
}

result<const checked_unit*> hal_channel::next(time_point now) {
  if (!m_worker) return fail(error_code::invalid_argument, m_request.name() + ": it is not open");
  if (m_is_interrupted.load()) return give_up({error_code::cancelled, m_request.name() + ": it was stopped"});
  m_last_check = now;
  m_worker->news().clear();
  if (const checked_unit* unit = m_worker->take()) {
    m_silent_since = m_progress_at = now;
    m_is_first_awaited = m_was_restarted = false;
    if (auto checked = check_rate(now); !checked) {
      give_back();
      return give_up(std::move(checked.error()));
    }
    return unit;
  }
  auto checked = check_progress(now);
  if (checked) checked = check_silence(now);
  if (!checked) return give_up(std::move(checked.error()));
  return nullptr;
}

result<void> hal_channel::check_progress(time_point now) {
  if (m_worker->phase() == hal_worker::worker_phase::ended) {
    const error& failure = m_worker->failure();
    if (failure.message.empty()) return fail(error_code::cancelled, m_request.name() + ": it was stopped");
    return tl::unexpected<error>(failure);
  }
  const auto progress = m_worker->progress();
  if (progress.count != m_progress.count || progress.call == hal_call::none) {
    m_progress = progress;
    m_progress_at = now;
    return {};
  }
  if (now - m_progress_at < hal_call_limit(progress.call)) return {};
  m_is_blocked = true;
  return fail(error_code::timed_out, m_request.name() + ": " + hal_call_name(progress.call) +
                                         " has not returned within " + std::to_string(in_ms(now - m_progress_at)) +
                                         " ms");
}

result<void> hal_channel::check_silence(time_point now) {
  // A start may take longer than silence is allowed to; check_progress() sees to it.
  if (m_worker->is_restarting()) m_silent_since = now;
  const duration limit =
      m_is_first_awaited || m_was_restarted ? std::max(m_silence_limit, first_unit_limit) : m_silence_limit;
  if (now - m_silent_since < limit) return {};
  const char* const fault = m_worker->last_fault();
  std::string text = m_request.name() + ": no data for " + std::to_string(in_ms(now - m_silent_since)) + " ms";
  if (fault != nullptr) text += std::string(" (the last unit was refused: ") + fault + ")";
  if (m_was_restarted) return fail(error_code::timed_out, text + ", nor after a stop and start");
  m_stalls.fetch_add(1, std::memory_order_relaxed);
  log_warn(log_module::device, "{}: it is stopped and started", text);
  m_was_restarted = true;
  m_silent_since = now;
  m_worker->ask_restart();
  return {};
}

result<void> hal_channel::check_rate(time_point now) {
  if (now - m_window_start >= seconds(1)) {
    m_window_start = now;
    m_window_units = 0;
  }
  if (++m_window_units <= most_units_a_second) return {};
  return fail(error_code::limit_reached,
              m_request.name() + ": over " + std::to_string(most_units_a_second) + " units in a second");
}

source_health hal_channel::health() const noexcept {
  source_health out;
  out.lost_pictures = m_counters->lost_units.load(std::memory_order_relaxed);
  out.damaged_buffers = m_counters->bad_units.load(std::memory_order_relaxed);
  out.stalls = m_stalls.load(std::memory_order_relaxed);
  return out;
}

}  // namespace campush
