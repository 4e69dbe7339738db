#pragma once

#include <atomic>

#include "device/camera_config.h"
#include "device/clip_index.h"
#include "media/media_source.h"

namespace campush {

/// How often a picture comes, as an exact fraction of a second. 29.97 and its kin become n × 1000/1001.
/// Errors: invalid_argument outside 0.1 … 1000.
[[nodiscard]] result<exact_span> picture_period(double frame_rate);

/// Plays a clip as if it were a camera: video (Annex-B H.264, H.265), sound (ADTS, raw G.711), or both.
/// Shape: frames come in dts order (the picture first where both are due), with the times a camera would have given; loops follow
///   each other in continuous time, each beginning when the longer of both tracks has ended. With B-frames sound is set back by the
///   reordering delay, so that it stays with the picture it belongs to. Paced at encoder.frame_rate, else that of the
///   VUI, else 25. A caller that is more than 1 s late finds the clip gone on from where it was, not a burst.
/// Errors: open(): those of clip_index and clip_file, invalid_argument (no file named, frame rate out of range). step(): truncated
///   (the file has become shorter), io_failed, cancelled. The source is closed then and may be opened again.
/// Thread: as media_source. Allocates in open() alone.
class file_source final : public media_source {
 public:
  file_source(const stream_config& config, const clock& time,
              uint64_t in_memory_bytes = clip_file::max_in_memory_bytes);

  result<stream_description> open() override;
  void close() noexcept override;
  time_point next_due() const noexcept override;
  result<step_outcome> step(time_point now, frame_sink& sink) override;
  stream_control& control() noexcept override { return m_control; }
  void interrupt() noexcept override { m_is_interrupted.store(true); }

 private:
  result<stream_description> open_files();
  result<void> open_video(stream_description& description);
  result<void> open_audio(stream_description& description);
  void begin_loops();
  void re_anchor(time_point now);
  clip_track* earliest() noexcept;
  int64_t next_due_us() const noexcept;
  result<void> deliver_picture(time_point now, frame_sink& sink);
  result<void> deliver_sound(time_point now, frame_sink& sink);
  void go_on(clip_track& track) noexcept;

  const source_config m_config;
  const double m_declared_rate;
  const bool m_has_audio;
  const clock& m_time;
  no_stream_control m_control;
  std::atomic<bool> m_is_interrupted{false};

  clip_file m_video_file, m_audio_file;
  video_index m_pictures;
  audio_index m_sound;
  clip_track m_video_track, m_audio_track;
  exact_span m_loop_length;
  int64_t m_end_us = 0;
  time_point m_anchor{};
};

}  // namespace campush
