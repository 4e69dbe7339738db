#pragma once

#include <optional>

#include "rtmp/protocol/message.h"
#include "server/picture_mark.h"

namespace campush {

enum class received_kind : uint8_t { metadata, video_header, video, audio_header, audio, other };
const char* received_kind_name(received_kind kind) noexcept;

/// One media message seen as the FLV tag body that it is.
/// Shape: views are borrowed like the payload. `data` is what follows the tag header: NAL units with 4-byte lengths, the
///   decoder configuration record, the raw audio frame. `syntax` is set for H.264 and H.265 alone.
/// Units: timestamp_ms are the 32 bits of the wire; composition_ms is signed.
struct received_tag {
  received_kind kind = received_kind::other;
  message_type type = message_type::video;
  uint32_t timestamp_ms = 0;
  byte_view payload;
  byte_view data;
  bool is_keyframe = false;
  /// Short for people: h264, hevc, hevc12, av1, aac, alaw, mulaw … or "?".
  const char* codec = "?";
  std::optional<nal_syntax> syntax;
  int32_t composition_ms = 0;
};

/// Looks at an audio, video or data message. Never fails: what is not understood is `other`.
/// Source: facts/rtmp 1.2, 1.4, 1.5, 2.1, 3, 4.5.
received_tag look_at_message(const rtmp_message& message) noexcept;

}  // namespace campush
