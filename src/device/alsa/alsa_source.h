#pragma once

#include <atomic>
#include <optional>

#include "codec/codec_library.h"
#include "device/alsa/sample_clock.h"
#include "device/alsa/sound_device.h"
#include "device/camera_config.h"
#include "device/v4l2/node_watch.h"
#include "media/media_source.h"

namespace campush {

/// Sound of one ALSA device: captured, put on the monotonic clock, encoded (aac, opus) or handed on as ALSA companded it (g711).
/// Shape: an overrun, a suspend, a stall (no period for 5 of them, at least 1 s) is recovered from in step(), with the gap in the times;
///   a second stall without a sample between, or a device that has gone, ends with an error.
/// Errors: open(): those of the device and of the encoder. step(): not_found (unplugged), timed_out (stalled), io_failed.
/// Thread: as media_source. Allocates in open() alone, apart from what the encoder does.
class alsa_source final : public media_source {
 public:
  /// `nodes`: any path in the folder where sound cards appear.
  alsa_source(const audio_config& config, const clock& time, codec_library& codecs,
              std::unique_ptr<sound_device> device, std::string nodes = "/dev/snd/card");

  result<stream_description> open() override;
  void close() noexcept override;
  time_point next_due() const noexcept override;
  result<step_outcome> step(time_point now, frame_sink& sink) override;
  int poll_descriptor() const noexcept override { return m_is_paused ? -1 : m_device->poll_descriptor(); }
  int return_descriptor() const noexcept override { return m_nodes.descriptor(); }
  stream_control& control() noexcept override { return m_control; }
  source_health health() const noexcept override;

 private:
  bool is_companded() const noexcept { return m_config.codec == codec_id::g711a || m_config.codec == codec_id::g711u; }
  result<stream_description> open_device();
  result<bool> is_running(const sound_look& look, time_point now);
  result<bool> take(const sound_look& look, time_point now, frame_sink& sink);
  result<void> deliver(frame_sink& sink);
  result<void> start_again(time_point now);
  void pause(time_point now) noexcept;
  void go_on(time_point now) noexcept;
  result<void> check_stall(time_point now);
  void observe(const sound_look& look) noexcept;
  void fail_closed() noexcept;

  const audio_config m_config;
  const clock& m_time;
  codec_library& m_codecs;
  const std::unique_ptr<sound_device> m_device;
  no_stream_control m_control;
  node_watch m_nodes;  ///< while the device is missing

  sound_shape m_shape;
  std::unique_ptr<audio_encoder> m_encoder;
  std::optional<sample_clock> m_clock;
  std::vector<int16_t> m_samples;  ///< one block; bytes where companded
  uint32_t m_block = 0, m_filled = 0;
  uint64_t m_position = 0;   ///< of the first sample of the block
  uint64_t m_seen_gaps = 0;  ///< of those that the clock found
  time_point m_last_sample_at{}, m_due{}, m_retry_at{};
  bool m_is_stalled = false;
  bool m_is_paused = false;  ///< a device that does not run is always readable
  uint32_t m_fruitless_starts = 0;

  // Written by the capture-thread, read by any.
  std::atomic<const char*> m_encoder_name{""};
  std::atomic<uint64_t> m_overruns{0}, m_stalls{0};
  std::atomic<int32_t> m_drift_ppm{0};
};

/// Errors: unsupported where this build has no ALSA, with the build option to turn on (CAMPUSH_WITH_ALSA) and the package.
[[nodiscard]] result<std::unique_ptr<media_source>> make_alsa_source(const audio_config& config, const clock& time);

}  // namespace campush
