#include "device/vendor/hal_worker.h"

#include <pthread.h>

#include <algorithm>
#include <system_error>

#include "util/log.h"

namespace campush {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct call_facts {
  hal_call call;
  const char* name;
  duration limit;
};
constexpr call_facts calls[] = {
    {hal_call::none, "none", duration::max()},
    {hal_call::load, "loading", seconds(6)},
    {hal_call::turn, "another channel's call", seconds(6)},
    {hal_call::open, "open", seconds(5)},
    {hal_call::start, "start", seconds(5)},
    {hal_call::poll_fd, "poll_fd", seconds(1)},
    {hal_call::get, "get", seconds(1)},
    {hal_call::release, "release", seconds(1)},
    {hal_call::keyframe, "request_keyframe", seconds(1)},
    {hal_call::bitrate, "set_bitrate", seconds(1)},
    {hal_call::codec, "set_codec", seconds(1)},
    {hal_call::stop, "stop", seconds(1)},
    {hal_call::close, "close", seconds(1)},
};

/// How long get may wait: requests from upstream wait as long in the worst case.
constexpr uint32_t blocking_get_ms = 100;
/// With a descriptor to poll: how long without looking at anything.
constexpr int poll_wait_ms = 500;
/// Between two calls that said "nothing" at once, against their contract.
constexpr int idle_pause_ms = 2;
constexpr int fault_pause_ms = 10;
constexpr uint32_t most_failures_in_a_row = 10;
/// A jump of the plug-in's count beyond this is a new count, not a loss.
constexpr uint32_t longest_gap = 1000;
constexpr size_t longest_last_error = 200;

}  // namespace

const char* hal_call_name(hal_call call) noexcept {
  return calls[static_cast<size_t>(call)].name;
}

duration hal_call_limit(hal_call call) noexcept {
  return calls[static_cast<size_t>(call)].limit;
}

std::string hal_channel_request::name() const {
  return path + (kind == track_kind::video ? " video " : " audio ") + std::to_string(channel);
}

hal_worker::hal_worker(hal_channel_request request, std::shared_ptr<hal_library_cache> plugins,
                       std::shared_ptr<hal_counters> counters)
    : m_request(std::move(request)), m_plugins(std::move(plugins)), m_counters(std::move(counters)) {}

result<void> hal_worker::begin() {
  try {
    m_thread = std::thread([self = shared_from_this()] { self->run(); });
  } catch (const std::system_error& refused) {
    m_phase.store(worker_phase::ended, std::memory_order_release);
    return tl::unexpected<error>(error_from_errno(refused.code().value(), m_request.name() + ": thread"));
  }
  return {};
}

const checked_unit* hal_worker::take() noexcept {
  lease_state expected = lease_state::offered;
  return m_lease.compare_exchange_strong(expected, lease_state::taken) ? &m_checked : nullptr;
}

void hal_worker::give_back() noexcept {
  m_lease.store(lease_state::returned);
  m_wake.raise();
}

void hal_worker::finish(duration limit) noexcept {
  if (!m_thread.joinable()) return;
  request_stop();
  constexpr int slice_ms = 20;
  int64_t left_ms = std::chrono::duration_cast<milliseconds>(limit).count();
  while (phase() != worker_phase::ended && left_ms > 0) {
    // Slices: without a descriptor for the flag waits are as short, and the sum must be right either way.
    m_news.wait(slice_ms);
    left_ms -= slice_ms;
  }
  phase() == worker_phase::ended ? m_thread.join() : m_thread.detach();
}

template <class Function, class... Args>
int hal_worker::call(hal_call which, Function function, Args... args) {
  std::unique_lock<std::mutex> turn(m_library->turn(), std::defer_lock);
  if (!m_library->is_parallel()) {
    m_call.store(hal_call::turn);
    m_call_count.fetch_add(1);
    turn.lock();
  }
  m_call.store(which);
  m_call_count.fetch_add(1);
  const int code = function(args...);
  const bool is_failure = code != CAMPUSH_HAL_OK && code != CAMPUSH_HAL_AGAIN;
  if (is_failure && m_library->table().last_error != nullptr) {
    const char* const words = m_library->table().last_error();
    m_last_words = words != nullptr ? hal_text(words, longest_last_error) : std::string();
  }
  m_call.store(hal_call::none);
  m_call_count.fetch_add(1);
  return code;
}

result<void> hal_worker::failed(hal_call which, int code) {
  constexpr struct {
    int code;
    error_code meaning;
  } meanings[] = {
      {CAMPUSH_HAL_UNSUPPORTED, error_code::unsupported},
      {CAMPUSH_HAL_INVALID, error_code::invalid_argument},
      {CAMPUSH_HAL_BUSY, error_code::busy},
      {CAMPUSH_HAL_GONE, error_code::not_found},
      {CAMPUSH_HAL_NO_MEMORY, error_code::limit_reached},
  };
  error_code meaning = error_code::io_failed;
  for (const auto& entry : meanings) {
    if (entry.code == code) meaning = entry.meaning;
  }
  std::string text = m_request.name() + ": " + hal_call_name(which) + " returned " + std::to_string(code) + " (" +
                     hal_result_name(code) + ")";
  if (!m_last_words.empty()) text += ": " + m_last_words;
  return fail(meaning, std::move(text));
}

void hal_worker::run() noexcept {
  pthread_setname_np(pthread_self(), "plugin");
  result<void> outcome;
  try {
    outcome = work();
  } catch (...) {
    outcome =
        fail(error_code::io_failed, m_request.name() + ": it threw an exception in " + hal_call_name(m_call.load()));
  }
  close_channel();
  if (!outcome) m_failure = std::move(outcome.error());
  m_phase.store(worker_phase::ended, std::memory_order_release);
  m_news.raise();
}

result<void> hal_worker::work() {
  m_call.store(hal_call::load);
  auto library = m_plugins->load(m_request.path);
  m_call.store(hal_call::none);
  if (!library) return tl::unexpected<error>(std::move(library.error()));
  m_library = std::move(*library);
  if (auto claimed = m_library->claim(m_request.kind, m_request.channel); !claimed) return claimed;
  m_is_claimed = true;
  if (auto opened = open_channel(); !opened) return opened;
  if (auto started = start_channel(); !started) return started;
  m_phase.store(worker_phase::running, std::memory_order_release);
  m_news.raise();
  return deliver_units();
}

result<void> hal_worker::open_channel() {
  if (m_is_stopping.load()) return fail(error_code::cancelled, m_request.name() + ": it was stopped");
  campush_hal_config config = m_request.values;
  config.size = sizeof config;
  config.kind = m_request.kind == track_kind::video ? CAMPUSH_HAL_VIDEO : CAMPUSH_HAL_AUDIO;
  config.channel = m_request.channel;
  config.device = m_request.device.c_str();
  config.profile = m_request.profile.c_str();
  config.options = m_request.options.empty() ? "{}" : m_request.options.c_str();
  guarded<campush_hal_format> format;
  campush_hal_channel* channel = nullptr;
  const int code = call(hal_call::open, m_library->table().open, &config, &format.value, &channel);
  if (code != CAMPUSH_HAL_OK) return failed(hal_call::open, code);
  if (channel == nullptr) return fail(error_code::malformed, m_request.name() + ": open returned 0 and a null handle");
  m_channel = channel;
  if (format.is_overrun()) {
    return fail(error_code::malformed, m_request.name() + ": open wrote past the end of the format it was given");
  }
  return take_format(format.value);
}

result<void> hal_worker::take_format(const campush_hal_format& format) {
  auto opened = check_format(format, *m_library->find(m_request.kind, m_request.channel));
  if (!opened) return tl::unexpected<error>(wrap(std::move(opened.error()), m_request.name()));
  m_opened = std::move(*opened);
  const double pace = m_opened.frame_rate > 0 ? 1000 / m_opened.frame_rate / 4 : 5;
  m_pace_ms = static_cast<int>(std::clamp(pace, 1.0, 10.0));
  const campush_hal_table& table = m_library->table();
  const bool is_video = m_request.kind == track_kind::video;
  m_can_keyframe.store(is_video && table.request_keyframe != nullptr);
  m_can_bitrate.store(is_video && table.set_bitrate != nullptr);
  m_can_codec.store(is_video && table.set_codec != nullptr);
  m_offered_codecs.store(m_opened.codecs);
  return {};
}

result<void> hal_worker::start_channel() {
  if (m_is_stopping.load()) return fail(error_code::cancelled, m_request.name() + ": it was stopped");
  const int code = call(hal_call::start, m_library->table().start, m_channel);
  if (code != CAMPUSH_HAL_OK) return failed(hal_call::start, code);
  m_is_started = true;
  m_last_sequence = 0;
  ask_for_descriptor();
  return {};
}

void hal_worker::ask_for_descriptor() {
  m_poll_descriptor = -1;
  if (m_library->table().poll_fd == nullptr) return;
  m_poll_descriptor = std::max(call(hal_call::poll_fd, m_library->table().poll_fd, m_channel), -1);
}

result<void> hal_worker::restart_channel() {
  const int code = call(hal_call::stop, m_library->table().stop, m_channel);
  m_is_started = false;
  if (code != CAMPUSH_HAL_OK) return failed(hal_call::stop, code);
  return start_channel();
}

result<void> hal_worker::deliver_units() {
  while (!m_is_stopping.load()) {
    if (auto obeyed = obey(); !obeyed) return obeyed;
    const auto fetched = fetch();
    if (!fetched) return tl::unexpected<error>(fetched.error());
    if (*fetched == fetch_outcome::unit) {
      hand_over();
      release_unit();
    } else if (*fetched == fetch_outcome::failed) {
      m_wake.wait(fault_pause_ms);
    }
  }
  return {};
}

result<void> hal_worker::obey() {
  const campush_hal_table& table = m_library->table();
  if (m_wants_restart.exchange(false)) {
    if (auto restarted = restart_channel(); !restarted) return restarted;
    m_is_restarting.store(false);
    // Whoever counts its silence begins now.
    m_news.raise();
  }
  if (m_wants_keyframe.exchange(false) && m_can_keyframe.load()) {
    note_control(hal_call::keyframe, m_can_keyframe, call(hal_call::keyframe, table.request_keyframe, m_channel));
  }
  if (const uint32_t kbps = m_wanted_kbps.exchange(0); kbps != 0 && m_can_bitrate.load()) {
    note_control(hal_call::bitrate, m_can_bitrate, call(hal_call::bitrate, table.set_bitrate, m_channel, kbps));
  }
  if (const uint32_t codec = m_wanted_codec.exchange(0); codec != 0 && m_can_codec.load()) {
    note_control(hal_call::codec, m_can_codec, call(hal_call::codec, table.set_codec, m_channel, codec));
    // Behind the same channel there may be another encoder now.
    ask_for_descriptor();
  }
  return {};
}

void hal_worker::note_control(hal_call which, std::atomic<bool>& is_offered, int code) {
  if (code == CAMPUSH_HAL_UNSUPPORTED) is_offered.store(false);
  note_failure(which, code);
}

/// Once for each kind of call while the channel is open: requests come as often as the network changes.
void hal_worker::note_failure(hal_call which, int code) {
  const uint32_t bit = 1u << static_cast<unsigned>(which);
  if (code == CAMPUSH_HAL_OK || (m_told_calls & bit) != 0) return;
  m_told_calls |= bit;
  log_warn(log_module::device, "{}", failed(which, code).error().message);
}

int hal_worker::time_out_ms() const noexcept {
  if (m_poll_descriptor >= 0) return 0;
  // Who waits inside the plug-in holds its turn: with others waiting for it, ask often instead.
  const bool is_alone = m_library->is_parallel() || m_library->claimed() <= 1;
  return is_alone ? blocking_get_ms : 0;
}

/// False when there is no need to ask the plug-in now.
bool hal_worker::wait_for_data() {
  if (m_poll_descriptor < 0) return true;
  switch (m_wake.wait(poll_wait_ms, m_poll_descriptor)) {
    case event_flag::wake_reason::descriptor: return true;
    case event_flag::wake_reason::descriptor_broken: m_poll_descriptor = -1; return true;
    case event_flag::wake_reason::flag: return false;
    // It may have forgotten to signal: then a unit is late, not lost.
    case event_flag::wake_reason::nothing: return true;
  }
  return true;
}

result<hal_worker::fetch_outcome> hal_worker::fetch() {
  if (!wait_for_data()) return fetch_outcome::nothing;
  const int limit_ms = time_out_ms();
  m_unit.reset();
  const int code =
      call(hal_call::get, m_library->table().get, m_channel, static_cast<uint32_t>(limit_ms), &m_unit.value);
  if (code == CAMPUSH_HAL_AGAIN) {
    m_failures_in_a_row = 0;
    const bool is_polled = m_poll_descriptor < 0 && limit_ms == 0;
    m_wake.wait(is_polled ? m_pace_ms : idle_pause_ms);
    return fetch_outcome::nothing;
  }
  return take_in(code);
}

result<hal_worker::fetch_outcome> hal_worker::take_in(int code) {
  if (code != CAMPUSH_HAL_OK) {
    if (code == CAMPUSH_HAL_GONE || ++m_failures_in_a_row >= most_failures_in_a_row) {
      return tl::unexpected<error>(failed(hal_call::get, code).error());
    }
    return fetch_outcome::failed;
  }
  m_is_leased = true;
  m_failures_in_a_row = 0;
  const char* fault = m_unit.is_overrun() ? "it was written past its end" : nullptr;
  if (fault == nullptr) fault = check_unit(m_unit.value, m_opened.codecs, m_joined, m_checked);
  if (fault == nullptr) {
    count_gap(m_checked.sequence);
    return fetch_outcome::unit;
  }
  m_last_fault.store(fault);
  m_counters->bad_units.fetch_add(1, std::memory_order_relaxed);
  release_unit();
  return fetch_outcome::failed;
}

void hal_worker::count_gap(uint32_t sequence) noexcept {
  const uint32_t step = sequence - m_last_sequence;
  const bool is_gap = sequence != 0 && m_last_sequence != 0 && step > 1 && step <= longest_gap;
  if (is_gap) m_counters->lost_units.fetch_add(step - 1, std::memory_order_relaxed);
  m_last_sequence = sequence;
}

/// Offers the unit and waits for it to come back; a unit that nobody has taken yet is withdrawn when the end is asked for.
void hal_worker::hand_over() {
  m_lease.store(lease_state::offered);
  m_news.raise();
  for (;;) {
    const lease_state lease = m_lease.load();
    if (lease == lease_state::returned) break;
    lease_state expected = lease_state::offered;
    if (m_is_stopping.load() && m_lease.compare_exchange_strong(expected, lease_state::none)) return;
    m_wake.wait(poll_wait_ms);
  }
  m_lease.store(lease_state::none);
}

void hal_worker::release_unit() {
  m_is_leased = false;
  const int code = call(hal_call::release, m_library->table().release, m_channel,
                        static_cast<const campush_hal_unit*>(&m_unit.value));
  note_failure(hal_call::release, code);
}

void hal_worker::close_channel() noexcept {
  try {
    if (m_is_leased) release_unit();
    if (m_is_started) call(hal_call::stop, m_library->table().stop, m_channel);
  } catch (...) {
    log_warn(log_module::device, "{}: it threw an exception in {}", m_request.name(), hal_call_name(m_call.load()));
  }
  try {
    if (m_channel != nullptr) note_failure(hal_call::close, call(hal_call::close, m_library->table().close, m_channel));
  } catch (...) {
    log_warn(log_module::device, "{}: it threw an exception in close", m_request.name());
  }
  if (m_is_claimed) m_library->give_back(m_request.kind, m_request.channel);
}

}  // namespace campush
