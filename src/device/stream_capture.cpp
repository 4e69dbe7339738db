#include "device/stream_capture.h"

#include <poll.h>

#include <algorithm>
#include <exception>

#include "util/log.h"

namespace campush {

namespace {

using std::chrono::seconds;

/// A node that comes back is announced several times: when it is made, and whenever its permissions change.
constexpr duration between_early_tries = std::chrono::milliseconds(100);
constexpr duration next_try_of_returned = std::chrono::milliseconds(500);
constexpr duration rate_window = seconds(1);
/// Without a picture for this long the measured rate is 0, not the last good figure.
constexpr duration rate_expires_after = seconds(3);

/// One writer: a plain load and store is enough, and cheaper than a locked add on small processors.
void add(std::atomic<uint64_t>& counter, uint64_t count) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}

std::string describe(const source_config& source) {
  std::string type = source_type_name(source.type);
  for (const std::string* place : {&source.device, &source.library, &source.video_path, &source.audio_path}) {
    if (!place->empty()) return type + " " + *place;
  }
  return type;
}

}  // namespace

stream_capture::stream_capture(const camera_config& camera, const stream_config& config, const clock& time,
                               const source_factory& sources)
    : m_config(config), m_time(time), m_camera_id(camera.camera_id), m_camera_name(camera.name) {
  auto made = sources(camera, config, time);
  if (made) {
    m_source = std::move(*made);
  } else {
    m_missing = std::move(made.error());
  }
  set_facts(m_facts);
}

stream_capture::~stream_capture() {
  close();
}

void stream_capture::attach(stream_observer& observer) {
  m_observer = &observer;
  m_facts.state = camera_state::starting;
  set_facts(m_facts);
}

std::shared_ptr<stream_control> stream_capture::control() const {
  if (!m_source) return std::make_shared<no_stream_control>();
  return {m_source, &m_source->control()};
}

int stream_capture::poll_descriptor() const noexcept {
  if (m_phase == capture_phase::running) return m_source->poll_descriptor();
  return m_is_watching && m_source ? m_source->return_descriptor() : -1;
}

void stream_capture::interrupt() noexcept {
  m_is_interrupted.store(true);
  if (m_source) m_source->interrupt();
}

void stream_capture::drain() noexcept {
  if (m_phase == capture_phase::running) m_source->drain(*this);
}

void stream_capture::close() noexcept {
  if (m_phase == capture_phase::running) m_source->close();
  m_phase = capture_phase::finished;
  m_due = time_point::max();
  const std::lock_guard<std::mutex> hold(m_mutex);
  m_published.state = camera_state::stopped;
}

time_point stream_capture::run_step() noexcept {
  const time_point now = m_time.now();
  if (m_phase == capture_phase::finished || m_is_interrupted.load()) return m_due;
  const bool is_waiting = m_phase == capture_phase::waiting && now < m_due;
  if (is_waiting && !may_be_back(now)) return next_call(now);
  const auto outcome = advance(now);
  if (!outcome && is_waiting) {
    on_early_failure(outcome.error(), now);
  } else if (!outcome) {
    on_failure(outcome.error(), now);
  } else if (*outcome == step_outcome::ended) {
    on_end();
  } else {
    m_due = m_source->next_due();
  }
  return next_call(now);
}

/// Who waits asks for poll_descriptor() once, before the wait: whether the return of the device counts is settled here.
time_point stream_capture::next_call(time_point now) noexcept {
  const bool has_watch = m_phase == capture_phase::waiting && m_source && m_source->return_descriptor() >= 0;
  m_is_watching = has_watch && now >= m_watch_from;
  return has_watch && !m_is_watching ? std::min(m_due, m_watch_from) : m_due;
}

/// No exception leaves a source by contract; memory that runs out while it opens is the one case left.
result<step_outcome> stream_capture::advance(time_point now) {
  try {
    if (m_phase == capture_phase::waiting) return open_source(now);
    return m_source->step(now, *this);
  } catch (const std::exception& thrown) {
    return fail(error_code::io_failed, std::string("the source broke off: ") + thrown.what());
  }
}

result<step_outcome> stream_capture::open_source(time_point now) {
  if (!m_source) return tl::unexpected<error>(m_missing);
  auto description = m_source->open();
  if (!description) return tl::unexpected<error>(std::move(description.error()));
  m_phase = capture_phase::running;
  m_opened_at = m_window_start = now;
  m_window_pictures = 0;
  if (m_facts.failures > 0) ++m_facts.reopens;
  m_facts.state = camera_state::running;
  m_facts.description = std::move(*description);
  set_facts(m_facts);
  log_info(log_module::device, "cam{}/{}: source opened ({})", m_camera_id, m_config.name, describe(m_config.source));
  report({source_event_kind::opened, &m_facts.description, nullptr});
  return step_outcome::idle;
}

bool stream_capture::may_be_back(time_point now) const noexcept {
  const int descriptor = m_source ? m_source->return_descriptor() : -1;
  if (now < m_watch_from || descriptor < 0) return false;
  pollfd watched{descriptor, POLLIN, 0};
  return ::poll(&watched, 1, 0) > 0;
}

/// The wait that was under way goes on, so that whatever happens where the device is looked for costs no attempt of its own. A
/// device that is there and cannot be used yet is tried again soon.
void stream_capture::on_early_failure(const error& failure, time_point now) {
  m_source->close();
  m_watch_from = now + between_early_tries;
  log_debug(log_module::device, "cam{}/{}: not back yet: {}", m_camera_id, m_config.name, failure.message);
  if (failure.code == error_code::not_found) return;
  m_reopen_delay.reset();
  m_due = std::min(m_due, now + next_try_of_returned);
  m_facts.reopen_at = m_due;
  m_facts.last_error = failure.message;
  set_facts(m_facts);
}

void stream_capture::on_failure(const error& failure, time_point now) {
  if (!m_source) return give_up(failure);
  m_source->close();
  if (m_is_interrupted.load()) {
    m_phase = capture_phase::finished;
    m_due = time_point::max();
    return;
  }
  const duration wait = m_reopen_delay.next(m_phase == capture_phase::running ? now - m_opened_at : duration::zero());
  m_phase = capture_phase::waiting;
  m_due = now + wait;
  m_facts.state = camera_state::reopening;
  m_facts.reopen_at = m_due;
  log_warn(log_module::device, "cam{}/{}: source failed, next try in {} s: {}", m_camera_id, m_config.name,
           std::chrono::duration_cast<seconds>(wait).count(), failure.message);
  report_failure(failure);
}

void stream_capture::give_up(const error& failure) {
  m_phase = capture_phase::finished;
  m_due = time_point::max();
  m_facts.state = camera_state::unavailable;
  log_error(log_module::device, "cam{}/{}: {}", m_camera_id, m_config.name, failure.message);
  report_failure(failure);
}

void stream_capture::report_failure(const error& failure) {
  ++m_facts.failures;
  m_facts.last_error = failure.message;
  set_facts(m_facts);
  report({source_event_kind::failed, nullptr, &failure});
}

void stream_capture::on_end() {
  m_source->close();
  m_phase = capture_phase::finished;
  m_due = time_point::max();
  m_facts.state = camera_state::ended;
  set_facts(m_facts);
  log_info(log_module::device, "cam{}/{}: source ended", m_camera_id, m_config.name);
  report({source_event_kind::ended, nullptr, nullptr});
}

void stream_capture::report(const source_event& event) {
  if (m_observer != nullptr) m_observer->on_source_event(event);
}

void stream_capture::on_frame(const media_frame& frame) {
  if (frame.track() == track_kind::video) {
    add(m_video_frames, 1);
    if (frame.is_keyframe) add(m_keyframes, 1);
    ++m_window_pictures;
    measure_rate(frame.capture_time);
  } else {
    add(m_audio_frames, 1);
  }
  add(m_bytes, frame.payload.size());
  m_last_frame_us.store(frame.capture_time.time_since_epoch().count(), std::memory_order_relaxed);
  if (m_observer != nullptr) m_observer->on_frame(frame);
}

void stream_capture::on_description(const stream_description& description) {
  m_facts.description = description;
  set_facts(m_facts);
  report({source_event_kind::described, &m_facts.description, nullptr});
}

void stream_capture::measure_rate(time_point now) noexcept {
  const duration elapsed = now - m_window_start;
  if (elapsed < rate_window) return;
  const double rate = static_cast<double>(m_window_pictures) * 1e9 / static_cast<double>(elapsed.count());
  m_measured_millihertz.store(static_cast<uint32_t>(std::min(rate, 4e9)), std::memory_order_relaxed);
  m_window_start = now;
  m_window_pictures = 0;
}

void stream_capture::set_facts(const event_facts& facts) {
  const std::lock_guard<std::mutex> hold(m_mutex);
  m_published = facts;
}

camera_stream_status stream_capture::status() const {
  camera_stream_status out;
  out.camera_id = m_camera_id;
  out.stream_id = m_config.stream_id;
  out.camera_name = m_camera_name;
  out.stream_name = m_config.name;
  out.source = describe(m_config.source);
  const time_point now = m_time.now();
  {
    const std::lock_guard<std::mutex> hold(m_mutex);
    out.state = m_published.state;
    if (const auto& video = m_published.description.video) {
      out.video_codec = video->codec;
      out.width = video->width;
      out.height = video->height;
      out.frame_rate_declared = video->frame_rate;
    }
    if (const auto& audio = m_published.description.audio) out.audio_codec = audio->codec;
    out.failures = m_published.failures;
    out.reopens = m_published.reopens;
    out.last_error = m_published.last_error;
    const bool is_reopening = out.state == camera_state::reopening && m_published.reopen_at > now;
    if (is_reopening) out.next_reopen_in = m_published.reopen_at - now;
  }
  if (m_source) out.health = m_source->health();
  out.video_frames = m_video_frames.load(std::memory_order_relaxed);
  out.audio_frames = m_audio_frames.load(std::memory_order_relaxed);
  out.keyframes = m_keyframes.load(std::memory_order_relaxed);
  out.bytes = m_bytes.load(std::memory_order_relaxed);
  out.last_frame_at = time_point(duration(m_last_frame_us.load(std::memory_order_relaxed)));
  const bool is_flowing = out.state == camera_state::running && now - out.last_frame_at < rate_expires_after;
  if (is_flowing) out.frame_rate_measured = m_measured_millihertz.load(std::memory_order_relaxed) / 1000.0;
  return out;
}

}  // namespace campush
