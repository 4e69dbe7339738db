#include "device/sound/joined_source.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "device/sound/silence.h"
#include "util/log.h"

namespace campush {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Where the kernel gives no epoll, both are looked at this often.
constexpr duration blind_interval = milliseconds(10);

bool is_same(const std::optional<audio_description>& left, const std::optional<audio_description>& right) {
  if (!left || !right) return left.has_value() == right.has_value();
  return is_same_sound(*left, *right);
}

}  // namespace

joined_source::joined_source(std::unique_ptr<media_source> video, std::unique_ptr<media_source> sound,
                             const clock& time)
    : m_time(time),
      m_video(*this, track_kind::video, std::move(video)),
      m_sound(*this, track_kind::audio, std::move(sound)) {}

joined_source::~joined_source() {
  close();
}

void joined_source::child::on_frame(const media_frame& frame) {
  if (frame.track() == track) owner.m_sink->on_frame(frame);
}

void joined_source::child::on_description(const stream_description& description) {
  owner.describe(*this, description);
}

result<stream_description> joined_source::open() {
  close();
  auto opened = m_video.source->open();
  if (!opened) return opened;
  m_video.is_open = true;
  m_description = {};
  m_description.video = opened->video;
  m_epoll = ::epoll_create1(EPOLL_CLOEXEC);
  watch(m_video);
  open_sound(m_time.now());
  return m_description;
}

void joined_source::close() noexcept {
  for (child* each : {&m_video, &m_sound}) {
    if (each->is_open) each->source->close();
    each->is_open = each->is_ready = false;
    each->watched = -1;
  }
  if (m_epoll >= 0) ::close(m_epoll);
  m_epoll = -1;
  m_reopen_delay.reset();
}

void joined_source::drain(frame_sink& sink) noexcept {
  m_sink = &sink;
  if (m_video.is_open) m_video.source->drain(m_video);
  m_sink = nullptr;
}

void joined_source::open_sound(time_point now) {
  auto opened = m_sound.source->open();
  if (!opened) return on_sound_failure(opened.error(), now);
  m_sound.is_open = true;
  watch(m_sound);
  if (is_same(m_description.audio, opened->audio)) return;
  m_description.audio = std::move(opened->audio);
  if (m_sink != nullptr) m_sink->on_description(m_description);
}

void joined_source::on_sound_failure(const error& failure, time_point now) {
  m_sound.source->close();
  m_sound.is_open = false;
  m_sound.watched = -1;
  const duration wait = m_reopen_delay.next();
  m_sound_due = now + wait;
  log_warn(log_module::device, "no sound beside the pictures, next try in {} s: {}",
           std::chrono::duration_cast<seconds>(wait).count(), failure.message);
}

void joined_source::describe(const child& from, const stream_description& description) {
  if (from.track == track_kind::video) {
    m_description.video = description.video;
  } else {
    m_description.audio = description.audio;
  }
  m_sink->on_description(m_description);
}

/// A source may have another descriptor after each step, or the same number for another file.
void joined_source::watch(child& which) noexcept {
  const int wanted = which.source->poll_descriptor();
  if (m_epoll < 0) return;
  if (which.watched >= 0 && which.watched != wanted) ::epoll_ctl(m_epoll, EPOLL_CTL_DEL, which.watched, nullptr);
  which.watched = wanted;
  if (wanted < 0) return;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &which;
  if (::epoll_ctl(m_epoll, EPOLL_CTL_MOD, wanted, &event) == 0) return;
  if (::epoll_ctl(m_epoll, EPOLL_CTL_ADD, wanted, &event) < 0) which.watched = -1;
  pollfd state{wanted, POLLIN, 0};
  which.was_ready_when_watched = ::poll(&state, 1, 0) > 0;
}

/// A driver that has something when it is asked may not remember who asked (v4l2loopback): nothing would be heard of it again.
void joined_source::watch_anew(child& which) noexcept {
  ::epoll_ctl(m_epoll, EPOLL_CTL_DEL, which.watched, nullptr);
  watch(which);
}

void joined_source::find_ready() noexcept {
  m_video.is_ready = m_sound.is_ready = false;
  if (m_epoll < 0) {
    m_video.is_ready = m_sound.is_ready = true;
    return;
  }
  if (m_video.watched < 0 && m_sound.watched < 0) return;
  std::array<epoll_event, 2> events{};
  const int count = ::epoll_wait(m_epoll, events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) static_cast<child*>(events[static_cast<size_t>(i)].data.ptr)->is_ready = true;
  for (child* each : {&m_video, &m_sound}) {
    if (!each->is_ready && each->watched >= 0 && each->was_ready_when_watched) watch_anew(*each);
  }
}

result<step_outcome> joined_source::step(time_point now, frame_sink& sink) {
  m_sink = &sink;
  find_ready();
  const bool has_sound = step_sound(now);
  auto video = step_video(now);
  m_sink = nullptr;
  if (!video) {
    close();
    return video;
  }
  return has_sound && *video == step_outcome::idle ? step_outcome::delivered : *video;
}

/// The video's source is asked only when it has something: it may wait inside.
result<step_outcome> joined_source::step_video(time_point now) {
  const bool is_due = now >= m_video.source->next_due();
  if (!m_video.is_ready && !is_due) return step_outcome::idle;
  auto outcome = m_video.source->step(now, m_video);
  if (!outcome) return outcome;
  if (is_due || m_video.watched != m_video.source->poll_descriptor()) watch(m_video);
  return outcome;
}

bool joined_source::step_sound(time_point now) {
  if (!m_sound.is_open) {
    if (now >= m_sound_due) open_sound(now);
    return false;
  }
  const bool is_due = now >= m_sound.source->next_due();
  if (!m_sound.is_ready && !is_due) return false;
  const auto outcome = m_sound.source->step(now, m_sound);
  if (!outcome || *outcome == step_outcome::ended) {
    on_sound_failure(outcome ? error{error_code::io_failed, "the sound has ended"} : outcome.error(), now);
    return false;
  }
  if (is_due || m_sound.watched != m_sound.source->poll_descriptor()) watch(m_sound);
  if (*outcome != step_outcome::delivered) return false;
  m_reopen_delay.reset();
  return true;
}

time_point joined_source::next_due() const noexcept {
  const time_point sound = m_sound.is_open ? m_sound.source->next_due() : m_sound_due;
  const time_point due = std::min(m_video.source->next_due(), sound);
  return m_epoll >= 0 ? due : std::min(due, m_time.now() + blind_interval);
}

int joined_source::poll_descriptor() const noexcept {
  return m_video.watched >= 0 || m_sound.watched >= 0 ? m_epoll : -1;
}

source_health joined_source::health() const noexcept {
  source_health out = m_video.source->health();
  const source_health sound = m_sound.source->health();
  if (out.encoder[0] == '\0') out.encoder = sound.encoder;
  out.overruns += sound.overruns;
  out.stalls += sound.stalls;
  out.drift_ppm = sound.drift_ppm;
  out.is_filled_with_silence = sound.is_filled_with_silence;
  return out;
}

void joined_source::interrupt() noexcept {
  m_video.source->interrupt();
  m_sound.source->interrupt();
}

std::unique_ptr<media_source> join_sources(std::unique_ptr<media_source> video, std::unique_ptr<media_source> sound,
                                           const clock& time) {
  if (!sound) return video;
  if (!video) return sound;
  return std::make_unique<joined_source>(std::move(video), std::move(sound), time);
}

}  // namespace campush
