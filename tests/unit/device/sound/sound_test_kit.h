#pragma once

#include <optional>
#include <string>
#include <vector>

#include "device/camera_config.h"
#include "media/g711.h"
#include "media/media_source.h"

namespace campush::test {

/// A source of A-law sound that obeys the test: frames of 20 ms unless told otherwise, each of the byte 0x11, delivered `latency` after they
/// began.
class scripted_sound final : public media_source {
 public:
  static constexpr duration length = std::chrono::milliseconds(20);
  static constexpr uint8_t sound_byte = 0x11;

  struct script {
    std::optional<error> open_failure, step_failure;
    audio_description description{codec_id::g711a, g711_sample_rate, 1, 64, {}};
    std::optional<audio_description> new_description;  ///< told at the next step
    duration latency = std::chrono::milliseconds(30);
    duration frame_length = length;
    size_t frame_bytes = g711_samples_per_frame;
    bool is_mute = false, has_sound = true;
    int opens = 0, closes = 0, interrupts = 0, returns_at = -1;
    audio_config asked;
    uint64_t overruns = 0;
  };

  scripted_sound(script& s, const clock& time) : m_script(s), m_time(time) {}
  result<stream_description> open() override {
    ++m_script.opens;
    if (m_script.open_failure) return tl::unexpected<error>(*m_script.open_failure);
    m_next = m_time.now();
    m_payload.assign(m_script.frame_bytes, sound_byte);
    stream_description out;
    if (m_script.has_sound) out.audio = m_script.description;
    return out;
  }
  void close() noexcept override { ++m_script.closes; }
  time_point next_due() const noexcept override { return m_next + m_script.frame_length + m_script.latency; }
  result<step_outcome> step(time_point now, frame_sink& sink) override {
    if (m_script.step_failure) return tl::unexpected<error>(*m_script.step_failure);
    if (m_script.new_description) {
      stream_description out;
      out.audio = std::exchange(m_script.new_description, std::nullopt);
      sink.on_description(out);
    }
    for (; next_due() <= now; m_next += m_script.frame_length) {
      if (m_script.is_mute) continue;
      media_frame frame;
      frame.codec = m_script.description.codec;
      frame.dts = frame.pts = frame.capture_time = m_next;
      frame.payload = m_payload;
      sink.on_frame(frame);
    }
    return step_outcome::delivered;
  }
  int return_descriptor() const noexcept override { return m_script.returns_at; }
  void interrupt() noexcept override { ++m_script.interrupts; }
  stream_control& control() noexcept override { return m_control; }
  source_health health() const noexcept override {
    source_health out;
    out.overruns = m_script.overruns;
    return out;
  }

 private:
  script& m_script;
  const clock& m_time;
  time_point m_next{};
  no_stream_control m_control;
  std::vector<uint8_t> m_payload;
};

/// What a stream would get.
class heard_sound final : public frame_sink {
 public:
  struct heard_frame {
    time_point dts;
    bool is_silence;
    codec_id codec;
    size_t bytes;
  };
  void on_frame(const media_frame& frame) override {
    const bool is_silence = frame.payload.empty() || frame.payload[0] != scripted_sound::sound_byte;
    frames.push_back({frame.dts, is_silence, frame.codec, frame.payload.size()});
  }
  void on_description(const stream_description& description) override { descriptions.push_back(description); }

  size_t silent() const { return count(true); }
  size_t real() const { return count(false); }
  /// Of G.711 at 8 kHz: the largest distance of one frame to where the one before ends; the smallest, negative where they overlap.
  duration largest_hole() const {
    duration out{};
    for (size_t i = 1; i < frames.size(); ++i) out = std::max(out, hole(i));
    return out;
  }
  duration largest_overlap() const {
    duration out{};
    for (size_t i = 1; i < frames.size(); ++i) out = std::max(out, -hole(i));
    return out;
  }

  std::vector<heard_frame> frames;
  std::vector<stream_description> descriptions;

 private:
  duration hole(size_t i) const {
    const auto samples = static_cast<int64_t>(frames[i - 1].bytes);
    return frames[i].dts - frames[i - 1].dts - duration(samples * 1'000'000 / g711_sample_rate);
  }
  size_t count(bool is_silence) const {
    size_t out = 0;
    for (const heard_frame& frame : frames) out += frame.is_silence == is_silence;
    return out;
  }
};

}  // namespace campush::test
