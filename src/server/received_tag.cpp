#include "server/received_tag.h"

#include "util/byte_reader.h"

namespace campush {

namespace {

constexpr uint32_t four(const char (&text)[5]) noexcept {
  return static_cast<uint32_t>(text[0]) << 24 | static_cast<uint32_t>(text[1]) << 16 |
         static_cast<uint32_t>(text[2]) << 8 | static_cast<uint32_t>(text[3]);
}

struct codec_row {
  uint32_t id;
  const char* name;
  std::optional<nal_syntax> syntax;
};

constexpr codec_row legacy_video[] = {{7, "h264", nal_syntax::h264}, {12, "hevc12", nal_syntax::h265}};
constexpr codec_row enhanced_video[] = {{four("avc1"), "avc1", nal_syntax::h264},
                                        {four("hvc1"), "hevc", nal_syntax::h265},
                                        {four("av01"), "av1", std::nullopt},
                                        {four("vp09"), "vp9", std::nullopt},
                                        {four("vp08"), "vp8", std::nullopt}};
constexpr codec_row legacy_audio[] = {
    {2, "mp3", std::nullopt}, {7, "alaw", std::nullopt}, {8, "mulaw", std::nullopt}, {10, "aac", std::nullopt}};
constexpr codec_row enhanced_audio[] = {{four("Opus"), "opus", std::nullopt}, {four("mp4a"), "mp4a", std::nullopt}};

constexpr uint8_t ex_header_bit = 0x80;
constexpr uint8_t ex_audio_format = 9, aac_format = 10;
enum packet : uint8_t { packet_start = 0, packet_frames = 1, packet_frames_x = 3 };

template <size_t Count>
void set_codec(received_tag& tag, const codec_row (&rows)[Count], uint32_t id) noexcept {
  for (const codec_row& row : rows) {
    if (row.id != id) continue;
    tag.codec = row.name;
    tag.syntax = row.syntax;
  }
}

int32_t signed_24(uint32_t value) noexcept {
  return static_cast<int32_t>(value << 8) >> 8;
}

void look_at_enhanced_video(received_tag& tag, byte_reader& in, uint8_t first) noexcept {
  const uint8_t packet_type = first & 0x0f;
  tag.is_keyframe = (first >> 4 & 7) == 1;
  set_codec(tag, enhanced_video, in.read_u32());
  if (packet_type == packet_start) tag.kind = received_kind::video_header;
  if (packet_type == packet_frames || packet_type == packet_frames_x) tag.kind = received_kind::video;
  if (packet_type == packet_frames && tag.syntax) tag.composition_ms = signed_24(in.read_u24());
}

void look_at_video(received_tag& tag, byte_reader& in) noexcept {
  const uint8_t first = in.read_u8();
  if ((first & ex_header_bit) != 0) {
    look_at_enhanced_video(tag, in, first);
  } else {
    set_codec(tag, legacy_video, first & 0x0f);
    tag.is_keyframe = first >> 4 == 1;
    tag.kind = received_kind::video;
    if (tag.syntax) {
      const uint8_t packet_type = in.read_u8();
      tag.composition_ms = signed_24(in.read_u24());
      tag.kind = packet_type == packet_start    ? received_kind::video_header
                 : packet_type == packet_frames ? received_kind::video
                                                : received_kind::other;
    }
  }
  if (tag.kind != received_kind::video) tag.is_keyframe = false;
}

void look_at_audio(received_tag& tag, byte_reader& in) noexcept {
  const uint8_t first = in.read_u8();
  const uint8_t format = first >> 4;
  tag.kind = received_kind::audio;
  if (format == ex_audio_format) {
    const uint8_t packet_type = first & 0x0f;
    set_codec(tag, enhanced_audio, in.read_u32());
    tag.kind = packet_type == packet_start    ? received_kind::audio_header
               : packet_type == packet_frames ? received_kind::audio
                                              : received_kind::other;
    return;
  }
  set_codec(tag, legacy_audio, format);
  if (format == aac_format && in.read_u8() == packet_start) tag.kind = received_kind::audio_header;
}

}  // namespace

const char* received_kind_name(received_kind kind) noexcept {
  switch (kind) {
    case received_kind::metadata: return "metadata";
    case received_kind::video_header: return "video_header";
    case received_kind::video: return "video";
    case received_kind::audio_header: return "audio_header";
    case received_kind::audio: return "audio";
    case received_kind::other: return "other";
  }
  return "other";
}

received_tag look_at_message(const rtmp_message& message) noexcept {
  received_tag tag;
  tag.type = message.header.type;
  tag.timestamp_ms = message.header.timestamp_ms;
  tag.payload = message.payload;
  byte_reader in(message.payload);
  if (tag.type == message_type::video) look_at_video(tag, in);
  if (tag.type == message_type::audio) look_at_audio(tag, in);
  if (tag.type == message_type::data_amf0) tag.kind = received_kind::metadata;
  if (in.failed()) tag.kind = received_kind::other;
  tag.data = in.rest();
  return tag;
}

}  // namespace campush
