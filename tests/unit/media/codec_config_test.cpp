#include "media/codec_config.h"

#include <gtest/gtest.h>

#include "unit/media/nal_builder.h"

namespace campush {
namespace {

using bytes = std::vector<uint8_t>;

h264_sps_fields sized(uint32_t width_mbs, uint32_t sps_id = 0) {
  h264_sps_fields fields;
  fields.width_mbs = width_mbs;
  fields.sps_id = sps_id;
  return fields;
}

bytes keyframe(uint32_t pps_id) {
  h264_slice_fields slice;
  slice.is_idr = true;
  slice.slice_type = 7;
  slice.pps_id = pps_id;
  return slice.unit(h264_sps_fields{});
}

TEST(codec_config, is_complete_once_all_sets_are_there_in_any_order) {
  const bytes sps = sized(20).unit(), pps = h264_pps_unit();
  for (const bool is_sps_first : {true, false}) {
    codec_config config(codec_id::h264);
    config.feed(is_sps_first ? sps : pps);
    EXPECT_FALSE(config.is_complete());
    EXPECT_EQ(config.version(), 0u);
    config.feed(is_sps_first ? pps : sps);
    EXPECT_TRUE(config.is_complete());
    EXPECT_EQ(config.version(), 1u);
    EXPECT_EQ(config.record().to_vector(), make_avcc(sps, pps).value());
    EXPECT_EQ(config.width(), 320u);
    EXPECT_EQ(config.height(), 176u);
  }
}

TEST(codec_config, needs_a_vps_for_h265) {
  h265_sps_fields fields;
  fields.units_in_tick = 1;
  fields.time_scale = 25;
  fields.max_sub_layers = 2;
  const bytes vps = h265_vps_unit(), sps = fields.unit(), pps = h265_pps_unit();
  codec_config config(codec_id::h265);
  config.feed(sps);
  config.feed(pps);
  EXPECT_FALSE(config.is_complete());
  config.feed(vps);
  ASSERT_TRUE(config.is_complete());
  EXPECT_EQ(config.record().to_vector(), make_hvcc(vps, sps, pps).value());
  EXPECT_EQ(config.frame_rate(), 25);
  EXPECT_EQ(config.max_reorder_pictures(), 2u);
  EXPECT_EQ(config.highest_temporal_id(), 1);
}

TEST(codec_config, changes_its_version_only_with_the_bytes) {
  codec_config config(codec_id::h264);
  const bytes sps = sized(20).unit(), pps = h264_pps_unit();
  for (int i = 0; i < 5; ++i) {
    config.feed(sps);
    config.feed(pps);
    config.feed(keyframe(0));
  }
  EXPECT_EQ(config.version(), 1u);
  config.feed(sized(40).unit());
  EXPECT_EQ(config.version(), 2u);
  EXPECT_EQ(config.width(), 640u);
  EXPECT_EQ(config.record().to_vector(), make_avcc(sized(40).unit(), pps).value());
  config.feed(sps);
  EXPECT_EQ(config.version(), 3u);
  EXPECT_EQ(config.width(), 320u);
}

TEST(codec_config, takes_sets_of_another_id_when_a_keyframe_uses_them) {
  codec_config config(codec_id::h264);
  config.feed(sized(20).unit());
  config.feed(h264_pps_unit());
  config.feed(sized(40, 1).unit());
  config.feed(h264_pps_unit(1, 1));
  config.feed(keyframe(0));
  EXPECT_EQ(config.version(), 1u);
  EXPECT_EQ(config.width(), 320u);
  config.feed(keyframe(1));
  EXPECT_EQ(config.version(), 2u);
  EXPECT_EQ(config.width(), 640u);
  EXPECT_EQ(config.record().to_vector(), make_avcc(sized(40, 1).unit(), h264_pps_unit(1, 1)).value());
  config.feed(keyframe(1));
  config.feed(keyframe(9));
  EXPECT_EQ(config.version(), 2u);
}

TEST(codec_config, takes_h265_sets_of_another_id_when_a_keyframe_uses_them) {
  codec_config config(codec_id::h265);
  h265_sps_fields second;
  second.sps_id = 1;
  second.vps_id = 1;
  second.width = 640;
  const h265_sps_fields first;
  for (const bytes& unit :
       {h265_vps_unit(), first.unit(), h265_pps_unit(), h265_vps_unit(1), second.unit(), h265_pps_unit(5, 1)}) {
    config.feed(unit);
  }
  EXPECT_EQ(config.width(), 320u);
  h265_slice_fields slice;
  slice.type = h265_nal::cra;
  slice.pps_id = 5;
  config.feed(slice.unit(second));
  EXPECT_EQ(config.width(), 640u);
  EXPECT_EQ(config.version(), 2u);
}

TEST(codec_config, keeps_the_old_set_when_a_new_one_is_broken) {
  codec_config config(codec_id::h264);
  config.feed(sized(20).unit());
  config.feed(h264_pps_unit());
  const bytes record = config.record().to_vector();
  config.feed(sized(1025).unit());
  config.feed(bytes{0x67});
  config.feed(bytes{0x68});
  config.feed(bytes(20000, 0x68));
  EXPECT_EQ(config.broken_sets(), 4u);
  EXPECT_EQ(config.version(), 1u);
  EXPECT_EQ(config.record().to_vector(), record);
}

TEST(codec_config, remembers_a_bounded_number_of_sets) {
  codec_config config(codec_id::h264);
  config.feed(sized(20).unit());
  for (uint32_t id = 0; id < 256; ++id) config.feed(h264_pps_unit(id, 0));
  EXPECT_EQ(config.broken_sets(), 256u - 31u);
  EXPECT_TRUE(config.is_complete());
}

TEST(codec_config, ignores_empty_units_and_other_layers) {
  codec_config config(codec_id::h265);
  config.feed({});
  bytes layer_1_sps = h265_sps_fields{}.unit();
  layer_1_sps[1] = 0x09;
  config.feed(layer_1_sps);
  config.feed(bytes{0x42});
  EXPECT_EQ(config.broken_sets(), 0u);
  EXPECT_FALSE(config.is_complete());
}

TEST(inspect_access_unit, tells_keyframes_and_disposable_pictures) {
  struct sample {
    const char* name;
    codec_id codec;
    std::vector<bytes> units;
    bool has_picture, is_keyframe, is_disposable;
  };
  const sample samples[] = {
      {"h264 IDR behind sets", codec_id::h264, {{0x67, 1}, {0x68, 1}, {0x65, 0x88}}, true, true, false},
      {"h264 reference", codec_id::h264, {{0x41, 0x9a}}, true, false, false},
      {"h264 non-reference", codec_id::h264, {{0x01, 0x9e}, {0x01, 0x40}}, true, false, true},
      {"h264 one slice is referred to", codec_id::h264, {{0x01, 0x9e}, {0x21, 0x40}}, true, false, false},
      {"h264 sets alone", codec_id::h264, {{0x67, 1}, {0x68, 1}, {0x09, 0x10}}, false, false, false},
      {"h265 IDR", codec_id::h265, {{0x40, 1, 1}, {0x26, 1, 0xaf}}, true, true, false},
      {"h265 CRA", codec_id::h265, {{0x2a, 1, 0xaf}}, true, true, false},
      {"h265 trailing reference", codec_id::h265, {{0x02, 1, 0xd0}}, true, false, false},
      {"h265 trailing non-reference", codec_id::h265, {{0x00, 1, 0xd0}}, true, false, true},
      {"h265 RASL non-reference", codec_id::h265, {{0x10, 1, 0xd0}}, true, false, true},
      {"h265 other layer alone", codec_id::h265, {{0x02, 9, 0xd0}}, false, false, false},
      {"audio is no picture", codec_id::aac, {{0x65, 0x88}}, false, false, false},
  };
  for (const sample& s : samples) {
    SCOPED_TRACE(s.name);
    const access_unit_info info = inspect_access_unit(s.codec, annexb_of(s.units));
    EXPECT_EQ(info.has_picture, s.has_picture);
    EXPECT_EQ(info.is_keyframe, s.is_keyframe);
    EXPECT_EQ(info.is_disposable, s.is_disposable);
  }
}

TEST(inspect_access_unit, keeps_lower_temporal_layers_that_higher_ones_may_need) {
  const bytes low = annexb_of({{0x00, 1, 0xd0}}), high = annexb_of({{0x00, 3, 0xd0}});
  EXPECT_FALSE(inspect_access_unit(codec_id::h265, low, 2).is_disposable);
  EXPECT_TRUE(inspect_access_unit(codec_id::h265, high, 2).is_disposable);
}

TEST(inspect_access_unit, survives_empty_input_and_single_units) {
  EXPECT_FALSE(inspect_access_unit(codec_id::h264, {}).has_picture);
  EXPECT_FALSE(inspect_access_unit(codec_id::h265, annexb_of({{0x26}})).has_picture);
  EXPECT_TRUE(inspect_access_unit(codec_id::h264, bytes{0x65, 0x88}).is_keyframe);
}

}  // namespace
}  // namespace campush
