#pragma once

#include <memory>
#include <string>

#include "media/media_source.h"
#include "rtmp/tag_pool.h"

namespace campush {

/// The headers a new connection needs before its first picture, all of one generation.
/// Shape: metadata has one body per dialect (videocodecid differs); null tags where the track does not exist (audio-only,
///   video-only, g711 has no header). Dialects whose metadata is the same share one tag, and a
///   tag that did not change is the one of the generation before: compare pointers to see what has to be sent again.
struct stream_headers {
  uint32_t generation = 0;
  std::array<tag_ptr, video_dialect_count> metadata;
  tag_ptr video_header;
  tag_ptr audio_header;
  codec_id video_codec = codec_id::none;
  codec_id audio_codec = codec_id::none;
  bool is_complete() const noexcept {
    return generation != 0 && (video_codec == codec_id::none || video_header) &&
           ((audio_codec != codec_id::aac && audio_codec != codec_id::opus) || audio_header);
  }
};

/// Counters of what the packager did not pass on; read on any-thread.
struct encoder_counters {
  uint64_t frames_in = 0, tags_out = 0, frames_without_headers = 0, frames_malformed = 0, parameter_set_changes = 0;
};

/// Packages one stream's frames as FLV tags: hop 3.
/// Shape: set_description() when the source opened; encode() turns one media_frame into one tag, or null when it cannot be sent
///   (no parameter sets yet, no picture in it). Parameter sets stay out of the body, but for those that the header
///   does not hold (it has one of each kind); only where H.265 sets changed in mid-stream the picture that brings the change
///   carries them too (facts/rtmp 2.5: MediaMTX). AUD, filler and
///   end-of-sequence are removed. headers() is replaced, and its generation grows, when parameter sets or the description
///   change; the change is visible when encode() returns the first tag that needs it. A new description with another
///   codec holds all tags back until the new headers are complete.
///   The body is written once, straight from Annex B into the pool's block. The tag may be changed (retime) until it is shared.
/// Units: tag dts is the frame's, rounded to whole milliseconds; dts + composition_ms is the rounded pts.
/// Errors: frames that cannot be packaged are counted (frames_without_headers; frames_malformed: empty, of an undeclared codec, without
///   any NAL unit, over the 16 MiB of a message), never thrown.
/// Thread: capture-thread; the counters any-thread.
/// Source: facts/rtmp 1 and 2; DESIGN data path.
class rtmp_encoder {
 public:
  explicit rtmp_encoder(std::string encoder_name);
  ~rtmp_encoder();
  rtmp_encoder(const rtmp_encoder&) = delete;
  rtmp_encoder& operator=(const rtmp_encoder&) = delete;

  void set_description(const stream_description& description);
  std::shared_ptr<flv_tag> encode(const media_frame& frame);
  /// Null until the first complete set. Immutable once returned.
  std::shared_ptr<const stream_headers> headers() const noexcept;
  encoder_counters counters() const noexcept;
  tag_pool_counters pool_counters() const noexcept;

 private:
  struct state;
  std::unique_ptr<state> m_state;
};

}  // namespace campush
