#pragma once

#include <atomic>
#include <vector>

#include "device/camera_config.h"
#include "device/v4l2/encoder_controls.h"
#include "device/v4l2/v4l2_device.h"
#include "media/annexb.h"
#include "media/codec_config.h"
#include "media/media_source.h"

namespace campush {

/// Pictures that a camera has encoded itself (H.264, H.265), handed on as they stand in the driver's buffers.
/// Shape: one buffer is one access unit; media_frame borrows it while on_frame() runs, then the driver has it again. Lengths instead of
///   start codes (H264_NO_SC) are overwritten in place. Parameter sets in buffers of their own go with the next picture. With read() the
///   bytes are cut into access units, each going out when the next begins. A first buffer that is full to the last byte (v4l2loopback hands
///   out a stale one) waits for the second and goes only if the driver's sequence goes on behind it.
///   After a loss a keyframe is asked for, at most once a second. dts = pts = capture time: cameras do not reorder. set_codec() is taken
///   by a device that offers both codecs, unless pixel_format names one: it is started anew with the next step().
/// Errors: those of v4l2_device.
/// Thread: as media_source. step() allocates nothing in the steady state.
class v4l2_source final : public media_source {
 public:
  v4l2_source(const stream_config& config, const clock& time, video_device_calls& calls = system_video_calls());

  result<stream_description> open() override;
  void close() noexcept override;
  time_point next_due() const noexcept override;
  result<step_outcome> step(time_point now, frame_sink& sink) override;
  int poll_descriptor() const noexcept override { return m_device.descriptor(); }
  stream_control& control() noexcept override { return m_control; }
  source_health health() const noexcept override;

 private:
  /// Requests of any thread, until the capture-thread carries them out with the next picture.
  class request_box final : public stream_control {
   public:
    control_outcome request_keyframe() noexcept override;
    control_outcome set_bitrate(uint32_t kbps) noexcept override;
    control_outcome set_codec(codec_id codec) noexcept override;
    bool has_keyframe_on_demand() const noexcept override { return can_force_keyframe.load(); }

    std::atomic<codec_id> codec{codec_id::none}, wanted_codec{codec_id::none};
    std::atomic<bool> has_both_codecs{false}, is_open{false}, can_force_keyframe{false}, can_set_bitrate{false};
    std::atomic<bool> wants_keyframe{false};
    std::atomic<uint32_t> wanted_kbps{0};
  };
  enum class unit_fate : uint8_t { sent, kept, refused };

  result<stream_description> start(time_point now);
  void carry_out_requests(time_point now) noexcept;
  bool note_wanted_bitrate() noexcept;
  /// False: nothing was to be changed.
  result<bool> change_codec(time_point now, frame_sink& sink);
  void use_codec(codec_id codec);
  void ask_for_keyframe(time_point now) noexcept;
  result<step_outcome> handle(const v4l2_device::taken_buffer& taken, time_point now, frame_sink& sink);
  result<void> resolve_held(const v4l2_device::taken_buffer& following, time_point now, frame_sink& sink);
  result<bool> deliver(const v4l2_device::taken_buffer& taken, time_point now, frame_sink& sink);
  result<unit_fate> deliver_cut(byte_view bytes, time_point captured_at, frame_sink& sink);
  unit_fate deliver_unit(byte_view unit, time_point captured_at, frame_sink& sink);
  unit_fate keep_headers(byte_view unit);
  void send(byte_view unit, const access_unit_info& info, time_point captured_at, frame_sink& sink);

  const stream_config m_config;
  const codec_id m_first_codec;
  const clock& m_time;
  device_counters m_counters;
  v4l2_device m_device;
  encoder_controls m_controls;
  request_box m_control;

  codec_id m_codec;
  std::optional<codec_config> m_parameter_sets;
  std::optional<access_unit_splitter> m_splitter;
  std::optional<time_point> m_pending_since;  ///< read(): when the access unit began to come that is not whole yet
  std::vector<uint8_t> m_headers;             ///< parameter sets that came alone
  std::vector<uint8_t> m_joined;              ///< those and the picture behind them
  std::optional<v4l2_device::taken_buffer> m_held;
  time_point m_keyframe_asked_at{};
  uint32_t m_asked_kbps = 0;  ///< by a destination; holds over a replug
  uint64_t m_known_damage = 0;
};

/// Overwrites 4-byte lengths (ISO 14496-15) by start codes, in place. False, and nothing changed: the lengths do not fill the bytes.
bool lengths_to_start_codes(uint8_t* bytes, size_t size) noexcept;

}  // namespace campush
