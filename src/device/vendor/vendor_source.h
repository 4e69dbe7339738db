#pragma once

#include "device/camera_config.h"
#include "device/vendor/hal_channel.h"
#include "media/codec_config.h"

namespace campush {

/// What a stream asks of the encoder behind a plug-in. Requests are handed to the channel's thread and take effect in later pictures.
/// Shape: unsupported as soon as it is known that the plug-in does not offer it; before the channel is open only failed.
///   A keyframe that does not come within 4 s of its request takes has_keyframe_on_demand() away until the channel is opened again.
/// Thread: any-thread.
class vendor_control final : public stream_control {
 public:
  explicit vendor_control(const hal_channel& channel) : m_channel(channel) {}

  control_outcome request_keyframe() noexcept override;
  control_outcome set_bitrate(uint32_t kbps) noexcept override;
  control_outcome set_codec(codec_id codec) noexcept override;
  bool has_keyframe_on_demand() const noexcept override;

  /// Told by the source, capture-thread.
  void on_opened() noexcept;
  void on_picture(time_point now, bool is_keyframe) noexcept;

 private:
  const hal_channel& m_channel;
  std::atomic<bool> m_is_awaited{false}, m_is_trusted{true};
  bool m_is_timing = false;  // capture-thread, like m_awaited_since
  time_point m_awaited_since{};
};

/// The pictures of one encoder channel of a vendor plug-in (source.library, source.channel or else the stream_id).
/// Shape: whole pictures, Annex B, borrowed from the plug-in until on_frame() returns. Keyframes are told by the picture itself, not by what the
///   plug-in says; timestamps are put on the monotonic clock. Its sound, if the configuration wants it, is a vendor_audio_source.
/// Errors: those of hal_channel. A plug-in that lies, or a call of it that blocks, costs this source alone.
/// Thread: as media_source. While it is open a thread of its own makes the calls.
class vendor_source final : public media_source {
 public:
  vendor_source(const stream_config& config, const clock& time, std::shared_ptr<hal_library_cache> plugins);

  result<stream_description> open() override;
  void close() noexcept override { m_channel.close(); }
  time_point next_due() const noexcept override { return m_channel.next_due(); }
  result<step_outcome> step(time_point now, frame_sink& sink) override;
  int poll_descriptor() const noexcept override { return m_channel.poll_descriptor(); }
  stream_control& control() noexcept override { return m_control; }
  source_health health() const noexcept override { return m_channel.health(); }
  void interrupt() noexcept override { m_channel.interrupt(); }

 private:
  uint8_t highest_temporal_id(const checked_unit& unit);

  hal_channel m_channel;
  vendor_control m_control;
  std::optional<codec_config> m_sets;  // h265 only: which temporal layers there are
};

}  // namespace campush
