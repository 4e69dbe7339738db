#pragma once

#include <array>
#include <atomic>
#include <optional>

#include "codec/hardware_context.h"
#include "codec/libav_pictures.h"
#include "codec/libav_video_plan.h"

namespace campush {

/// A video_encoder on libavcodec. The encoder is opened with the first picture where the options leave the size open, else at once.
/// Shape: pictures are numbered, the numbers travel through the encoder as pts, and what comes out gets the capture time of its number.
/// Thread: as video_encoder.
class libav_video_encoder final : public video_encoder {
 public:
  /// Errors: those of encoders_for(), check_options(), make_plan() and of an encoder that does not open.
  static result<std::unique_ptr<video_encoder>> make(const video_encoder_options& options);

  result<void> encode(const raw_picture& picture, frame_sink& sink) override;
  result<void> drain(frame_sink& sink) override;
  void request_keyframe() noexcept override { m_is_keyframe_wanted.store(true, std::memory_order_relaxed); }
  bool set_bitrate(uint32_t kbps) noexcept override;
  const char* name() const noexcept override;
  video_description description() const override;
  duration cpu_time() const noexcept override;

 private:
  libav_video_encoder(const video_encoder_options& options, std::vector<const video_encoder_kind*> kinds);
  result<void> open(const picture_shape& first);
  result<void> open_kind(const video_encoder_kind& kind);
  result<void> open_context(AVPixelFormat format);
  result<void> open_hardware(AVPixelFormat format);
  result<void> open_software(AVPixelFormat format);
  result<void> obey_bitrate(frame_sink& sink);
  bool is_open() const noexcept { return m_context || m_hardware; }
  void discard() noexcept;
  result<void> send(AVFrame* frame);
  result<bool> receive_packet();
  result<void> receive(frame_sink& sink);
  void deliver(const AVPacket& packet, frame_sink& sink);
  bool holds_back_headers(const AVPacket& packet);
  time_point time_of(int64_t number) const noexcept;
  result<void> encode_one(const raw_picture& picture, frame_sink& sink);

  // Constant after construction.
  const video_encoder_options m_options;
  const std::vector<const video_encoder_kind*> m_kinds;

  std::atomic<bool> m_is_keyframe_wanted{false};
  std::atomic<uint32_t> m_wanted_kbps{0};
  std::atomic<int64_t> m_cpu_us{0};

  // Touched only by the capture-thread.
  const video_encoder_kind* m_kind = nullptr;
  AVPixelFormat m_format = AV_PIX_FMT_NONE;
  video_encoder_plan m_plan;
  /// One of the two.
  libav_ptr<AVCodecContext> m_context;
  std::unique_ptr<hardware_context> m_hardware;
  libav_ptr<AVPacket> m_packet;
  std::optional<libav_scaler> m_scaler;
  /// Of the last pictures, by their number.
  std::array<time_point, 64> m_times{};
  int64_t m_next_number = 0;
  uint32_t m_since_keyframe = 0;
  std::vector<uint8_t> m_headers;  ///< parameter sets that came in a packet of their own
  std::vector<int> m_threads;      ///< the encoder's own
  duration m_thread_time_before{};
};

}  // namespace campush
