#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/event_loop.h"
#include "rtmp/bitrate_votes.h"
#include "rtmp/rtmp_encoder.h"
#include "util/stream_observer.h"

namespace campush {

/// Known by (camera_id, stream_id).
struct stream_key {
  uint32_t camera_id = 0;
  uint32_t stream_id = 0;
  friend bool operator<(stream_key left, stream_key right) noexcept {
    return left.camera_id != right.camera_id ? left.camera_id < right.camera_id : left.stream_id < right.stream_id;
  }
  friend bool operator==(stream_key left, stream_key right) noexcept {
    return left.camera_id == right.camera_id && left.stream_id == right.stream_id;
  }
};

enum class stream_state : uint8_t { waiting, live, stalled, ended };

/// Takes what a stream sends. Sessions are tag_sinks. Thread: loop-thread of the stream.
class tag_sink {
 public:
  virtual ~tag_sink() = default;
  /// The next tag in order. `headers` are those the tag needs.
  virtual void on_tag(const tag_ptr& tag, const std::shared_ptr<const stream_headers>& headers) = 0;
  /// live: the first frame came (again); stalled: no video for 4 s (or no frame at all of an audio-only stream);
  /// ended: a file without loop is over.
  virtual void on_stream_state(stream_state state) = 0;
};

struct media_stream_options {
  duration interleave = std::chrono::milliseconds(200);
  duration min_keyframe_interval = std::chrono::seconds(2);
  duration stall_after = std::chrono::seconds(4);
  /// GOP cache bound; a longer GOP is not cached. The cache runs only while a sink asked for it.
  size_t max_gop_bytes = 8u << 20;
};

struct media_stream_counters {
  uint64_t tags_in = 0, tags_out = 0, ring_overflows = 0, dts_corrections = 0, reanchors = 0;
  uint64_t keyframes_asked = 0, keyframes_suppressed = 0;
};

/// One stream between its camera and its destinations: hop 4, the only thread crossing.
/// Shape: the capture side is a stream_observer: frames get their place in time (stream_timeline: equal or backward dts inside a
///   track becomes +1 ms, a jump over 1 s re-anchors and is logged), are packaged (rtmp_encoder) and handed over through an
///   SPSC ring with one wake-up. The loop side puts tracks in order (track_order: an inversion up to `interleave` is held only
///   while the other track is known to lag), keeps headers and GOP cache, and calls every sink: dts never decreases, and grows
///   within a track. A sink that is added hears nothing older than its adding, except through gop(). Sinks may be added and
///   removed from inside a call to one. stalled, ended and new headers in mid-GOP empty the GOP cache.
/// Errors: a full ring drops the newest tag, and of video everything up to the next keyframe, which is asked for; counted. So are
///   the pictures before the first keyframe of a source that was opened (again), or of new pictures: what they refer to may be lost.
/// Thread: stream_observer calls on the capture-thread; counters and current_state() any-thread; all else on the loop-thread. Made on
///   the loop-thread or before the loop runs; destroyed on the loop-thread after the camera has stopped calling.
class media_stream final : public stream_observer {
 public:
  media_stream(stream_key key, std::string stream_name, event_loop& loop, const media_stream_options& options);
  ~media_stream() override;

  void on_frame(const media_frame& frame) override;
  void on_source_event(const source_event& event) override;

  stream_key key() const noexcept;
  event_loop& loop() const noexcept;
  void add_sink(tag_sink& sink);
  void remove_sink(tag_sink& sink) noexcept;

  /// Where keyframe and bitrate requests go; null while no camera is attached.
  void set_control(std::shared_ptr<stream_control> control);
  /// Gathered: at most one reaches the source per min_keyframe_interval. A request that comes sooner is served by the keyframe
  /// under way, or, when that has passed already, goes up at the end of the interval. False if the source cannot do it.
  bool request_keyframe();
  bool has_keyframe_on_demand() const noexcept;
  /// Where the sessions of this stream ask for a bitrate.
  bitrate_votes& bitrate() noexcept;

  stream_state current_state() const noexcept;
  /// Those of the last tag given to the sinks; null before the first.
  std::shared_ptr<const stream_headers> headers() const noexcept;
  /// Switches the GOP cache on while at least one holder exists.
  void hold_gop_cache();
  void release_gop_cache() noexcept;
  /// The tags since the last keyframe, in order, keyframe first; empty if there is none or the cache is off.
  const std::vector<tag_ptr>& gop() const noexcept;

  media_stream_counters counters() const noexcept;
  encoder_counters packager_counters() const noexcept;
  tag_pool_counters pool_counters() const noexcept;

 private:
  struct state;
  std::unique_ptr<state> m_state;
};

}  // namespace campush
