#include "rtmp/rtmp_encoder.h"

#include <gtest/gtest.h>

#include "rtmp/protocol/amf0.h"
#include "unit/rtmp/frame_builder.h"

namespace campush {
namespace {

using namespace test;

constexpr video_dialect all_dialects[] = {video_dialect::legacy, video_dialect::enhanced, video_dialect::legacy12};

std::string payload(const tag_ptr& tag, video_dialect dialect = video_dialect::legacy) {
  return tag ? payload_of(*tag, dialect) : "no tag";
}

owned_frame h265_frame(std::initializer_list<std::string_view> units, int64_t dts_ms, int64_t pts_ms) {
  return {codec_id::h265, annexb_of(units), dts_ms, pts_ms};
}
owned_frame h265_key(int64_t dts_ms) {
  return h265_frame({h265_vps, h265_sps, h265_pps, "28 01 AF 10"}, dts_ms, dts_ms);
}

/// The properties of onMetaData; the test fails if the body is anything else.
amf0_value metadata_of(const stream_headers& headers, video_dialect dialect) {
  const auto values = read_amf0_all(headers.metadata[static_cast<size_t>(dialect)]->body);
  if (!values || values->size() != 3) {
    ADD_FAILURE() << "not three AMF0 values";
    return {};
  }
  EXPECT_EQ("@setDataFrame", (*values)[0].string);
  EXPECT_EQ("onMetaData", (*values)[1].string);
  EXPECT_EQ(amf0_type::ecma_array, (*values)[2].type);
  return (*values)[2];
}

/// -1 for a property that is not there.
double number_of(const amf0_value& metadata, std::string_view name) {
  const amf0_value* found = metadata.find(name);
  return found ? found->number : -1;
}

TEST(rtmp_encoder, wraps_h264_alike_in_every_dialect) {
  rtmp_encoder encoder("campush");
  encoder.set_description(only_video(codec_id::h264));
  const tag_ptr key = encoder.encode(h264_key(40).frame);
  const tag_ptr inter = encoder.encode(h264_inter(80).frame);
  ASSERT_TRUE(encoder.headers());
  for (const video_dialect dialect : all_dialects) {
    SCOPED_TRACE(dialect_name(dialect));
    EXPECT_EQ("17 00 00 00 00 " + std::string(h264_avcc), payload(encoder.headers()->video_header, dialect));
    EXPECT_EQ("17 01 00 00 00 00 00 00 04 65 88 84 21", payload(key, dialect));
    EXPECT_EQ("27 01 00 00 00 00 00 00 04 41 9A 24 11", payload(inter, dialect));
  }
  EXPECT_TRUE(key->is_keyframe);
  EXPECT_FALSE(inter->is_keyframe);
  EXPECT_EQ(at_ms(80), inter->dts);
  EXPECT_EQ(encoder.headers()->generation, inter->header_generation);
}

TEST(rtmp_encoder, wraps_h265_by_dialect_around_one_body) {
  rtmp_encoder encoder("campush");
  encoder.set_description(only_video(codec_id::h265));
  const tag_ptr key = encoder.encode(h265_key(40).frame);
  const tag_ptr inter = encoder.encode(h265_frame({"02 01 D0 09"}, 80, 120).frame);
  ASSERT_TRUE(encoder.headers());
  const tag_ptr header = encoder.headers()->video_header;
  EXPECT_EQ("90 68 76 63 31 " + std::string(h265_hvcc), payload(header, video_dialect::enhanced));
  EXPECT_EQ("1C 00 00 00 00 " + std::string(h265_hvcc), payload(header, video_dialect::legacy12));
  EXPECT_EQ("93 68 76 63 31 00 00 00 04 28 01 AF 10", payload(key, video_dialect::enhanced));
  EXPECT_EQ("1C 01 00 00 00 00 00 00 04 28 01 AF 10", payload(key, video_dialect::legacy12));
  EXPECT_EQ("A1 68 76 63 31 00 00 28 00 00 00 04 02 01 D0 09", payload(inter, video_dialect::enhanced));
  EXPECT_EQ("2C 01 00 00 28 00 00 00 04 02 01 D0 09", payload(inter, video_dialect::legacy12));
  EXPECT_TRUE(key->head(video_dialect::legacy).empty()) << "H.265 has no form in the plain legacy dialect";
  EXPECT_EQ(13u, key->payload_bytes(video_dialect::enhanced));
}

TEST(rtmp_encoder, wraps_sound) {
  struct audio_case {
    const char* name;
    codec_id codec;
    uint32_t channels;
    const char* header;
    const char* frame;
  };
  const audio_case cases[] = {
      {"aac", codec_id::aac, 2, "AF 00 11 90", "AF 01 D5 AA"},
      {"g711 A-law", codec_id::g711a, 1, "no tag", "72 D5 AA"},
      {"g711 mu-law", codec_id::g711u, 1, "no tag", "82 D5 AA"},
      {"g711 mu-law stereo", codec_id::g711u, 2, "no tag", "83 D5 AA"},
      {"opus", codec_id::opus, 1, "90 4F 70 75 73 4F 70 75 73 48 65 61 64 01 01 38 01 80 BB 00 00 00 00 00",
       "91 4F 70 75 73 D5 AA"},
  };
  for (const audio_case& one : cases) {
    SCOPED_TRACE(one.name);
    rtmp_encoder encoder("campush");
    stream_description description = only_audio(one.codec);
    description.audio->channels = one.channels;
    encoder.set_description(description);
    ASSERT_TRUE(encoder.headers());
    EXPECT_EQ(one.header, payload(encoder.headers()->audio_header));
    const tag_ptr tag = encoder.encode(owned_frame(one.codec, wire("D5 AA"), 20, 20).frame);
    EXPECT_EQ(one.frame, payload(tag));
    EXPECT_TRUE(tag && tag->is_audio_track());
  }
}

TEST(rtmp_encoder, makes_the_aac_configuration_that_a_source_left_out) {
  rtmp_encoder encoder("campush");
  stream_description description = only_audio(codec_id::aac);
  description.audio->config.clear();
  description.audio->sample_rate = 16000;
  description.audio->channels = 1;
  encoder.set_description(description);
  ASSERT_TRUE(encoder.headers());
  EXPECT_EQ("AF 00 14 08", payload(encoder.headers()->audio_header));
}

TEST(rtmp_encoder, leaves_out_what_servers_do_not_need) {
  rtmp_encoder encoder("campush");
  encoder.set_description(only_video(codec_id::h264));
  const owned_frame key(codec_id::h264,
                        annexb_of({"09 10", h264_sps, h264_pps, "06 05 01 AA 80", "65 88 84", "65 08 84", "0C FF FF 80",
                                   h264_pps, "0A", "0B"}),
                        0, 0);
  EXPECT_EQ("17 01 00 00 00 00 00 00 05 06 05 01 AA 80 00 00 00 03 65 88 84 00 00 00 03 65 08 84",
            payload(encoder.encode(key.frame)));

  encoder.set_description(only_video(codec_id::h265));
  const owned_frame h265(codec_id::h265,
                         annexb_of({"46 01 10", h265_vps, h265_sps, h265_pps, "4E 01 05 01 AA 80", "26 01 AF",
                                    "50 01 84 01 BB 80", "4C 01 FF 80", "48 01", "4A 01"}),
                         40, 40);
  EXPECT_EQ("93 68 76 63 31 00 00 00 06 4E 01 05 01 AA 80 00 00 00 03 26 01 AF 00 00 00 06 50 01 84 01 BB 80",
            payload(encoder.encode(h265.frame), video_dialect::enhanced));
}

TEST(rtmp_encoder, keeps_sets_that_the_header_does_not_hold) {
  const char* const second_pps = "68 53 8F 20";
  const std::string kept = "00 00 00 04 68 53 8F 20", sei = "00 00 00 05 06 05 01 AA 80",
                    slice = "00 00 00 03 65 88 84";
  rtmp_encoder encoder("campush");
  encoder.set_description(only_video(codec_id::h264));
  const auto key = [&](std::initializer_list<std::string_view> units, int64_t at) {
    return payload(encoder.encode(owned_frame(codec_id::h264, annexb_of(units), at, at).frame));
  };
  EXPECT_EQ("17 01 00 00 00 " + kept + " " + sei + " " + slice,
            key({h264_sps, h264_pps, second_pps, "06 05 01 AA 80", "65 88 84"}, 0));
  EXPECT_EQ("17 00 00 00 00 " + std::string(h264_avcc), payload(encoder.headers()->video_header));
  EXPECT_EQ("17 01 00 00 00 " + kept + " " + slice, key({h264_sps, second_pps, h264_pps, "65 88 84"}, 40));
  EXPECT_EQ("17 01 00 00 00 " + slice, key({h264_sps, h264_pps, "67 64", "6D 80", "65 88 84"}, 80))
      << "not a set that is broken, and no extension";
  EXPECT_EQ(1u, encoder.headers()->generation);
}

TEST(rtmp_encoder, packs_a_picture_of_very_many_units) {
  rtmp_encoder encoder("campush");
  encoder.set_description(only_video(codec_id::h264));
  std::vector<uint8_t> unit_by_unit = annexb_of({h264_sps, h264_pps});
  const std::vector<uint8_t> smallest = wire("00 00 01 65");
  for (int i = 0; i < 400; ++i) unit_by_unit.insert(unit_by_unit.end(), smallest.begin(), smallest.end());
  const tag_ptr tag = encoder.encode(owned_frame(codec_id::h264, unit_by_unit, 0, 0).frame);
  ASSERT_TRUE(tag);
  EXPECT_EQ(400u * 5, tag->body.size());
  EXPECT_EQ("00 00 00 01 65 00 00 00 01 65", hex_of(tag->body.subview(1990)));
}

TEST(rtmp_encoder, rounds_dts_and_pts_and_not_their_difference) {
  struct rounding_case {
    const char* name;
    int64_t dts_us, pts_us;
    int64_t dts_ms;
    int32_t composition_ms;
  };
  const rounding_case cases[] = {
      {"in order", 40000, 40000, 40, 0},          {"both round up", 33600, 66700, 34, 33},
      {"dts up, pts down", 33600, 66400, 34, 32}, {"dts down, pts up", 33400, 66600, 33, 34},
      {"pts before dts", 40000, 20000, 40, 0},    {"more than 24 bits hold", 0, 9'000'000'000'000, 0, 0x7fffff},
  };
  for (const rounding_case& one : cases) {
    SCOPED_TRACE(one.name);
    rtmp_encoder encoder("campush");
    encoder.set_description(only_video(codec_id::h264));
    owned_frame key = h264_key(0);
    key.frame.dts = time_point(duration(one.dts_us));
    key.frame.pts = time_point(duration(one.pts_us));
    const tag_ptr tag = encoder.encode(key.frame);
    ASSERT_TRUE(tag);
    EXPECT_EQ(at_ms(one.dts_ms), tag->dts);
    EXPECT_EQ(one.composition_ms, tag->composition_ms);
  }
}

TEST(rtmp_encoder, knows_pictures_that_nobody_refers_to) {
  struct disposable_case {
    const char* name;
    codec_id codec;
    const char* slice;
    bool is_flagged, is_disposable;
  };
  const disposable_case cases[] = {
      {"h264 reference", codec_id::h264, "41 9A 24", false, false},
      {"h264 nal_ref_idc 0", codec_id::h264, "01 9A 24", false, true},
      {"h264 said so by its source", codec_id::h264, "41 9A 24", true, true},
      {"h265 TRAIL_R", codec_id::h265, "02 01 D0", false, false},
      {"h265 TRAIL_N of the only layer", codec_id::h265, "00 01 D0", false, true},
      {"h264 keyframe whatever its source says", codec_id::h264, "65 9A 24", true, false},
      {"h265 IDR_N_LP, an even type above 16", codec_id::h265, "28 01 AF", false, false},
  };
  for (const disposable_case& one : cases) {
    SCOPED_TRACE(one.name);
    rtmp_encoder encoder("campush");
    encoder.set_description(only_video(one.codec));
    encoder.encode(one.codec == codec_id::h264 ? h264_key(0).frame : h265_key(0).frame);
    owned_frame picture(one.codec, annexb_of({one.slice}), 40, 40);
    picture.frame.is_disposable = one.is_flagged;
    const tag_ptr tag = encoder.encode(picture.frame);
    ASSERT_TRUE(tag);
    EXPECT_EQ(one.is_disposable, tag->is_disposable);
  }
}

TEST(rtmp_encoder, counts_and_drops_frames_before_the_headers_are_complete) {
  rtmp_encoder encoder("campush");
  EXPECT_FALSE(encoder.encode(h264_key(0).frame)) << "no description yet";
  encoder.set_description(h264_and_aac());
  EXPECT_FALSE(encoder.headers());
  EXPECT_FALSE(encoder.encode(h264_inter(40).frame));
  EXPECT_FALSE(encoder.encode(aac_frame(40).frame));
  EXPECT_TRUE(encoder.encode(h264_key(80).frame));
  EXPECT_TRUE(encoder.encode(aac_frame(80).frame));
  EXPECT_TRUE(encoder.headers()->is_complete());
  EXPECT_EQ(5u, encoder.counters().frames_in);
  EXPECT_EQ(2u, encoder.counters().tags_out);
  EXPECT_EQ(3u, encoder.counters().frames_without_headers);
  EXPECT_EQ(0u, encoder.counters().frames_malformed);
}

TEST(rtmp_encoder, makes_no_tag_of_what_is_no_frame) {
  struct malformed_case {
    const char* name;
    codec_id codec;
    std::vector<uint8_t> payload;
    uint64_t malformed;
  };
  const malformed_case cases[] = {
      {"empty picture", codec_id::h264, {}, 1},
      {"empty sound", codec_id::aac, {}, 1},
      {"nothing but zeroes", codec_id::h264, std::vector<uint8_t>(20), 1},
      {"a delimiter alone", codec_id::h264, annexb_of({"09 10"}), 1},
      {"sets alone, which are no fault", codec_id::h264, annexb_of({h264_sps, h264_pps}), 0},
      {"another codec than declared", codec_id::h265, annexb_of({"28 01 AF"}), 1},
      {"sound of another codec", codec_id::g711a, wire("D5 D5"), 1},
      {"larger than a message", codec_id::aac, std::vector<uint8_t>(0xffffff), 1},
      {"larger than a block", codec_id::h264, std::vector<uint8_t>(17u << 20, 1), 1},
  };
  for (const malformed_case& one : cases) {
    SCOPED_TRACE(one.name);
    rtmp_encoder encoder("campush");
    encoder.set_description(h264_and_aac());
    ASSERT_TRUE(encoder.encode(h264_key(0).frame));
    EXPECT_FALSE(encoder.encode(owned_frame(one.codec, one.payload, 40, 40).frame));
    EXPECT_EQ(one.malformed, encoder.counters().frames_malformed);
  }
}

TEST(rtmp_encoder, takes_parameter_sets_that_come_in_a_unit_of_their_own) {
  rtmp_encoder encoder("campush");
  encoder.set_description(only_video(codec_id::h264));
  EXPECT_FALSE(encoder.encode(owned_frame(codec_id::h264, annexb_of({h264_sps, h264_pps}), 0, 0).frame));
  EXPECT_TRUE(encoder.encode(owned_frame(codec_id::h264, annexb_of({"65 88 84"}), 0, 0).frame));
  EXPECT_TRUE(encoder.headers());
}

TEST(rtmp_encoder, says_in_metadata_what_the_stream_is) {
  rtmp_encoder encoder("campush test");
  encoder.set_description(h264_and_aac());
  encoder.encode(h264_key(0).frame);
  ASSERT_TRUE(encoder.headers());
  const amf0_value metadata = metadata_of(*encoder.headers(), video_dialect::enhanced);
  struct field {
    const char* name;
    double number;
  };
  // The dimensions are those of the SPS; the description said 640x360.
  const field fields[] = {{"duration", 0},         {"width", 1920},       {"height", 1080},
                          {"framerate", 25},       {"videocodecid", 7},   {"videodatarate", 4000},
                          {"audiocodecid", 10},    {"audiodatarate", 64}, {"audiosamplerate", 48000},
                          {"audiosamplesize", 16}, {"audiochannels", 2}};
  for (const field& one : fields) EXPECT_DOUBLE_EQ(one.number, number_of(metadata, one.name)) << one.name;
  ASSERT_TRUE(metadata.find("stereo"));
  EXPECT_TRUE(metadata.find("stereo")->boolean);
  EXPECT_EQ("campush test", metadata.text("encoder"));
  EXPECT_EQ(13u, metadata.properties.size());
  EXPECT_EQ(encoder.headers()->metadata[0], encoder.headers()->metadata[2]) << "one body serves all dialects";
}

TEST(rtmp_encoder, announces_the_rate_that_its_source_declares) {
  struct rate_case {
    const char* name;
    double declared, announced;
  };
  for (const rate_case& one : {rate_case{"paced by the configuration", 12.5, 12.5}, {"not known", 0, 25}}) {
    SCOPED_TRACE(one.name);
    rtmp_encoder encoder("campush");
    stream_description description = only_video(codec_id::h264);
    description.video->frame_rate = one.declared;
    encoder.set_description(description);
    encoder.encode(h264_key(0).frame);
    ASSERT_TRUE(encoder.headers());
    const amf0_value metadata = metadata_of(*encoder.headers(), video_dialect::legacy);
    EXPECT_DOUBLE_EQ(one.announced, number_of(metadata, "framerate")) << "the VUI says 25";
  }
}

TEST(rtmp_encoder, promises_no_sound_where_there_is_none) {
  rtmp_encoder encoder("campush");
  encoder.set_description(only_video(codec_id::h264));
  encoder.encode(h264_key(0).frame);
  ASSERT_TRUE(encoder.headers());
  const amf0_value metadata = metadata_of(*encoder.headers(), video_dialect::legacy);
  for (const char* name : {"audiocodecid", "audiosamplerate", "audiosamplesize", "audiochannels", "stereo"}) {
    EXPECT_FALSE(metadata.find(name)) << name;
  }
  EXPECT_FALSE(encoder.headers()->audio_header);
}

TEST(rtmp_encoder, describes_g711_as_8_khz_mono) {
  rtmp_encoder encoder("campush");
  encoder.set_description(only_audio(codec_id::g711u));
  ASSERT_TRUE(encoder.headers());
  const amf0_value metadata = metadata_of(*encoder.headers(), video_dialect::legacy);
  EXPECT_DOUBLE_EQ(8, number_of(metadata, "audiocodecid"));
  EXPECT_DOUBLE_EQ(8000, number_of(metadata, "audiosamplerate"));
  EXPECT_DOUBLE_EQ(16, number_of(metadata, "audiosamplesize"));
  EXPECT_FALSE(metadata.find("stereo")->boolean);
  EXPECT_FALSE(metadata.find("width"));
}

TEST(rtmp_encoder, sends_the_opus_head_of_the_encoder) {
  rtmp_encoder encoder("campush");
  stream_description description = only_audio(codec_id::opus);
  description.audio->channels = 2;
  description.audio->config = wire("4F 70 75 73 48 65 61 64 01 02 00 0F 80 BB 00 00 00 00 00");
  encoder.set_description(description);
  ASSERT_TRUE(encoder.headers());
  EXPECT_EQ("90 4F 70 75 73 4F 70 75 73 48 65 61 64 01 02 00 0F 80 BB 00 00 00 00 00",
            payload(encoder.headers()->audio_header));
  const amf0_value metadata = metadata_of(*encoder.headers(), video_dialect::legacy);
  EXPECT_DOUBLE_EQ(0x4f707573, number_of(metadata, "audiocodecid"));
  EXPECT_TRUE(metadata.find("stereo")->boolean);
}

TEST(rtmp_encoder, numbers_h265_by_dialect_in_metadata) {
  rtmp_encoder encoder("campush");
  encoder.set_description(only_video(codec_id::h265));
  encoder.encode(h265_key(0).frame);
  ASSERT_TRUE(encoder.headers());
  EXPECT_DOUBLE_EQ(1752589105, number_of(metadata_of(*encoder.headers(), video_dialect::enhanced), "videocodecid"));
  EXPECT_DOUBLE_EQ(12, number_of(metadata_of(*encoder.headers(), video_dialect::legacy12), "videocodecid"));
  EXPECT_FALSE(metadata_of(*encoder.headers(), video_dialect::legacy).find("videocodecid"));
}

// Level 4.1 instead of 4.0.
const char* const other_h264_sps = "67 64 00 29 AC B2 00 F0 04 4F CB 80 88 00 00 03 00 08 00 00 03 01 90 78 C1 92 40";
const char* const other_h265_sps =
    "42 01 01 01 60 00 00 03 00 90 00 00 03 00 00 03 00 7B A0 03 C0 80 10 E5 96 4A 92 4C AF 01 68 08 00 00 03 00 08 "
    "00 00 03 00 C8 40";

TEST(rtmp_encoder, renews_the_headers_when_h264_sets_change) {
  rtmp_encoder encoder("campush");
  encoder.set_description(h264_and_aac());
  encoder.encode(h264_key(0).frame);
  const auto before = encoder.headers();
  const owned_frame changed(codec_id::h264, annexb_of({other_h264_sps, h264_pps, "65 88 84"}), 40, 40);
  const tag_ptr tag = encoder.encode(changed.frame);
  EXPECT_EQ("17 01 00 00 00 00 00 00 03 65 88 84", payload(tag));
  ASSERT_NE(before, encoder.headers());
  EXPECT_EQ(before->generation + 1, encoder.headers()->generation);
  EXPECT_EQ(encoder.headers()->generation, tag->header_generation);
  EXPECT_NE(before->video_header, encoder.headers()->video_header);
  EXPECT_EQ(before->audio_header, encoder.headers()->audio_header) << "what did not change is the same tag";
  EXPECT_EQ(1u, encoder.counters().parameter_set_changes);
  EXPECT_EQ(0x29, encoder.headers()->video_header->body[3]);
}

TEST(rtmp_encoder, keeps_the_headers_when_sets_only_repeat) {
  rtmp_encoder encoder("campush");
  encoder.set_description(h264_and_aac());
  encoder.encode(h264_key(0).frame);
  const auto before = encoder.headers();
  for (int i = 1; i < 5; ++i) encoder.encode(h264_key(40 * i).frame);
  encoder.set_description(h264_and_aac());
  EXPECT_EQ(before, encoder.headers());
  EXPECT_EQ(0u, encoder.counters().parameter_set_changes);
}

TEST(rtmp_encoder, puts_changed_h265_sets_into_their_keyframe_once) {
  rtmp_encoder encoder("campush");
  encoder.set_description(only_video(codec_id::h265));
  encoder.encode(h265_key(0).frame);
  const auto changed = [](int64_t dts_ms) {
    return h265_frame({h265_vps, other_h265_sps, h265_pps, "4E 01 05 01 AA 80", "28 01 AF 10"}, dts_ms, dts_ms);
  };
  const std::string sei_and_slice = "00 00 00 06 4E 01 05 01 AA 80 00 00 00 04 28 01 AF 10";
  EXPECT_EQ("93 68 76 63 31 00 00 00 18 " + std::string(h265_vps) + " 00 00 00 2B " + other_h265_sps + " 00 00 00 07 " +
                h265_pps + " " + sei_and_slice,
            payload(encoder.encode(changed(40).frame), video_dialect::enhanced));
  EXPECT_EQ(2u, encoder.headers()->generation);
  EXPECT_EQ("93 68 76 63 31 " + sei_and_slice, payload(encoder.encode(changed(80).frame), video_dialect::enhanced));
  EXPECT_EQ(2u, encoder.headers()->generation);
}

TEST(rtmp_encoder, refers_to_a_picture_that_one_of_its_slices_refers_to) {
  rtmp_encoder encoder("campush");
  encoder.set_description(only_video(codec_id::h264));
  encoder.encode(h264_key(0).frame);
  const owned_frame mixed(codec_id::h264, annexb_of({"41 9A 24", "01 1A 24"}), 40, 40);
  EXPECT_FALSE(encoder.encode(mixed.frame)->is_disposable);
}

TEST(rtmp_encoder, holds_sound_back_too_while_new_headers_are_not_complete) {
  rtmp_encoder encoder("campush");
  encoder.set_description(h264_and_aac());
  encoder.encode(h264_key(0).frame);
  stream_description next = h264_and_aac();
  next.video->codec = codec_id::h265;
  encoder.set_description(next);
  EXPECT_FALSE(encoder.encode(aac_frame(20).frame));
  EXPECT_TRUE(encoder.encode(h265_key(40).frame));
  EXPECT_TRUE(encoder.encode(aac_frame(60).frame));
}

TEST(rtmp_encoder, keeps_the_headers_when_a_description_changes_nothing_in_them) {
  rtmp_encoder encoder("campush");
  stream_description description = h264_and_aac();
  encoder.set_description(description);
  encoder.encode(h264_key(0).frame);
  const auto before = encoder.headers();
  description.video->width = 320;
  encoder.set_description(description);
  EXPECT_TRUE(encoder.encode(h264_inter(40).frame));
  EXPECT_EQ(before, encoder.headers()) << "the width is that of the SPS all the same";
}

TEST(rtmp_encoder, changes_the_codec_when_the_description_does) {
  rtmp_encoder encoder("campush");
  encoder.set_description(only_video(codec_id::h264));
  encoder.encode(h264_key(0).frame);
  encoder.set_description(only_video(codec_id::h265));
  EXPECT_EQ(codec_id::h264, encoder.headers()->video_codec) << "the old ones, until the new ones are complete";
  EXPECT_FALSE(encoder.encode(h264_inter(40).frame));
  const tag_ptr key = encoder.encode(h265_key(80).frame);
  EXPECT_EQ("93 68 76 63 31 00 00 00 04 28 01 AF 10", payload(key, video_dialect::enhanced));
  EXPECT_EQ(codec_id::h265, encoder.headers()->video_codec);
  EXPECT_EQ(2u, encoder.headers()->generation);
  EXPECT_EQ(2u, key->header_generation);
}

TEST(flv_tag, moves_the_composition_time_against_the_dts) {
  rtmp_encoder encoder("campush");
  encoder.set_description(only_video(codec_id::h265));
  encoder.encode(h265_key(0).frame);
  const std::shared_ptr<flv_tag> tag = encoder.encode(h265_frame({"02 01 D0"}, 100, 140).frame);
  retime(*tag, at_ms(110));
  EXPECT_EQ("A1 68 76 63 31 00 00 1E", hex_of(tag->head(video_dialect::enhanced)));
  EXPECT_EQ("2C 01 00 00 1E", hex_of(tag->head(video_dialect::legacy12)));
  retime(*tag, at_ms(200));
  EXPECT_EQ(0, tag->composition_ms);
  EXPECT_EQ("A3 68 76 63 31", hex_of(tag->head(video_dialect::enhanced)));
}

}  // namespace
}  // namespace campush
