#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/wire_text.h"
#include "media/media_source.h"
#include "rtmp/flv_tag.h"

namespace campush::test {

inline std::string hex_of(byte_view bytes) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string text;
  for (const uint8_t byte : bytes) {
    if (!text.empty()) text += ' ';
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

/// What a destination receives of a tag: its FLV tag body.
inline std::string payload_of(const flv_tag& tag, video_dialect dialect) {
  const std::string head = hex_of(tag.head(dialect));
  const std::string body = hex_of(tag.body);
  return head.empty() || body.empty() ? head + body : head + " " + body;
}

// 1920x1080 High@4.0 of ffmpeg 5.1 and 1920x1080 Main@4.0 of ffmpeg 7.0.2 (facts/rtmp 1.2, 2.1).
inline const char* const h264_sps = "67 64 00 28 AC B2 00 F0 04 4F CB 80 88 00 00 03 00 08 00 00 03 01 90 78 C1 92 40";
inline const char* const h264_pps = "68 EB C3 CB 22 C0";
inline const char* const h264_avcc =
    "01 64 00 28 FF E1 00 1B 67 64 00 28 AC B2 00 F0 04 4F CB 80 88 00 00 03 00 08 00 00 03 01 90 78 C1 92 40 "
    "01 00 06 68 EB C3 CB 22 C0 FD F8 F8 00";
inline const char* const h265_vps = "40 01 0C 01 FF FF 01 60 00 00 03 00 90 00 00 03 00 00 03 00 78 92 80 90";
inline const char* const h265_sps =
    "42 01 01 01 60 00 00 03 00 90 00 00 03 00 00 03 00 78 A0 03 C0 80 10 E5 96 4A 92 4C AF 01 68 08 00 00 03 00 08 "
    "00 00 03 00 C8 40";
inline const char* const h265_pps = "44 01 C1 72 B4 62 40";
inline const char* const h265_hvcc =
    "01 01 60 00 00 00 90 00 00 00 00 00 78 F0 00 FC FD F8 F8 00 00 0F 03 "
    "20 00 01 00 18 40 01 0C 01 FF FF 01 60 00 00 03 00 90 00 00 03 00 00 03 00 78 92 80 90 "
    "21 00 01 00 2B 42 01 01 01 60 00 00 03 00 90 00 00 03 00 00 03 00 78 A0 03 C0 80 10 E5 96 4A 92 4C AF 01 68 08 "
    "00 00 03 00 08 00 00 03 00 C8 40 22 00 01 00 07 44 01 C1 72 B4 62 40";

/// Annex B with 4-byte start codes.
inline std::vector<uint8_t> annexb_of(std::initializer_list<std::string_view> units) {
  std::vector<uint8_t> bytes;
  for (const std::string_view unit : units) {
    for (const std::vector<uint8_t>& part : {wire("00 00 00 01"), wire(unit)}) {
      bytes.insert(bytes.end(), part.begin(), part.end());
    }
  }
  return bytes;
}

inline time_point at_ms(int64_t ms) {
  return time_point(std::chrono::milliseconds(ms));
}

/// A frame that owns its bytes.
struct owned_frame {
  std::vector<uint8_t> payload;
  media_frame frame;

  owned_frame(codec_id codec, std::vector<uint8_t> bytes, int64_t dts_ms, int64_t pts_ms) : payload(std::move(bytes)) {
    frame.codec = codec;
    frame.dts = frame.capture_time = at_ms(dts_ms);
    frame.pts = at_ms(pts_ms);
    frame.payload = payload;
  }
};

inline owned_frame h264_key(int64_t dts_ms) {
  return {codec_id::h264, annexb_of({h264_sps, h264_pps, "65 88 84 21"}), dts_ms, dts_ms};
}
inline owned_frame h264_inter(int64_t dts_ms) {
  return {codec_id::h264, annexb_of({"41 9A 24 11"}), dts_ms, dts_ms};
}
inline owned_frame aac_frame(int64_t dts_ms) {
  return {codec_id::aac, wire("21 10 04 60"), dts_ms, dts_ms};
}

inline stream_description h264_and_aac() {
  stream_description description;
  description.video = video_description{codec_id::h264, 640, 360, 25, 4000};
  description.audio = audio_description{codec_id::aac, 48000, 2, 64, wire("11 90")};
  return description;
}
inline stream_description only_video(codec_id codec) {
  stream_description description;
  description.video = video_description{codec, 640, 360, 25, 4000};
  return description;
}
inline stream_description only_audio(codec_id codec) {
  stream_description description;
  description.audio = audio_description{};
  description.audio->codec = codec;
  if (codec == codec_id::aac) description.audio->config = wire("11 90");
  return description;
}

}  // namespace campush::test
