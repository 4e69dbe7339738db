#pragma once

namespace campush {

struct media_frame;
struct source_event;

/// Hears what one stream of one camera produces. The device side calls it, the RTMP side implements it; neither
/// sees the other, they share this and the media types.
/// Shape: calls for one stream come in order, never two at once. The frame and the event are borrowed until the
/// call returns.
/// Thread: called on the stream's capture-thread.
class stream_observer {
 public:
  virtual ~stream_observer() = default;
  virtual void on_frame(const media_frame& frame) = 0;
  /// Opened, described, failed, ended: see source_event in media/media_source.h.
  virtual void on_source_event(const source_event& event) = 0;
};

}  // namespace campush
