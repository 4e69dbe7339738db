#include "device/sound/sound_filler.h"

#include <algorithm>

namespace campush {

namespace {

using std::chrono::milliseconds;

/// What a microphone that runs may owe: its period, the encoder's look-ahead, a busy processor.
constexpr duration patience_with_running = milliseconds(400);
/// What is still on its way when it is known to be gone.
constexpr duration patience_with_missing = milliseconds(60);
/// Silence for a longer time than this is not made up for: nobody asked for frames meanwhile.
constexpr duration longest_debt = milliseconds(2'000);

}  // namespace

void sound_filler::describe(const audio_description& sound, time_point now) {
  // What was given is counted in samples of the sound before.
  m_anchor = m_has_anchor ? std::min(next_time(), now) : now;
  m_samples = 0;
  m_codec = sound.codec;
  m_silence = silence_of(sound);
  m_has_anchor = true;
}

duration sound_filler::length_of(uint64_t samples) const noexcept {
  return duration(static_cast<int64_t>(samples * 1'000'000 / m_silence->rate));
}
duration sound_filler::frame_length() const noexcept {
  return length_of(m_silence->samples);
}

/// The end of what was given.
time_point sound_filler::next_time() const noexcept {
  if (!m_silence) return m_anchor;
  return m_anchor + length_of(m_samples);
}

bool sound_filler::admit(const media_frame& frame, frame_sink& sink) {
  if (!m_silence) {
    m_anchor = frame.dts;
    return true;
  }
  m_is_heard = true;
  const uint32_t samples = samples_of(frame, *m_silence);
  // Between real frames the clock slews: half a frame is their own affair. Behind silence nothing may overlap.
  const duration allowed = m_is_silent ? duration::zero() : length_of(samples) / 2;
  if (frame.dts + allowed < next_time()) return false;
  while (m_is_filling && frame.dts - next_time() >= frame_length() && frame.dts - next_time() < longest_debt)
    give(sink);
  m_anchor = frame.dts;
  m_samples = samples;
  m_is_silent = false;
  return true;
}

time_point sound_filler::next_due(bool is_missing) const noexcept {
  if (!m_is_filling || !m_silence) return time_point::max();
  return next_time() + frame_length() + patience(is_missing);
}

/// A microphone that is heard again but late has to be waited for, or silence would stay ahead of it for ever.
duration sound_filler::patience(bool is_missing) const noexcept {
  const bool is_expected = !is_missing && (m_is_heard || !m_is_silent);
  return is_expected ? patience_with_running : patience_with_missing;
}

void sound_filler::fill(time_point now, bool is_missing, frame_sink& sink) {
  if (next_due(is_missing) > now) return;
  m_is_heard = false;
  if (now - next_time() > longest_debt) {
    m_anchor = now - patience_with_missing - frame_length();
    m_samples = 0;
  }
  while (next_due(is_missing) <= now) give(sink);
}

void sound_filler::give(frame_sink& sink) {
  media_frame frame;
  frame.codec = m_codec;
  frame.dts = frame.pts = frame.capture_time = next_time();
  frame.payload = m_silence->payload;
  m_samples += m_silence->samples;
  m_is_silent = true;
  sink.on_frame(frame);
}

}  // namespace campush
