#include "device/test/test_source.h"

#include <algorithm>
#include <cstdlib>

#include "device/file_source.h"
#include "media/g711.h"

namespace campush {

namespace {

constexpr uint32_t default_width = 1280, default_height = 720, shortest_side = 32, longest_side = 8192;
constexpr double default_frame_rate = 25;
constexpr uint32_t default_sample_rate = 48000;
constexpr uint32_t blocks_per_second = 50;
constexpr int64_t us_per_second = 1'000'000, us_per_block = us_per_second / blocks_per_second;
/// Sound that is later than this is left out: a player would have to wait for it.
constexpr int64_t most_blocks_late = 10;
/// The wall clock is followed when it is off by so much: reading both clocks is not exact, and a tone must not stumble over that.
constexpr int64_t wall_step_us = 5000;

bool is_g711(codec_id codec) noexcept {
  return codec == codec_id::g711a || codec == codec_id::g711u;
}

double rate_of(const stream_config& config) noexcept {
  if (config.encoder.frame_rate > 0) return config.encoder.frame_rate;
  return config.source.frame_rate > 0 ? config.source.frame_rate : default_frame_rate;
}

picture_shape shape_of(const encoder_config& config) noexcept {
  picture_shape shape;
  shape.format = pixel_format::yuv420;
  shape.width = config.width != 0 ? config.width & ~1u : default_width;
  shape.height = config.height != 0 ? config.height & ~1u : default_height;
  return shape;
}

}  // namespace

test_source::test_source(const camera_config& camera, const stream_config& config, const clock& time,
                         codec_library& library)
    : m_config(config),
      m_name((camera.name.empty() ? "cam" + std::to_string(camera.camera_id) : camera.name) + " " + config.name),
      m_time(time),
      m_library(library),
      m_stage(config.encoder, time, library) {}

result<stream_description> test_source::open() {
  close();
  auto opened = open_video();
  if (opened) opened = open_sound();
  if (!opened) {
    close();
    return tl::unexpected<error>(std::move(opened.error()));
  }
  m_anchor = m_sound_anchor = m_time.now();
  m_next_picture = m_next_block = 0;
  m_has_wall_offset = false;
  return description();
}

result<void> test_source::open_video() {
  const picture_shape shape = shape_of(m_config.encoder);
  const bool is_possible = shape.width >= shortest_side && shape.height >= shortest_side &&
                           shape.width <= longest_side && shape.height <= longest_side;
  if (!is_possible) return fail(error_code::invalid_argument, "each side of the test pattern is within 32 and 8192");
  const auto period = picture_period(rate_of(m_config));
  if (!period) return tl::unexpected<error>(period.error());
  m_period = *period;
  if (auto opened = m_stage.open(shape, rate_of(m_config)); !opened) return opened;
  m_pattern.emplace(shape.width, shape.height, m_name);
  return {};
}

result<void> test_source::open_sound() {
  const audio_config& audio = m_config.audio;
  const bool is_own = audio.type.empty() || audio.type == "test";
  if (!audio.enabled || !is_own) return {};
  audio_encoder_options options;
  options.codec = audio.codec;
  options.sample_rate = audio.sample_rate != 0 ? audio.sample_rate : default_sample_rate;
  if (is_g711(audio.codec)) options.sample_rate = g711_sample_rate;
  options.channels = audio.channels != 0 && !is_g711(audio.codec) ? audio.channels : 1;
  options.bitrate_kbps = audio.bitrate_kbps;
  auto made = m_library.make_audio_encoder(options);
  if (!made) return tl::unexpected<error>(std::move(made.error()));
  m_sound = std::move(*made);
  m_sample_rate = options.sample_rate;
  m_channels = options.channels;
  m_tone.emplace(m_config.source.tone_hz, m_sample_rate, m_channels);
  m_block.assign(size_t{m_sample_rate / blocks_per_second + 1} * m_channels, 0);
  return {};
}

stream_description test_source::description() const {
  stream_description out;
  out.video = m_stage.description();
  if (m_sound) out.audio = m_sound->description();
  return out;
}

void test_source::close() noexcept {
  m_stage.close();
  m_pattern.reset();
  m_sound.reset();
}

time_point test_source::picture_due() const noexcept {
  return m_anchor + duration(m_period.times(m_next_picture).whole_us());
}

/// When its last sample has been heard.
time_point test_source::block_due() const noexcept {
  return m_sound_anchor + duration((m_next_block + 1) * us_per_block);
}

time_point test_source::next_due() const noexcept {
  return m_sound ? std::min(picture_due(), block_due()) : picture_due();
}

int64_t test_source::wall_us_at(time_point when) noexcept {
  const auto wall = std::chrono::duration_cast<duration>(m_time.wall_now().time_since_epoch());
  const int64_t offset = (wall - m_time.now().time_since_epoch()).count();
  if (!m_has_wall_offset || std::abs(offset - m_wall_offset_us) > wall_step_us) m_wall_offset_us = offset;
  m_has_wall_offset = true;
  return when.time_since_epoch().count() + m_wall_offset_us;
}

result<step_outcome> test_source::step(time_point now, frame_sink& sink) {
  if (!m_pattern) return fail(error_code::io_failed, "the test pattern is closed");
  auto is_seen = step_video(now, sink);
  auto is_heard = is_seen ? step_sound(now, sink) : result<bool>(false);
  if (!is_seen || !is_heard) {
    close();
    return tl::unexpected<error>(std::move((is_seen ? is_heard : is_seen).error()));
  }
  return *is_seen || *is_heard ? step_outcome::delivered : step_outcome::idle;
}

/// Of the pictures from m_next_picture on, which is due, the last that is.
int64_t test_source::newest_due(time_point now) noexcept {
  const double periods = static_cast<double>((now - m_anchor).count()) * static_cast<double>(m_period.denominator) /
                         static_cast<double>(m_period.numerator_us);
  const int64_t next = m_next_picture;
  m_next_picture = std::max(next, static_cast<int64_t>(periods) - 1);
  while (picture_due() <= now) ++m_next_picture;
  const int64_t newest = std::max(next, m_next_picture - 1);
  m_next_picture = next;
  return newest;
}

result<bool> test_source::step_video(time_point now, frame_sink& sink) {
  if (now < picture_due()) return false;
  const int64_t newest = newest_due(now);
  m_lost.fetch_add(static_cast<uint64_t>(newest - m_next_picture), std::memory_order_relaxed);
  m_next_picture = newest;
  const time_point due = picture_due();
  ++m_next_picture;
  auto is_changed = m_stage.prepare(sink);
  if (!is_changed) return is_changed;
  if (*is_changed) sink.on_description(description());
  const int64_t wall_us = wall_us_at(due), into_second = wall_us % us_per_second;
  // The picture that is nearest to the second is the first that flashes.
  const int64_t half_period = m_period.whole_us() / 2;
  const bool is_flashing =
      into_second < tone_length.count() - half_period || into_second >= us_per_second - half_period;
  raw_picture picture = m_pattern->draw(wall_ms(wall_us / 1000), is_flashing);
  picture.captured_at = due;
  auto encoded = m_stage.encode(picture, sink);
  if (!encoded) return tl::unexpected<error>(std::move(encoded.error()));
  return true;
}

result<bool> test_source::step_sound(time_point now, frame_sink& sink) {
  if (!m_sound || now < block_due()) return false;
  const int64_t due = (now - m_sound_anchor).count() / us_per_block;
  if (due - m_next_block > most_blocks_late) m_next_block = due - 1;
  for (; m_next_block < due; ++m_next_block) {
    sound_block block;
    // Rates that 50 does not divide: blocks end where the samples of so many whole blocks end.
    const int64_t first = m_next_block * m_sample_rate / blocks_per_second;
    const int64_t end = (m_next_block + 1) * m_sample_rate / blocks_per_second;
    block.frames = static_cast<uint32_t>(end - first);
    block.captured_at = m_sound_anchor + duration(first * us_per_second / m_sample_rate);
    block.samples = m_block.data();
    if (!m_config.audio.is_muted) m_tone->fill(m_block.data(), block.frames, wall_us_at(block.captured_at));
    if (auto encoded = m_sound->encode(block, sink); !encoded) return tl::unexpected<error>(std::move(encoded.error()));
  }
  return true;
}

source_health test_source::health() const noexcept {
  source_health out = m_stage.health();
  out.lost_pictures = m_lost.load(std::memory_order_relaxed);
  return out;
}

}  // namespace campush
