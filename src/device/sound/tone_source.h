#pragma once

#include "codec/codec_library.h"
#include "device/camera_config.h"
#include "device/test/test_tone.h"
#include "media/media_source.h"

namespace campush {

/// The tone of the test pattern as a microphone: beside pictures of any source it shows how far sound and picture are apart.
/// Shape, thread: as media_source; paced by the clock, a caller that is more than 1 s late finds it gone on.
/// Errors: open(), step(): those of the encoder.
class tone_source final : public media_source {
 public:
  tone_source(const audio_config& config, uint32_t hertz, const clock& time, codec_library& codecs);

  result<stream_description> open() override;
  void close() noexcept override { m_encoder.reset(); }
  time_point next_due() const noexcept override;
  result<step_outcome> step(time_point now, frame_sink& sink) override;
  stream_control& control() noexcept override { return m_control; }

 private:
  time_point time_of(uint64_t block) const noexcept;

  const audio_encoder_options m_options;
  const test_tone m_tone;
  const clock& m_time;
  codec_library& m_codecs;
  no_stream_control m_control;
  std::unique_ptr<audio_encoder> m_encoder;
  std::vector<int16_t> m_samples;
  uint32_t m_frames = 0;  ///< of a block
  uint64_t m_block = 0;   ///< the next one
  time_point m_anchor{};
};

}  // namespace campush
