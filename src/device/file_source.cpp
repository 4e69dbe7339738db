#include "device/file_source.h"

#include <algorithm>
#include <cmath>

#include "util/log.h"

namespace campush {

namespace {

constexpr double default_frame_rate = 25;
constexpr double slowest_rate = 0.1, fastest_rate = 1000;
/// What a VUI says is believed within this range only: encoders leave ticks of 90 kHz or none at all there.
constexpr double slowest_vui_rate = 1, fastest_vui_rate = 240;
constexpr duration longest_lateness = std::chrono::seconds(1);
constexpr int64_t us_per_second = 1'000'000;

}  // namespace

result<exact_span> picture_period(double frame_rate) {
  if (!(frame_rate >= slowest_rate && frame_rate <= fastest_rate)) {
    return fail(error_code::invalid_argument,
                "frame rate " + std::to_string(frame_rate) + " is not within 0.1 and 1000");
  }
  constexpr double close_enough = 0.0055;  // 29.97 and 23.98 are how people write 30000/1001 and 24000/1001.
  const double whole = std::round(frame_rate);
  if (std::abs(frame_rate - whole) < 1e-4) return exact_span{us_per_second, static_cast<int64_t>(whole)};
  const double ntsc = std::round(frame_rate * 1.001);
  if (std::abs(frame_rate - ntsc / 1.001) < close_enough) {
    return exact_span{us_per_second * 1001, static_cast<int64_t>(ntsc) * 1000};
  }
  return exact_span{us_per_second * 1000, static_cast<int64_t>(std::llround(frame_rate * 1000))};
}

file_source::file_source(const stream_config& config, const clock& time, uint64_t in_memory_bytes)
    : m_config(config.source),
      m_declared_rate(config.encoder.frame_rate),
      m_has_audio(config.audio.enabled && !config.source.audio_path.empty()),
      m_time(time),
      m_video_file(in_memory_bytes),
      m_audio_file(in_memory_bytes) {}

result<stream_description> file_source::open() {
  auto description = open_files();
  if (!description) {
    close();
    return description;
  }
  begin_loops();
  return description;
}

result<stream_description> file_source::open_files() {
  stream_description description;
  if (m_config.video_path.empty() && !m_has_audio) {
    return fail(error_code::invalid_argument, "a source of type file names neither video nor audio");
  }
  if (!m_config.video_path.empty()) {
    if (auto opened = open_video(description); !opened) return tl::unexpected<error>(std::move(opened.error()));
  }
  if (m_has_audio) {
    if (auto opened = open_audio(description); !opened) return tl::unexpected<error>(std::move(opened.error()));
  }
  return description;
}

result<void> file_source::open_video(stream_description& description) {
  if (auto opened = m_video_file.open(m_config.video_path); !opened) return opened;
  auto index = index_video(m_video_file, m_is_interrupted);
  if (!index) return tl::unexpected<error>(std::move(index.error()));
  m_pictures = std::move(*index);
  const bool is_vui_sane = m_pictures.frame_rate >= slowest_vui_rate && m_pictures.frame_rate <= fastest_vui_rate;
  const double unsaid_rate = is_vui_sane ? m_pictures.frame_rate : default_frame_rate;
  const double frame_rate = m_declared_rate > 0 ? m_declared_rate : unsaid_rate;
  const auto period = picture_period(frame_rate);
  if (!period) return tl::unexpected<error>(wrap(period.error(), m_config.video_path));
  m_video_track = clip_track(static_cast<int64_t>(m_pictures.units.size()), *period, 0);

  const double seconds = static_cast<double>(m_pictures.units.size()) / frame_rate;
  const auto kbps = static_cast<uint32_t>(std::lround(static_cast<double>(m_pictures.bytes) * 8 / 1000 / seconds));
  description.video = video_description{m_pictures.codec, m_pictures.width, m_pictures.height, frame_rate, kbps};
  return {};
}

result<void> file_source::open_audio(stream_description& description) {
  if (auto opened = m_audio_file.open(m_config.audio_path); !opened) return opened;
  auto index = index_audio(m_audio_file, m_is_interrupted);
  if (!index) return tl::unexpected<error>(std::move(index.error()));
  m_sound = std::move(*index);
  // A picture that is in order is shown `delay` periods after its dts: sound that belongs to it is as late.
  const int64_t delay_us = m_video_track.has_item() ? m_video_track.due_us(m_pictures.delay) : 0;
  m_audio_track = clip_track(m_sound.frame_count, m_sound.frame, delay_us);
  description.audio = m_sound.description;
  return {};
}

void file_source::begin_loops() {
  m_loop_length = std::max(m_video_track.length(), m_audio_track.length());
  m_end_us = m_audio_track.start_us() + m_loop_length.whole_us();
  m_anchor = m_time.now();
}

void file_source::close() noexcept {
  m_video_file.close();
  m_audio_file.close();
  m_pictures = {};
  m_sound = {};
  m_video_track = m_audio_track = {};
  m_is_interrupted.store(false);
}

clip_track* file_source::earliest() noexcept {
  if (!m_audio_track.has_item()) return m_video_track.has_item() ? &m_video_track : nullptr;
  const bool is_video_first = m_video_track.has_item() && m_video_track.due_us() <= m_audio_track.due_us();
  return is_video_first ? &m_video_track : &m_audio_track;
}

int64_t file_source::next_due_us() const noexcept {
  const bool has_video = m_video_track.has_item(), has_audio = m_audio_track.has_item();
  if (has_video && has_audio) return std::min(m_video_track.due_us(), m_audio_track.due_us());
  if (has_video) return m_video_track.due_us();
  return has_audio ? m_audio_track.due_us() : m_end_us;
}

time_point file_source::next_due() const noexcept {
  return m_anchor + duration(next_due_us());
}

result<step_outcome> file_source::step(time_point now, frame_sink& sink) {
  if (m_is_interrupted.load()) {
    close();
    return fail(error_code::cancelled, "the source was interrupted");
  }
  re_anchor(now);
  auto outcome = step_outcome::idle;
  while (clip_track* track = earliest()) {
    if (m_anchor + duration(track->due_us()) > now) return outcome;
    auto delivered = track == &m_video_track ? deliver_picture(now, sink) : deliver_sound(now, sink);
    if (!delivered) {
      close();
      return tl::unexpected<error>(std::move(delivered.error()));
    }
    go_on(*track);
    outcome = step_outcome::delivered;
  }
  return now >= next_due() ? step_outcome::ended : outcome;
}

void file_source::re_anchor(time_point now) {
  const duration late = now - next_due();
  if (late <= longest_lateness || earliest() == nullptr) return;
  m_anchor += late;
  log_warn(log_module::device, "a clip was not played for {} ms and goes on from where it was",
           std::chrono::duration_cast<std::chrono::milliseconds>(late).count());
}

result<void> file_source::deliver_picture(time_point now, frame_sink& sink) {
  const video_unit& unit = m_pictures.units[static_cast<size_t>(m_video_track.index())];
  const auto payload = m_video_file.read(unit.offset, unit.size);
  if (!payload) return tl::unexpected<error>(payload.error());
  media_frame frame;
  frame.codec = m_pictures.codec;
  frame.dts = m_anchor + duration(m_video_track.due_us());
  frame.pts = m_anchor + duration(m_video_track.due_us(unit.composition));
  frame.capture_time = now;
  frame.is_keyframe = unit.is_keyframe;
  frame.is_disposable = unit.is_disposable;
  frame.payload = *payload;
  sink.on_frame(frame);
  return {};
}

result<void> file_source::deliver_sound(time_point now, frame_sink& sink) {
  const audio_unit unit = m_sound.unit(m_audio_track.index());
  const auto payload = m_audio_file.read(unit.offset, unit.size);
  if (!payload) return tl::unexpected<error>(payload.error());
  media_frame frame;
  frame.codec = m_sound.description.codec;
  frame.dts = frame.pts = m_anchor + duration(m_audio_track.due_us());
  frame.capture_time = now;
  frame.payload = *payload;
  sink.on_frame(frame);
  return {};
}

void file_source::go_on(clip_track& track) noexcept {
  track.next_item();
  if (!track.has_item() && m_config.is_looped) track.next_loop(m_loop_length);
}

}  // namespace campush
