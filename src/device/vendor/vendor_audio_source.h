#pragma once

#include "device/camera_config.h"
#include "device/vendor/hal_channel.h"

namespace campush {

/// The sound of one audio channel of a vendor plug-in (source.library, audio.channel). Microphones are counted apart from encoder channels:
/// source.channel is that of the picture.
/// Shape: one raw AAC frame or G.711 samples a frame, borrowed from the plug-in until on_frame() returns; ADTS headers are taken off.
/// Errors: those of hal_channel; malformed when a rate is no AAC rate and the plug-in gives no AudioSpecificConfig.
/// Thread: as media_source. While it is open a thread of its own makes the calls.
class vendor_audio_source final : public media_source {
 public:
  vendor_audio_source(const stream_config& config, const clock& time, std::shared_ptr<hal_library_cache> plugins);

  result<stream_description> open() override;
  void close() noexcept override { m_channel.close(); }
  time_point next_due() const noexcept override { return m_channel.next_due(); }
  result<step_outcome> step(time_point now, frame_sink& sink) override;
  int poll_descriptor() const noexcept override { return m_channel.poll_descriptor(); }
  stream_control& control() noexcept override { return m_control; }
  source_health health() const noexcept override { return m_channel.health(); }
  void interrupt() noexcept override { m_channel.interrupt(); }

 private:
  hal_channel m_channel;
  no_stream_control m_control;
  codec_id m_codec = codec_id::none;
};

}  // namespace campush
