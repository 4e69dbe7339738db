#include "rtmp/flv_tag.h"

#include <algorithm>

namespace campush {
namespace {

constexpr uint8_t key_frame = 1 << 4, inter_frame = 2 << 4;
constexpr uint8_t codec_avc = 7, codec_hevc_legacy = 12;
constexpr uint8_t packet_header = 0, packet_nal_units = 1;
constexpr uint8_t ex_header = 0x80, ex_sequence_start = 0, ex_coded_frames = 1, ex_coded_frames_x = 3;
constexpr std::array<uint8_t, 4> fourcc_hvc1{'h', 'v', 'c', '1'}, fourcc_opus{'O', 'p', 'u', 's'};
/// Sound format 9: Enhanced RTMP, with the packet type in the lower half.
constexpr uint8_t ex_audio = 0x90;
constexpr uint8_t aac_flags = 0xaf;
// 16-bit samples, rate bits 0 although that says 5.5 kHz: the format has no code for 8 kHz (facts/rtmp 1.5).
constexpr uint8_t g711a_flags = 0x72, g711u_flags = 0x82, stereo_flag = 0x01;

uint8_t* put_composition(uint8_t* at, int32_t composition_ms) noexcept {
  for (const int shift : {16, 8, 0}) *at++ = static_cast<uint8_t>(composition_ms >> shift);
  return at;
}

/// FrameType is "key" for headers too: SRS and ZLMediaKit know a header by it (facts/rtmp 2.7).
uint8_t frame_type(const flv_tag& tag) noexcept {
  return tag.is_keyframe || tag.is_header() ? key_frame : inter_frame;
}

flv_tag::tag_head legacy_head(const flv_tag& tag, uint8_t codec) noexcept {
  flv_tag::tag_head head;
  uint8_t* at = head.bytes.data();
  *at++ = static_cast<uint8_t>(frame_type(tag) | codec);
  *at++ = tag.is_header() ? packet_header : packet_nal_units;
  put_composition(at, tag.is_header() ? 0 : tag.composition_ms);
  head.size = 5;
  return head;
}

flv_tag::tag_head enhanced_head(const flv_tag& tag) noexcept {
  const bool has_composition = !tag.is_header() && tag.composition_ms != 0;
  const uint8_t type = tag.is_header() ? ex_sequence_start : has_composition ? ex_coded_frames : ex_coded_frames_x;
  flv_tag::tag_head head;
  uint8_t* at = head.bytes.data();
  *at++ = static_cast<uint8_t>(ex_header | frame_type(tag) | type);
  at = std::copy(fourcc_hvc1.begin(), fourcc_hvc1.end(), at);
  if (has_composition) at = put_composition(at, tag.composition_ms);
  head.size = static_cast<uint8_t>(at - head.bytes.data());
  return head;
}

flv_tag::tag_head audio_head(const flv_tag& tag, uint32_t channels) noexcept {
  flv_tag::tag_head head;
  if (tag.codec == codec_id::aac) {
    head.bytes[0] = aac_flags;
    head.bytes[1] = tag.is_header() ? packet_header : packet_nal_units;
    head.size = 2;
  } else if (tag.codec == codec_id::opus) {
    head.bytes[0] = static_cast<uint8_t>(ex_audio | (tag.is_header() ? ex_sequence_start : ex_coded_frames));
    std::copy(fourcc_opus.begin(), fourcc_opus.end(), head.bytes.begin() + 1);
    head.size = 1 + fourcc_opus.size();
  } else {
    const uint8_t flags = tag.codec == codec_id::g711a ? g711a_flags : g711u_flags;
    head.bytes[0] = static_cast<uint8_t>(flags | (channels == 2 ? stereo_flag : 0));
    head.size = 1;
  }
  return head;
}

}  // namespace

void write_heads(flv_tag& tag, uint32_t audio_channels) noexcept {
  tag.heads = {};
  if (tag.is_audio_track()) {
    tag.heads.fill(audio_head(tag, audio_channels));
  } else if (tag.is_video_track() && tag.codec == codec_id::h264) {
    tag.heads.fill(legacy_head(tag, codec_avc));
  } else if (tag.is_video_track()) {
    tag.heads[static_cast<size_t>(video_dialect::enhanced)] = enhanced_head(tag);
    tag.heads[static_cast<size_t>(video_dialect::legacy12)] = legacy_head(tag, codec_hevc_legacy);
  }
}

void retime(flv_tag& tag, time_point dts) noexcept {
  const auto moved_ms = std::chrono::duration_cast<std::chrono::milliseconds>(dts - tag.dts).count();
  tag.dts = dts;
  if (tag.kind != tag_kind::video) return;
  tag.composition_ms =
      static_cast<int32_t>(std::clamp<int64_t>(tag.composition_ms - moved_ms, 0, int64_t{max_composition_ms}));
  write_heads(tag);
}

}  // namespace campush
