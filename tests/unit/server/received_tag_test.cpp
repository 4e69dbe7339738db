#include "server/received_tag.h"

#include <gtest/gtest.h>

#include "fakes/wire_text.h"

namespace campush {
namespace {

struct tag_case {
  const char* name;
  message_type type;
  const char* bytes;
  received_kind kind;
  const char* codec;
  bool is_keyframe;
  int32_t composition_ms;
  size_t data_bytes;
};

TEST(received_tag, recognises_every_form) {
  const tag_case cases[] = {
      {"avc_header", message_type::video, "17 00 000000 0164", received_kind::video_header, "h264", false, 0, 2},
      {"avc_key", message_type::video, "17 01 000028 0000", received_kind::video, "h264", true, 40, 2},
      {"avc_inter", message_type::video, "27 01 FFFFFF 0000", received_kind::video, "h264", false, -1, 2},
      {"avc_end", message_type::video, "17 02 000000", received_kind::other, "h264", false, 0, 0},
      {"hevc12_header", message_type::video, "1C 00 000000 01", received_kind::video_header, "hevc12", false, 0, 1},
      {"hevc12_key", message_type::video, "1C 01 000000 01", received_kind::video, "hevc12", true, 0, 1},
      {"ex_header", message_type::video, "90 68766331 01", received_kind::video_header, "hevc", false, 0, 1},
      {"ex_key_x", message_type::video, "93 68766331 0000", received_kind::video, "hevc", true, 0, 2},
      {"ex_inter_with_time", message_type::video, "A1 68766331 000028 00", received_kind::video, "hevc", false, 40, 1},
      {"ex_end", message_type::video, "A2 68766331", received_kind::other, "hevc", false, 0, 0},
      {"av1_key", message_type::video, "91 61763031 0A0B", received_kind::video, "av1", true, 0, 2},
      {"unknown_codec", message_type::video, "12 00", received_kind::video, "?", true, 0, 1},
      {"aac_header", message_type::audio, "AF 00 1190", received_kind::audio_header, "aac", false, 0, 2},
      {"aac", message_type::audio, "AF 01 2100", received_kind::audio, "aac", false, 0, 2},
      {"alaw", message_type::audio, "72 D5D5", received_kind::audio, "alaw", false, 0, 2},
      {"mulaw", message_type::audio, "82 FF", received_kind::audio, "mulaw", false, 0, 1},
      {"opus_header", message_type::audio, "90 4F707573 4F70", received_kind::audio_header, "opus", false, 0, 2},
      {"opus", message_type::audio, "91 4F707573 00", received_kind::audio, "opus", false, 0, 1},
      {"metadata", message_type::data_amf0, "02 0000", received_kind::metadata, "?", false, 0, 3},
      {"empty_video", message_type::video, "", received_kind::other, "?", false, 0, 0},
      {"cut_video", message_type::video, "17 01 00", received_kind::other, "h264", true, 0, 0},
      {"empty_audio", message_type::audio, "", received_kind::other, "?", false, 0, 0},
  };
  for (const tag_case& each : cases) {
    SCOPED_TRACE(each.name);
    const std::vector<uint8_t> bytes = wire(each.bytes);
    const received_tag tag = look_at_message({{each.type, 4, 77, 1}, bytes});
    EXPECT_EQ(tag.kind, each.kind) << received_kind_name(tag.kind);
    EXPECT_STREQ(tag.codec, each.codec);
    if (tag.kind != received_kind::other) {
      EXPECT_EQ(tag.is_keyframe, each.is_keyframe);
    }
    EXPECT_EQ(tag.composition_ms, each.composition_ms);
    EXPECT_EQ(tag.data.size(), each.data_bytes);
    EXPECT_EQ(tag.timestamp_ms, 77u);
  }
}

}  // namespace
}  // namespace campush
