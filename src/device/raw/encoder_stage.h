#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "codec/codec_library.h"
#include "device/camera_config.h"

namespace campush {

/// The encoder of a stream whose source has raw pictures, with what a destination may ask of it and what status says of it.
/// Shape: open(), then for each picture prepare() and encode(), then close(). What was asked for (bitrate, codec) outlives close(): the next
///   open() goes on with it, or with the configured codec where that one does not open. An encoder that opened and failed before its first
///   frame is not chosen again where there is another.
/// Errors: those of the codec library; the stage is closed then and may be opened again.
/// Thread: capture-thread; control() and health() any-thread.
class encoder_stage {
 public:
  encoder_stage(const encoder_config& config, const clock& time, codec_library& library);

  /// For pictures of this shape, so many a second; the configuration may want a smaller size and fewer of them.
  [[nodiscard]] result<void> open(const picture_shape& shape, double frame_rate);
  void close() noexcept;
  /// The pictures that are still inside go out, and it is closed: before the end of a stream whose sink still takes them.
  void drain(frame_sink& sink) noexcept;
  /// Of the pictures expected, one of so many comes from here on. Effective with prepare().
  void set_divisor(uint32_t divisor) noexcept { m_divisor = divisor; }
  /// Does what was asked for. True: the encoder is another one from here on, and description() with it.
  /// What the one before still held goes to the sink first.
  [[nodiscard]] result<bool> prepare(frame_sink& sink);
  [[nodiscard]] result<void> encode(const raw_picture& picture, frame_sink& sink);
  video_description description() const;
  const char* name() const noexcept { return m_encoder ? m_encoder->name() : ""; }

  stream_control& control() noexcept { return m_control; }
  /// encoder and encode_permille; the other fields are for the source to fill in.
  source_health health() const noexcept;

 private:
  class requests final : public stream_control {
   public:
    explicit requests(codec_library& library) : m_library(library) {}
    control_outcome request_keyframe() noexcept override;
    control_outcome set_bitrate(uint32_t kbps) noexcept override;
    control_outcome set_codec(codec_id codec) noexcept override;
    bool has_keyframe_on_demand() const noexcept override { return true; }

    std::atomic<bool> is_keyframe_wanted{false};
    std::atomic<uint32_t> kbps{0};  ///< 0: as configured
    std::atomic<codec_id> codec{codec_id::none};
    std::atomic<bool> is_open{false};

   private:
    codec_library& m_library;
  };

  video_encoder_options options_for(codec_id codec) const;
  result<void> open_encoder(codec_id codec);
  bool change_codec(frame_sink& sink);
  result<void> follow_divisor(frame_sink& sink);
  static void empty(video_encoder& encoder, frame_sink& sink) noexcept;
  void tell_of_profile(codec_id codec);
  void refuse_codec(codec_id codec);
  void measure_load() noexcept;

  // Constant after construction.
  const encoder_config m_config;
  const clock& m_time;
  codec_library& m_library;

  requests m_control;
  std::atomic<const char*> m_name{""};
  std::atomic<uint32_t> m_permille{0};

  // Touched only by the capture-thread.
  std::unique_ptr<video_encoder> m_encoder;
  picture_shape m_shape;
  double m_frame_rate = 0;
  codec_id m_codec = codec_id::none, m_refused_codec = codec_id::none;
  uint32_t m_kbps = 0, m_divisor = 1, m_opened_divisor = 1;
  bool m_has_delivered = false, m_has_told_profile = false;
  std::string m_avoided;  ///< the encoder that failed before it gave anything
  time_point m_window_start{};
  duration m_cpu_before{};
};

}  // namespace campush
