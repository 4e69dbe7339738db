#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "codec/codec_library.h"
#include "media/aac.h"

namespace campush::test {

/// Frames of one byte pattern, with the times an encoder has to give them.
class fake_audio_encoder final : public audio_encoder {
 public:
  explicit fake_audio_encoder(const audio_encoder_options& options)
      : m_options(options), m_frame(options.codec == codec_id::opus ? 960 : aac_samples_per_frame) {}

  result<void> encode(const sound_block& block, frame_sink& sink) override {
    uint32_t offset = 0;
    while (offset < block.frames) {
      if (m_filled == 0) m_frame_at = block.captured_at + length(offset);
      const uint32_t taken = std::min(m_frame - m_filled, block.frames - offset);
      m_filled += taken;
      offset += taken;
      if (m_filled < m_frame) break;
      m_filled = 0;
      media_frame frame;
      frame.codec = m_options.codec;
      frame.dts = frame.pts = frame.capture_time = m_frame_at;
      frame.payload = byte_view(m_payload.data(), m_payload.size());
      sink.on_frame(frame);
    }
    return {};
  }
  const char* name() const noexcept override { return "fake"; }
  audio_description description() const override {
    audio_description out{m_options.codec, m_options.sample_rate, m_options.channels, m_options.bitrate_kbps, {}};
    out.config = {0x11, static_cast<uint8_t>(m_options.channels * 8)};
    return out;
  }

 private:
  duration length(uint32_t samples) const {
    return duration(static_cast<int64_t>(samples) * 1'000'000 / m_options.sample_rate);
  }

  const audio_encoder_options m_options;
  const uint32_t m_frame;
  uint32_t m_filled = 0;
  time_point m_frame_at{};
  const std::array<uint8_t, 4> m_payload{0xca, 0xfe, 0xba, 0xbe};
};

class sound_only_library final : public codec_library {
 public:
  result<std::unique_ptr<video_encoder>> make_video_encoder(const video_encoder_options&) override { return none(); }
  result<std::unique_ptr<picture_decoder>> make_picture_decoder() override { return none(); }
  result<std::unique_ptr<audio_encoder>> make_audio_encoder(const audio_encoder_options& options) override {
    last_options = options;
    if (failure) return tl::unexpected<error>(*failure);
    return std::make_unique<fake_audio_encoder>(options);
  }

  bool has_encoder(codec_id codec) override { return !is_video(codec); }

  std::optional<error> failure;
  audio_encoder_options last_options;

 private:
  static tl::unexpected<error> none() { return fail(error_code::unsupported, "not in this fake"); }
};

}  // namespace campush::test
