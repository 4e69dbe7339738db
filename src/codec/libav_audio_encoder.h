#pragma once

#include <array>

#include "codec/audio_encoder.h"
#include "codec/libav_handles.h"

namespace campush {

/// Says when a sample was taken, by its number, from the blocks that samples came in.
/// Shape: times between two blocks follow the earlier one; blocks that only confirm it take no room.
class sample_times {
 public:
  explicit sample_times(uint32_t rate) : m_rate(rate) {}
  void add(int64_t first_sample, time_point captured_at) noexcept;
  time_point time_of(int64_t sample) const noexcept;

 private:
  struct anchor {
    int64_t sample = 0;
    time_point time{};
  };
  size_t slot_of(uint64_t number) const noexcept;
  time_point after(const anchor& from, int64_t sample) const noexcept;

  const int64_t m_rate;
  std::array<anchor, 64> m_anchors{};
  uint64_t m_count = 0;
};

/// An audio_encoder on libavcodec: aac, libopus (else FFmpeg's own opus), pcm_alaw, pcm_mulaw. A rate that the codec lacks is
/// resampled to the nearest that it has.
/// Errors of make(): invalid_argument, not_found, io_failed.
/// Thread: as audio_encoder.
class libav_audio_encoder final : public audio_encoder {
 public:
  static result<std::unique_ptr<audio_encoder>> make(const audio_encoder_options& options);

  result<void> encode(const sound_block& block, frame_sink& sink) override;
  const char* name() const noexcept override;
  audio_description description() const override;

 private:
  explicit libav_audio_encoder(const audio_encoder_options& options)
      : m_options(options), m_times(options.sample_rate) {}
  result<void> open();
  result<void> open_resampler();
  result<void> convert(const int16_t* samples, uint32_t frames);
  result<void> encode_ready(frame_sink& sink);
  result<void> receive(frame_sink& sink);

  const audio_encoder_options m_options;
  sample_times m_times;
  libav_ptr<AVCodecContext> m_context;
  libav_ptr<SwrContext> m_resampler;
  libav_ptr<AVAudioFifo> m_fifo;
  libav_ptr<AVFrame> m_converted, m_frame;
  libav_ptr<AVPacket> m_packet;
  int64_t m_samples_in = 0, m_samples_encoded = 0;
};

}  // namespace campush
