#include <dirent.h>
#include <poll.h>

#include <algorithm>

#include "hal_check.h"
#include "media/codec_config.h"

namespace campush {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr duration first_unit_limit = seconds(4), call_limit = seconds(1), end_limit = milliseconds(700);
constexpr uint32_t get_wait_ms = 100;
/// Beside the 50 ms of the interface: what a busy machine adds.
constexpr duration get_tolerance = milliseconds(250);
constexpr unsigned lease_units = 3, lease_hold_ms = 20;
constexpr int reopen_rounds = 5;
constexpr unsigned most_unwaited = 3;

std::string in_ms(duration length) {
  return std::to_string(length.count() / 1000) + " ms";
}

size_t entries_of(const char* folder) {
  size_t count = 0;
  DIR* const listing = ::opendir(folder);
  if (listing == nullptr) return 0;
  while (::readdir(listing) != nullptr) ++count;
  ::closedir(listing);
  return count;
}

bool is_keyframe(const checked_unit& unit) {
  return !is_video(unit.codec) || inspect_access_unit(unit.codec, unit.payload).is_keyframe;
}

}  // namespace

hal_check::call_result hal_check::call(const char* name, duration limit, int (*function)(checked_channel&)) {
  return m_caller.call(name, limit, [shared = m_channel, function] { return function(*shared); });
}

hal_check::call_result hal_check::open() {
  checked_channel& channel = *m_channel;
  channel.config = campush_hal_config{};
  channel.config.size = sizeof channel.config;
  channel.config.kind = m_options.kind == track_kind::video ? CAMPUSH_HAL_VIDEO : CAMPUSH_HAL_AUDIO;
  channel.config.channel = m_options.channel;
  channel.config.device = channel.device.c_str();
  channel.config.profile = "";
  channel.config.options = channel.options.c_str();
  channel.format.reset();
  channel.handle = nullptr;
  auto opened = call("open", seconds(5), [](checked_channel& shared) {
    return shared.table.open(&shared.config, &shared.format.value, &shared.handle);
  });
  m_is_open = opened.is(CAMPUSH_HAL_OK) && channel.handle != nullptr;
  return opened;
}

hal_check::call_result hal_check::close() {
  m_is_open = false;
  return call("close", end_limit, [](checked_channel& shared) { return shared.table.close(shared.handle); });
}

bool hal_check::open_channel() {
  const auto opened = open();
  if (!opened.is(CAMPUSH_HAL_OK)) {
    m_table.fail(check_id::open, opened.text);
    return false;
  }
  if (!m_is_open) m_table.fail(check_id::open, "open returned 0 and a null handle");
  if (m_channel->format.is_overrun()) m_table.fail(check_id::open, "open wrote past the end of the format");
  auto format = check_format(m_channel->format.value, *m_library->find(m_options.kind, m_options.channel));
  if (!format) m_table.fail(check_id::open, format.error().message);
  if (m_table.row(check_id::open).state == check_state::failed) return false;
  m_opened = std::move(*format);
  m_table.pass(check_id::open, std::string(codec_name(m_opened.codec)) + ", after " + in_ms(opened.took));
  return true;
}

void hal_check::check_second_open() {
  const auto again = call("a second open", seconds(5), [](checked_channel& shared) {
    guarded<campush_hal_format> format;
    return shared.table.open(&shared.config, &format.value, &shared.second);
  });
  again.is(CAMPUSH_HAL_BUSY) ? m_table.pass(check_id::second_open) : m_table.fail(check_id::second_open, again.text);
  if (!again.is(CAMPUSH_HAL_OK) || m_channel->second == nullptr) return;
  call("close of the second", end_limit, [](checked_channel& shared) { return shared.table.close(shared.second); });
}

bool hal_check::check_first_unit(check_id id) {
  const auto started =
      call("start", seconds(5), [](checked_channel& shared) { return shared.table.start(shared.handle); });
  if (!started.is(CAMPUSH_HAL_OK)) {
    m_table.fail(id, started.text);
    return false;
  }
  ask_for_descriptor();
  const time_point begin = m_time.now();
  const checked_unit* const unit = fetch(first_unit_limit);
  if (unit == nullptr) {
    m_table.fail(id, m_caller.is_stuck() ? m_caller.stuck_text() : "none came within 4 s of start");
    return false;
  }
  const bool is_key = is_keyframe(*unit);
  release();
  is_key ? m_table.pass(id, "after " + in_ms(m_time.now() - begin)) : m_table.fail(id, "it is not a keyframe");
  return true;
}

void hal_check::ask_for_descriptor() {
  m_descriptor = -1;
  if (m_channel->table.poll_fd == nullptr) return;
  const auto descriptor =
      call("poll_fd", call_limit, [](checked_channel& shared) { return shared.table.poll_fd(shared.handle); });
  if (descriptor.end == plugin_caller::call_end::returned) m_descriptor = std::max(descriptor.code, -1);
}

bool hal_check::wait_for_data() {
  pollfd watched{m_descriptor, POLLIN, 0};
  ::poll(&watched, 1, static_cast<int>(get_wait_ms));
  if ((watched.revents & POLLIN) != 0) return true;
  if (watched.revents != 0) {
    m_table.fail(check_id::poll_fd, "descriptor " + std::to_string(m_descriptor) + " cannot be polled");
    m_descriptor = -1;
  }
  return false;
}

const checked_unit* hal_check::fetch(duration limit) {
  const time_point end = m_time.now() + limit;
  while (m_time.now() < end && !m_caller.is_stuck()) {
    const bool has_descriptor = m_descriptor >= 0;
    if (has_descriptor && !wait_for_data()) continue;
    m_channel->unit.reset();
    const uint32_t wait_ms = has_descriptor ? 0 : get_wait_ms;
    const auto got = m_caller.call("get", call_limit, [shared = m_channel, wait_ms] {
      return shared->table.get(shared->handle, wait_ms, &shared->unit.value);
    });
    m_polled += has_descriptor ? 1 : 0;
    if (!m_caller.is_stuck() && got.took > milliseconds(wait_ms) + get_tolerance) {
      m_table.fail(check_id::get_time_out,
                   "get took " + in_ms(got.took) + " with a time-out of " + std::to_string(wait_ms) + " ms");
    }
    if (got.is(CAMPUSH_HAL_AGAIN)) {
      judge_wait(wait_ms, got.took);
      m_polled_in_vain += has_descriptor ? 1 : 0;
      continue;
    }
    if (m_caller.is_stuck()) break;
    if (!got.is(CAMPUSH_HAL_OK)) {
      m_table.fail(check_id::units, got.text);
      return nullptr;
    }
    const char* fault = m_channel->unit.is_overrun() ? "it was written past its end" : nullptr;
    if (fault == nullptr)
      fault = check_unit(m_channel->unit.value, m_opened.codecs, m_channel->joined, m_channel->checked);
    if (fault == nullptr) return &m_channel->checked;
    m_table.fail(check_id::units, std::string("a unit is refused: ") + fault);
    release();
  }
  if (m_caller.is_stuck()) m_table.fail(check_id::get_time_out, m_caller.stuck_text());
  return nullptr;
}

/// Once may be a signal that has ended the wait.
void hal_check::judge_wait(uint32_t wait_ms, duration took) {
  m_unwaited = took < milliseconds(wait_ms) / 2 ? m_unwaited + 1 : 0;
  if (m_unwaited <= most_unwaited) return;
  m_table.fail(check_id::get_time_out, "get said AGAIN after " + in_ms(took) + " with a time-out of " +
                                           std::to_string(wait_ms) + " ms, again and again");
}

void hal_check::release() {
  const auto released = call("release", call_limit, [](checked_channel& shared) {
    return shared.table.release(shared.handle, &shared.unit.value);
  });
  released.is(CAMPUSH_HAL_OK) ? m_table.pass(check_id::release) : m_table.fail(check_id::release, released.text);
}

void hal_check::check_lease(unsigned units) {
  for (unsigned i = 0; i < units; ++i) {
    const checked_unit* const unit = fetch(first_unit_limit);
    if (unit == nullptr) return;
    const std::vector<uint8_t> before = unit->payload.to_vector();
    ::poll(nullptr, 0, lease_hold_ms);
    if (before != unit->payload.to_vector()) {
      m_table.fail(check_id::lease, "bytes of a unit changed within 20 ms of get, before release");
    }
    release();
  }
  m_table.pass(check_id::lease);
}

void hal_check::stream() {
  check_lease(lease_units);
  m_polled = m_polled_in_vain = 0;
  const auto length = duration(static_cast<int64_t>(m_options.seconds * 1e6));
  const time_point end = m_time.now() + length;
  while (m_time.now() < end) {
    const checked_unit* const unit = fetch(std::min<duration>(first_unit_limit, end - m_time.now()));
    if (unit == nullptr) break;
    m_units.add(*unit, m_time.now());
    release();
  }
  if (m_units.units() < 2) m_table.fail(check_id::units, "no stream: " + std::to_string(m_units.units()) + " units");
  m_units.judge(m_opened, m_table);
  if (!m_caller.is_stuck()) m_table.pass(check_id::get_time_out);
  judge_poll_fd();
}

void hal_check::judge_poll_fd() {
  if (m_channel->table.poll_fd == nullptr || (m_descriptor < 0 && m_polled == 0)) {
    return m_table.skip(check_id::poll_fd, "get is called with a time-out");
  }
  // The end of the stretch may cut a wait short once; a descriptor that is always readable does so every time.
  if (m_polled_in_vain > m_units.units() / 4 + 3) {
    return m_table.fail(check_id::poll_fd, "readable, and get had nothing: " + std::to_string(m_polled_in_vain) +
                                               " of " + std::to_string(m_polled) + " times");
  }
  m_table.pass(check_id::poll_fd);
}

void hal_check::check_controls() {
  if (m_options.kind == track_kind::audio) {
    for (const check_id id : {check_id::keyframe, check_id::bitrate, check_id::codec}) m_table.skip(id, "sound");
    return;
  }
  check_keyframe();
  check_bitrate();
  check_codec();
}

void hal_check::check_keyframe() {
  if (m_channel->table.request_keyframe == nullptr) return m_table.skip(check_id::keyframe);
  const auto asked = call("request_keyframe", call_limit,
                          [](checked_channel& shared) { return shared.table.request_keyframe(shared.handle); });
  if (asked.is(CAMPUSH_HAL_UNSUPPORTED)) return m_table.skip(check_id::keyframe, "this channel answers UNSUPPORTED");
  if (!asked.is(CAMPUSH_HAL_OK)) return m_table.fail(check_id::keyframe, asked.text);
  const time_point begin = m_time.now();
  while (m_time.now() - begin < first_unit_limit) {
    const checked_unit* const unit = fetch(first_unit_limit);
    if (unit == nullptr) break;
    const bool is_key = is_keyframe(*unit);
    release();
    if (is_key) return m_table.pass(check_id::keyframe, "a keyframe after " + in_ms(m_time.now() - begin));
  }
  m_table.fail(check_id::keyframe, "it was accepted, and no keyframe came within 4 s");
}

void hal_check::check_bitrate() {
  if (m_channel->table.set_bitrate == nullptr) return m_table.skip(check_id::bitrate);
  for (uint32_t kbps : {m_opened.max_bitrate_kbps, m_opened.min_bitrate_kbps, m_opened.bitrate_kbps}) {
    if (kbps == 0) kbps = 1000;
    const auto set = m_caller.call("set_bitrate", call_limit, [shared = m_channel, kbps] {
      return shared->table.set_bitrate(shared->handle, kbps);
    });
    if (set.is(CAMPUSH_HAL_UNSUPPORTED)) return m_table.skip(check_id::bitrate, "this channel answers UNSUPPORTED");
    if (!set.is(CAMPUSH_HAL_OK))
      return m_table.fail(check_id::bitrate, set.text + " for " + std::to_string(kbps) + " kbit/s");
  }
  m_table.pass(check_id::bitrate);
}

void hal_check::check_codec() {
  if (m_channel->table.set_codec == nullptr) return m_table.skip(check_id::codec);
  const uint32_t own = hal_of_codec(m_opened.codec);
  for (uint32_t wanted : {m_opened.codecs & ~own, own}) {
    if (wanted == 0) return m_table.skip(check_id::codec, "the channel has one codec");
    const auto set = m_caller.call("set_codec", call_limit, [shared = m_channel, wanted] {
      return shared->table.set_codec(shared->handle, wanted);
    });
    if (set.is(CAMPUSH_HAL_UNSUPPORTED)) return m_table.skip(check_id::codec, "this channel answers UNSUPPORTED");
    if (!set.is(CAMPUSH_HAL_OK)) return m_table.fail(check_id::codec, set.text);
    ask_for_descriptor();
    const time_point begin = m_time.now();
    bool has_come = false, is_key = false;
    while (!has_come && m_time.now() - begin < first_unit_limit) {
      const checked_unit* const unit = fetch(first_unit_limit);
      if (unit == nullptr) break;
      has_come = hal_of_codec(unit->codec) == wanted;
      is_key = is_keyframe(*unit);
      release();
    }
    if (!has_come) return m_table.fail(check_id::codec, "it was accepted, and the codec did not change within 4 s");
    if (!is_key) return m_table.fail(check_id::codec, "the first picture of the other codec is not a keyframe");
  }
  m_table.pass(check_id::codec);
}

void hal_check::check_stop_and_start() {
  const auto stopped =
      call("stop", end_limit, [](checked_channel& shared) { return shared.table.stop(shared.handle); });
  if (!stopped.is(CAMPUSH_HAL_OK)) return m_table.fail(check_id::stop, stopped.text);
  m_channel->unit.reset();
  // The descriptor is no longer valid, but a plug-in that has one is still asked without a wait.
  const uint32_t wait_ms = m_descriptor >= 0 ? 0 : get_wait_ms;
  const auto got = m_caller.call("get", call_limit, [shared = m_channel, wait_ms] {
    return shared->table.get(shared->handle, wait_ms, &shared->unit.value);
  });
  if (got.is(CAMPUSH_HAL_OK)) m_table.fail(check_id::stop, "get gives units after stop");
  m_table.pass(check_id::stop, "after " + in_ms(stopped.took));
  if (!check_first_unit(check_id::restart)) return;
}

bool hal_check::live_once() {
  auto done = open();
  if (done.is(CAMPUSH_HAL_OK) && m_is_open) {
    done = call("start", seconds(5), [](checked_channel& shared) { return shared.table.start(shared.handle); });
  }
  if (done.is(CAMPUSH_HAL_OK) && m_is_open) {
    ask_for_descriptor();
    if (fetch(first_unit_limit) != nullptr) release();
  }
  if (m_is_open) {
    const auto closed = close();
    if (done.is(CAMPUSH_HAL_OK)) done = closed;
  }
  if (!done.is(CAMPUSH_HAL_OK)) m_table.fail(check_id::reopen, done.text);
  return done.is(CAMPUSH_HAL_OK);
}

void hal_check::check_reopening() {
  // The first round may set up what an SDK keeps for the life of the process.
  if (!live_once()) return;
  const size_t descriptors = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
  for (int round = 0; round < reopen_rounds; ++round) {
    if (!live_once()) return;
  }
  m_table.pass(check_id::reopen, std::to_string(reopen_rounds + 1) + " times");
  // A thread that was joined may still be on its way out of the kernel.
  for (int tries = 0; tries < 20 && entries_of("/proc/self/task") > threads; ++tries) ::poll(nullptr, 0, 10);
  const size_t left_descriptors = entries_of("/proc/self/fd"), left_threads = entries_of("/proc/self/task");
  if (left_descriptors > descriptors || left_threads > threads) {
    return m_table.fail(check_id::leaks, "after " + std::to_string(reopen_rounds) + " rounds " +
                                             std::to_string(left_descriptors - descriptors) + " descriptors and " +
                                             std::to_string(left_threads - threads) + " threads more");
  }
  m_table.pass(check_id::leaks);
}

}  // namespace campush
