#include "device/sound/sound_pump.h"

#include <poll.h>

#include <algorithm>
#include <exception>

#include "util/log.h"

namespace campush {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A node that has just come back is opened up by udev a moment later.
constexpr duration settling = milliseconds(300);

bool is_readable(int descriptor) noexcept {
  pollfd watched{descriptor, POLLIN, 0};
  return descriptor >= 0 && ::poll(&watched, 1, 0) > 0;
}

}  // namespace

sound_pump::sound_pump(uint32_t number, const audio_config& config, const clock& time, sound_maker maker,
                       frame_sink& outlet)
    : m_number(number),
      m_config(config),
      m_time(time),
      m_maker(std::move(maker)),
      m_outlet(outlet),
      m_filler(config.fills_with_silence || config.is_muted) {}

time_point sound_pump::run_step() noexcept {
  const time_point now = m_time.now();
  try {
    if (auto advanced = advance(now); !advanced) on_failure(advanced.error(), now);
    m_filler.fill(now, !m_is_running, m_outlet);
  } catch (const std::exception& thrown) {
    log_error(log_module::device, "mic{}: the microphone broke off: {}", m_number, thrown.what());
    m_is_running = false;
    m_due = now + reopen_delay::longest;
  }
  return std::min(m_due, m_filler.next_due(!m_is_running));
}

result<void> sound_pump::advance(time_point now) {
  if (m_config.is_muted) {
    if (!m_is_described) describe(expected_sound(m_config), now);
    m_due = time_point::max();
    return {};
  }
  if (!m_is_running) return is_due(now) ? open_source(now) : result<void>();
  const auto outcome = m_source->step(now, *this);
  if (!outcome) return tl::unexpected<error>(outcome.error());
  if (*outcome == step_outcome::ended) return fail(error_code::io_failed, "the sound has ended");
  m_due = m_source->next_due();
  return {};
}

bool sound_pump::is_due(time_point now) noexcept {
  if (!m_has_seen_return && is_readable(descriptor())) {
    m_has_seen_return = true;
    m_due = std::min(m_due, now + settling);
  }
  return now >= m_due;
}

int sound_pump::descriptor() const noexcept {
  if (!m_source) return -1;
  if (m_is_running) return m_source->poll_descriptor();
  return m_has_seen_return ? -1 : m_source->return_descriptor();
}

/// Streams that have been told of a format keep it: ALSA converts what comes back as something else.
audio_config sound_pump::wanted() const {
  audio_config out = m_config;
  if (!m_announced) return out;
  out.sample_rate = m_announced->sample_rate;
  out.channels = m_announced->channels;
  return out;
}

void sound_pump::replace_source(std::unique_ptr<media_source> made) noexcept {
  if (m_source) {
    const source_health last = m_source->health();
    m_past.overruns += last.overruns;
    m_past.stalls += last.stalls;
  }
  const std::lock_guard<std::mutex> hold(m_source_mutex);
  m_source = std::move(made);
  // What is interrupted before it is there would not know.
  if (m_source && m_is_interrupted) m_source->interrupt();
}

result<void> sound_pump::open_source(time_point now) {
  m_has_seen_return = false;
  audio_config config = wanted();
  if (!m_source || !(config == m_made_for)) {
    auto made = m_maker(config);
    if (!made) return tl::unexpected<error>(std::move(made.error()));
    replace_source(std::move(*made));
    m_made_for = std::move(config);
  }
  auto description = m_source->open();
  if (!description) return tl::unexpected<error>(std::move(description.error()));
  if (!description->audio) return fail(error_code::unsupported, "the source has no sound");
  m_is_running = true;
  m_last_failure.clear();
  m_opened_at = now;
  m_due = m_source->next_due();
  log_info(log_module::device, "mic{}: opened ({} Hz, {} channels, {})", m_number, description->audio->sample_rate,
           description->audio->channels, codec_name(description->audio->codec));
  describe(*description->audio, now);
  return {};
}

void sound_pump::describe(const audio_description& sound, time_point now) {
  m_is_described = true;
  if (m_announced && is_same_sound(*m_announced, sound)) return;
  m_announced = sound;
  m_filler.describe(sound, now);
  stream_description description;
  description.audio = sound;
  m_outlet.on_description(description);
}

void sound_pump::on_failure(const error& failure, time_point now) {
  if (m_source) m_source->close();
  const duration wait = m_reopen_delay.next(m_is_running ? now - m_opened_at : duration::zero());
  m_is_running = false;
  m_due = now + wait;
  // A microphone that stays away is said once.
  const log_level level = failure.message == m_last_failure ? log_level::debug : log_level::warn;
  log(log_module::device, level, "mic{}: no sound, next try in {} s: {}", m_number,
      std::chrono::duration_cast<seconds>(wait).count(), failure.message);
  m_last_failure = failure.message;
  if (m_is_described) return;
  if (m_config.fills_with_silence) return describe(expected_sound(m_config), now);
  m_is_described = true;
  m_outlet.on_description({});
}

void sound_pump::on_frame(const media_frame& frame) {
  if (m_filler.admit(frame, m_outlet)) m_outlet.on_frame(frame);
}

void sound_pump::on_description(const stream_description& description) {
  if (description.audio) describe(*description.audio, m_time.now());
}

void sound_pump::interrupt() noexcept {
  const std::lock_guard<std::mutex> hold(m_source_mutex);
  m_is_interrupted = true;
  if (m_source) m_source->interrupt();
}

void sound_pump::close() noexcept {
  if (m_source && m_is_running) m_source->close();
  replace_source(nullptr);
  {
    const std::lock_guard<std::mutex> hold(m_source_mutex);
    m_is_interrupted = false;
  }
  m_is_running = m_is_described = m_has_seen_return = false;
  m_announced.reset();
  m_filler = sound_filler(m_config.fills_with_silence || m_config.is_muted);
  m_due = {};
  m_reopen_delay.reset();
}

source_health sound_pump::health() const noexcept {
  source_health out;
  if (m_source) out = m_source->health();
  out.overruns += m_past.overruns;
  out.stalls += m_past.stalls;
  out.is_filled_with_silence = m_is_described && m_filler.is_silent();
  return out;
}

}  // namespace campush
