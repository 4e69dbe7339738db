#pragma once

#include <array>
#include <memory>

#include "media/media_frame.h"

namespace campush {

enum class tag_kind : uint8_t { metadata, video_header, audio_header, video, audio };

/// How a destination wants its video wrapped. H.264 looks the same in all of them (facts/rtmp 1.2, 2.1, 4.5).
enum class video_dialect : uint8_t { legacy, enhanced, legacy12 };
inline constexpr size_t video_dialect_count = 3;
const char* dialect_name(video_dialect dialect) noexcept;

/// One FLV tag, made once a stream and shared by all its destinations. Hop 3 of the data path.
/// Shape: on the wire a tag is head(dialect) followed by body. For pictures the body is NAL units with 4-byte lengths;
///   for sequence headers the decoder configuration record; for audio the raw frame. Heads hold the FLV video or audio tag
///   header, up to and with the composition time; an empty head of a video tag means that this dialect cannot carry the codec
///   (H.265 in legacy). Metadata differs by dialect as a whole: its body is metadata[dialect], and is what RTMP sends in a
///   data message, "@setDataFrame" included (a file leaves those flv_set_data_frame_bytes out).
///   Immutable once published; storage belongs to the stream's tag_pool and goes back there with the last pointer.
/// Units: dts and capture_time on the monotonic clock; dts is a whole number of milliseconds, so that every connection's
///   difference of two of them is exact; composition_ms = pts - dts, 0 or more. Headers and metadata have dts 0.
/// Thread: any-thread for reading.
struct flv_tag {
  struct tag_head {
    uint8_t size = 0;
    std::array<uint8_t, 8> bytes{};
  };

  tag_kind kind = tag_kind::video;
  codec_id codec = codec_id::none;
  bool is_keyframe = false;
  bool is_disposable = false;
  time_point dts{};
  time_point capture_time{};
  int32_t composition_ms = 0;
  byte_view body;
  std::array<tag_head, video_dialect_count> heads{};
  /// Grows by one with each new set of sequence headers: a tag needs the headers of its own generation.
  uint32_t header_generation = 0;

  byte_view head(video_dialect dialect) const noexcept {
    const tag_head& chosen = heads[static_cast<size_t>(dialect)];
    return {chosen.bytes.data(), chosen.size};
  }
  /// FLV tag body size in this dialect: what the message header announces.
  size_t payload_bytes(video_dialect dialect) const noexcept { return head(dialect).size() + body.size(); }
  bool is_video_track() const noexcept { return kind == tag_kind::video || kind == tag_kind::video_header; }
  bool is_audio_track() const noexcept { return kind == tag_kind::audio || kind == tag_kind::audio_header; }
  bool is_header() const noexcept { return kind == tag_kind::video_header || kind == tag_kind::audio_header; }
};

using tag_ptr = std::shared_ptr<const flv_tag>;

/// Size of the AMF0 string "@setDataFrame" in front of a metadata body.
inline constexpr size_t flv_set_data_frame_bytes = 16;

/// Fills all heads from kind, codec, is_keyframe and composition_ms; `audio_channels` matters to g711 only.
/// Source: facts/rtmp 1.2, 1.4, 1.5, 2.1, 3, 4.5.
void write_heads(flv_tag& tag, uint32_t audio_channels = 1) noexcept;

/// Moves a frame that nobody else holds yet to a later or earlier dts (whole milliseconds). The picture stays due when it was
/// as far as a composition time of 0 or more allows.
void retime(flv_tag& tag, time_point dts) noexcept;

inline constexpr int32_t max_composition_ms = 0x7fffff;

}  // namespace campush
