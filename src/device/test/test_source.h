#pragma once

#include <optional>
#include <string>
#include <vector>

#include "device/clip_track.h"
#include "device/raw/encoder_stage.h"
#include "device/test/test_pattern.h"
#include "device/test/test_tone.h"

namespace campush {

/// A camera that shows a test pattern with the time in it, and a microphone that hears a tone on each full second: what an installer
/// checks a link with, and what latency is measured with.
/// Shape: pictures come at encoder.frame_rate (else source.frame_rate, else 25), each with the time it was due; one that could not be
///   made in time is skipped and counted as lost, never made up for. Sound comes in blocks of 20 ms when they are over, as from a
///   microphone; after more than 200 ms without a step it goes on from now.
/// Errors: open(): those of the codec library, invalid_argument (rate, dimensions). step(): those of the encoders.
/// Thread: as media_source.
class test_source final : public media_source {
 public:
  test_source(const camera_config& camera, const stream_config& config, const clock& time, codec_library& library);

  result<stream_description> open() override;
  void close() noexcept override;
  time_point next_due() const noexcept override;
  result<step_outcome> step(time_point now, frame_sink& sink) override;
  void drain(frame_sink& sink) noexcept override { m_stage.drain(sink); }
  stream_control& control() noexcept override { return m_stage.control(); }
  source_health health() const noexcept override;

 private:
  result<void> open_video();
  result<void> open_sound();
  stream_description description() const;
  int64_t wall_us_at(time_point when) noexcept;
  time_point picture_due() const noexcept;
  time_point block_due() const noexcept;
  int64_t newest_due(time_point now) noexcept;
  result<bool> step_video(time_point now, frame_sink& sink);
  result<bool> step_sound(time_point now, frame_sink& sink);

  // Constant after construction.
  const stream_config m_config;
  const std::string m_name;
  const clock& m_time;
  codec_library& m_library;

  encoder_stage m_stage;
  std::atomic<uint64_t> m_lost{0};

  // Touched only by the capture-thread.
  std::optional<test_pattern> m_pattern;
  std::unique_ptr<audio_encoder> m_sound;
  std::optional<test_tone> m_tone;
  std::vector<int16_t> m_block;
  exact_span m_period;
  uint32_t m_sample_rate = 0, m_channels = 1;
  time_point m_anchor{}, m_sound_anchor{};
  int64_t m_next_picture = 0, m_next_block = 0;
  int64_t m_wall_offset_us = 0;  ///< wall clock − monotonic clock
  bool m_has_wall_offset = false;
};

}  // namespace campush
