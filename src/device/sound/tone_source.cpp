#include "device/sound/tone_source.h"

#include "device/sound/silence.h"

namespace campush {

namespace {

constexpr uint32_t blocks_per_second = 50;
constexpr duration longest_lateness = std::chrono::seconds(1);

audio_encoder_options options_of(const audio_config& config) {
  const audio_description wanted = expected_sound(config);
  return {config.codec, wanted.sample_rate, wanted.channels, config.bitrate_kbps};
}

}  // namespace

tone_source::tone_source(const audio_config& config, uint32_t hertz, const clock& time, codec_library& codecs)
    : m_options(options_of(config)),
      m_tone(hertz, m_options.sample_rate, m_options.channels),
      m_time(time),
      m_codecs(codecs) {}

result<stream_description> tone_source::open() {
  auto encoder = m_codecs.make_audio_encoder(m_options);
  if (!encoder) return tl::unexpected<error>(wrap(encoder.error(), "test tone"));
  m_encoder = std::move(*encoder);
  m_frames = m_options.sample_rate / blocks_per_second;
  m_samples.assign(size_t{m_frames} * m_options.channels, 0);
  m_anchor = m_time.now();
  m_block = 0;
  stream_description out;
  out.audio = m_encoder->description();
  return out;
}

time_point tone_source::time_of(uint64_t block) const noexcept {
  return m_anchor + duration(static_cast<int64_t>(block * m_frames * 1'000'000 / m_options.sample_rate));
}

/// A block is there when its last sample is.
time_point tone_source::next_due() const noexcept {
  return time_of(m_block + 1);
}

result<step_outcome> tone_source::step(time_point now, frame_sink& sink) {
  auto outcome = step_outcome::idle;
  if (now - next_due() > longest_lateness) m_anchor += now - next_due();
  const auto wall_now = std::chrono::time_point_cast<std::chrono::microseconds>(m_time.wall_now());
  for (; next_due() <= now; ++m_block) {
    const time_point begins = time_of(m_block);
    m_tone.fill(m_samples.data(), m_frames, (wall_now - (now - begins)).time_since_epoch().count());
    if (auto encoded = m_encoder->encode({m_samples.data(), m_frames, begins}, sink); !encoded) {
      close();
      return tl::unexpected<error>(std::move(encoded.error()));
    }
    outcome = step_outcome::delivered;
  }
  return outcome;
}

}  // namespace campush
