#pragma once

#include <memory>
#include <optional>
#include <string>

#include "media/media_frame.h"
#include "media/stream_control.h"
#include "util/result.h"

namespace campush {

/// What a stream says it will deliver. Fields that a source does not know are 0; dimensions that the parameter sets
/// contradict are corrected by the packager.
struct video_description {
  codec_id codec = codec_id::h264;
  uint32_t width = 0;
  uint32_t height = 0;
  double frame_rate = 0;
  uint32_t bitrate_kbps = 0;
};
struct audio_description {
  codec_id codec = codec_id::aac;
  uint32_t sample_rate = 0;
  uint32_t channels = 0;
  uint32_t bitrate_kbps = 0;
  /// AudioSpecificConfig (ISO 14496-3 1.6.2.1) for aac; OpusHead (RFC 7845 5.1) for opus; empty for g711.
  std::vector<uint8_t> config;
};
struct stream_description {
  std::optional<video_description> video;
  std::optional<audio_description> audio;
};

/// described: a source that runs has changed what it delivers, one track or both.
enum class source_event_kind : uint8_t { opened, described, failed, ended };

/// Told to stream_observer beside frames. `description` is set for opened and described, `failure` for failed; both borrowed.
struct source_event {
  source_event_kind kind = source_event_kind::opened;
  const stream_description* description = nullptr;
  const error* failure = nullptr;
};

/// Takes the frames that step() produces. Thread: capture-thread.
class frame_sink {
 public:
  virtual ~frame_sink() = default;
  virtual void on_frame(const media_frame& frame) = 0;
  /// What comes from here on is described so (an encoder that changed its codec); the frames of the old description are over.
  /// Who passes on frames of another source passes this on too, with what it adds.
  virtual void on_description(const stream_description&) {}
};

enum class step_outcome : uint8_t { delivered, idle, ended };

/// What a source says of itself beside its frames: for status and metrics, since the source was made.
/// Units: counts; encode_permille: CPU time of the encoder in a thousandth of one core, over the last seconds; drift in parts
///   per million, positive when the device's clock runs fast.
struct source_health {
  const char* encoder =
      "";  ///< "libx264", "h264_v4l2m2m", "aac"; empty: the device encodes, or nothing is. A constant.
  uint32_t encode_permille = 0;
  uint64_t lost_pictures = 0;    ///< by gaps in the driver's sequence, or taken too late
  uint64_t damaged_buffers = 0;  ///< the driver's error flag, short or oversized
  uint64_t stalls = 0;           ///< no data for 5 frame periods
  uint64_t overruns = 0;         ///< sound lost because nobody read in time
  int32_t drift_ppm = 0;
  bool is_filled_with_silence = false;
};

/// One stream's pictures and sound: a file, a V4L2 device, a vendor encoder, a test pattern.
/// Shape: open(), then step() again and again, then close(); after close() it may be opened again. Nothing in here
///   starts a thread or sleeps for longer than step() is told: camera_instance wraps it in a thread, a simulation
///   calls it on a fake clock.
/// Errors: open() and step() return why the source is unusable; it is closed then and may be opened again.
/// Thread: capture-thread, except control(), which may be called from any-thread while the source lives.
class media_source {
 public:
  virtual ~media_source() = default;
  virtual result<stream_description> open() = 0;
  virtual void close() noexcept = 0;
  /// When step() has something to do next. A source that waits on a device returns the time of its next check.
  virtual time_point next_due() const noexcept = 0;
  /// Delivers what is due at `now` and returns. A device source may wait inside for data, at most 100 ms.
  virtual result<step_outcome> step(time_point now, frame_sink& sink) = 0;
  /// A descriptor that becomes readable when step() has work, or -1 when the source is paced by next_due() alone.
  virtual int poll_descriptor() const noexcept { return -1; }
  /// An orderly end: pictures that an encoder still holds go out. Asked of an open source, before close().
  virtual void drain(frame_sink&) noexcept {}
  virtual stream_control& control() noexcept = 0;
  /// A descriptor that becomes readable when a source that failed may be worth opening before its wait is over (the node of an unplugged
  /// device came back); -1: none. Asked for while the source is closed.
  virtual int return_descriptor() const noexcept { return -1; }
  /// Thread: any-thread.
  virtual source_health health() const noexcept { return {}; }
  /// An open() or step() under way, or the next one, returns soon with `cancelled`; close() forgets it. For a source whose
  /// calls may take longer than 100 ms. Thread: any-thread.
  virtual void interrupt() noexcept {}
};

}  // namespace campush
