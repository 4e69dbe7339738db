#include "media/h264.h"

#include <gtest/gtest.h>

#include "fakes/wire_text.h"
#include "media/h264_slice.h"
#include "unit/media/nal_builder.h"

namespace campush {
namespace {

using bytes = std::vector<uint8_t>;

/// 1080p High@4.0, 25 fps (facts/rtmp 1.2).
const char full_hd_sps[] = "67640028acb200f0044fcb80880000030008000003019078c19240";
const char full_hd_pps[] = "68ebc3cb22c0";

TEST(h264_sps, reads_a_full_hd_set) {
  const auto sps = parse_h264_sps(wire(full_hd_sps));
  ASSERT_TRUE(sps) << sps.error().message;
  EXPECT_EQ(sps->profile_idc, 100);
  EXPECT_EQ(sps->level_idc, 40);
  EXPECT_EQ(sps->width, 1920u);
  EXPECT_EQ(sps->height, 1080u);
  EXPECT_DOUBLE_EQ(sps->frame_rate, 25);
  EXPECT_EQ(sps->chroma_format_idc, 1u);
  EXPECT_EQ(sps->bit_depth_luma, 8u);
  EXPECT_TRUE(sps->has_frame_mbs_only);
}

TEST(h264_sps, crops_in_the_units_of_the_chroma_format) {
  struct sample {
    const char* name;
    uint8_t profile_idc;
    uint32_t chroma_format_idc;
    bool has_frame_mbs_only;
    uint32_t width, height;
  };
  const sample samples[] = {
      {"4:2:0 frames", 77, 1, true, 320 - 2 * 3, 176 - 2 * 7},
      {"4:2:0 fields", 77, 1, false, 320 - 2 * 3, 352 - 4 * 7},
      {"4:2:2 frames", 100, 2, true, 320 - 2 * 3, 176 - 7},
      {"4:4:4 frames", 100, 3, true, 320 - 3, 176 - 7},
      {"monochrome fields", 100, 0, false, 320 - 3, 352 - 2 * 7},
  };
  for (const sample& s : samples) {
    SCOPED_TRACE(s.name);
    h264_sps_fields fields;
    fields.profile_idc = s.profile_idc;
    fields.chroma_format_idc = s.chroma_format_idc;
    fields.has_frame_mbs_only = s.has_frame_mbs_only;
    fields.has_crop = true;
    fields.crop_left = 1;
    fields.crop_right = 2;
    fields.crop_top = 3;
    fields.crop_bottom = 4;
    const auto sps = parse_h264_sps(fields.unit());
    ASSERT_TRUE(sps) << sps.error().message;
    EXPECT_EQ(sps->width, s.width);
    EXPECT_EQ(sps->height, s.height);
  }
}

TEST(h264_sps, says_how_deep_pictures_are_reordered) {
  struct sample {
    const char* name;
    h264_sps_fields fields;
    uint32_t reorder;
    bool has_limit;
  };
  const auto with = [](auto change) {
    h264_sps_fields fields;
    change(fields);
    return fields;
  };
  const sample samples[] = {
      {"limit in the VUI", with([](auto& f) { f.has_vui = true, f.reorder = 2; }), 2, true},
      {"VUI says none", with([](auto& f) { f.has_vui = true, f.reorder = 0; }), 0, true},
      {"VUI without limit: DPB size of level 3", with([](auto& f) { f.has_vui = true; }), 16, false},
      {"full HD at level 4", with([](auto& f) { f.level_idc = 40, f.width_mbs = 120, f.map_units = 68; }), 4, false},
      {"level 1b of Main",
       with([](auto& f) { f.level_idc = 11, f.constraint_flags = 0x10, f.width_mbs = 11, f.map_units = 9; }), 4, false},
      {"level 1.1 of Main", with([](auto& f) { f.level_idc = 11, f.width_mbs = 11, f.map_units = 9; }), 9, false},
      {"baseline", with([](auto& f) { f.profile_idc = 66; }), 0, false},
      {"count type 2", with([](auto& f) { f.poc_type = 2; }), 0, false},
      {"high intra", with([](auto& f) { f.profile_idc = 100, f.constraint_flags = 0x10; }), 0, false},
      {"no reference frames", with([](auto& f) { f.num_ref_frames = 0; }), 0, false},
  };
  for (const sample& s : samples) {
    SCOPED_TRACE(s.name);
    const auto sps = parse_h264_sps(s.fields.unit());
    ASSERT_TRUE(sps) << sps.error().message;
    EXPECT_EQ(sps->max_reorder_frames, s.reorder);
    EXPECT_EQ(sps->has_reorder_limit, s.has_limit);
  }
}

TEST(h264_sps, takes_the_frame_rate_from_the_vui) {
  struct sample {
    const char* name;
    uint32_t units_in_tick, time_scale;
    double rate;
  };
  const sample samples[] = {{"ntsc", 1001, 60000, 30000.0 / 1001},
                            {"30", 1, 60, 30},
                            {"zero tick", 0, 60, 0},
                            {"clock rate, not pictures", 1, 180000, 0}};
  for (const sample& s : samples) {
    SCOPED_TRACE(s.name);
    h264_sps_fields fields;
    fields.has_vui = true;
    fields.units_in_tick = s.units_in_tick;
    fields.time_scale = s.time_scale;
    const auto sps = parse_h264_sps(fields.unit());
    ASSERT_TRUE(sps);
    EXPECT_DOUBLE_EQ(sps->frame_rate, s.rate);
  }
}

TEST(h264_sps, refuses_what_it_cannot_use) {
  struct sample {
    const char* name;
    bytes unit;
    error_code code;
  };
  const auto with = [](auto change) {
    h264_sps_fields fields;
    change(fields);
    return fields.unit();
  };
  const sample samples[] = {
      {"nothing", {}, error_code::truncated},
      {"a PPS", wire(full_hd_pps), error_code::malformed},
      {"header alone", wire("67"), error_code::truncated},
      {"cut before the size", wire("67640028acb2"), error_code::truncated},
      {"sps_id 32", with([](auto& f) { f.sps_id = 32; }), error_code::malformed},
      {"count type 3", with([](auto& f) { f.poc_type = 3; }), error_code::malformed},
      {"17 reference frames", with([](auto& f) { f.num_ref_frames = 17; }), error_code::malformed},
      {"16400 wide", with([](auto& f) { f.width_mbs = 1025; }), error_code::too_big},
      {"2^32 - 1 macroblocks high", with([](auto& f) { f.map_units = UINT32_MAX; }), error_code::too_big},
      {"cropped to nothing", with([](auto& f) { f.has_crop = true, f.crop_left = 160; }), error_code::malformed},
      {"crop that wraps", with([](auto& f) { f.has_crop = true, f.crop_left = f.crop_right = 0x80000000; }),
       error_code::malformed},
  };
  for (const sample& s : samples) {
    SCOPED_TRACE(s.name);
    const auto sps = parse_h264_sps(s.unit);
    ASSERT_FALSE(sps);
    EXPECT_EQ(sps.error().code, s.code);
  }
}

TEST(h264_sps, goes_without_a_vui_that_is_cut_off) {
  const bytes whole = wire(full_hd_sps);
  const auto sps = parse_h264_sps(byte_view(whole).subview(0, 18));
  ASSERT_TRUE(sps);
  EXPECT_EQ(sps->width, 1920u);
  EXPECT_EQ(sps->frame_rate, 0);
  EXPECT_FALSE(sps->has_reorder_limit);
}

TEST(h264_pps, reads_ids_and_refuses_broken_sets) {
  const auto pps = parse_h264_pps(h264_pps_unit(7, 3, true));
  ASSERT_TRUE(pps);
  EXPECT_EQ(pps->pps_id, 7u);
  EXPECT_EQ(pps->sps_id, 3u);
  EXPECT_TRUE(pps->has_bottom_field_pic_order);
  EXPECT_EQ(parse_h264_pps(byte_view{}).error().code, error_code::truncated);
  EXPECT_EQ(parse_h264_pps(wire("68")).error().code, error_code::truncated);
  EXPECT_EQ(parse_h264_pps(wire(full_hd_sps)).error().code, error_code::malformed);
  EXPECT_EQ(parse_h264_pps(h264_pps_unit(256, 0)).error().code, error_code::malformed);
  EXPECT_EQ(parse_h264_pps(h264_pps_unit(0, 32)).error().code, error_code::malformed);
}

TEST(h264_pps, reads_behind_slice_group_maps) {
  for (uint32_t type = 0; type <= 6; ++type) {
    SCOPED_TRACE(type);
    nal_builder nal({0x68});
    nal.ue(1).ue(2).flag(false).flag(false).ue(2).ue(type);
    if (type == 0) nal.ue(1).ue(2).ue(3);
    if (type == 2) nal.ue(1).ue(2).ue(3).ue(4);
    if (type >= 3 && type <= 5) nal.flag(true).ue(9);
    if (type == 6) nal.ue(98).bits(0, 64).bits(0, 64).bits(0, 64).bits(0, 6);
    nal.ue(4).ue(5).flag(true).bits(2, 2).se(0).se(0).se(0).flag(true).flag(false).flag(true);
    const auto pps = parse_h264_pps(nal.unit());
    ASSERT_TRUE(pps);
    EXPECT_EQ(pps->ref_idx_active[0], 5u);
    EXPECT_EQ(pps->ref_idx_active[1], 6u);
    EXPECT_TRUE(pps->has_weighted_pred);
    EXPECT_EQ(pps->weighted_bipred_idc, 2u);
    EXPECT_TRUE(pps->has_redundant_pic_cnt);
  }
}

TEST(h264_slice_header, finds_operation_5_behind_lists_and_weights) {
  h264_sps sps;
  h264_pps pps;
  pps.has_weighted_pred = true;
  pps.ref_idx_active = {1, 1};
  nal_builder nal({0x61});
  nal.ue(0).ue(0).ue(0).bits(3, 4).bits(6, 4);
  nal.flag(true).ue(1);
  nal.flag(true).ue(0).ue(4).ue(3);
  nal.ue(5).ue(5).flag(true).se(-3).se(2).flag(true).se(1).se(2).se(3).se(4).flag(false).flag(false);
  nal.flag(true).ue(1).ue(0).ue(3).ue(0).ue(1).ue(5).ue(0).bits(0xffff, 16);
  const auto slice = parse_h264_slice_header(nal.unit(), sps, pps);
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice->frame_num, 3u);
  EXPECT_EQ(slice->poc_lsb, 6u);
  EXPECT_TRUE(slice->resets_order);
}

TEST(h264_slice_header, refuses_what_has_none) {
  const h264_sps sps;
  const h264_pps pps;
  EXPECT_EQ(parse_h264_slice_header({}, sps, pps).error().code, error_code::malformed);
  EXPECT_EQ(parse_h264_slice_header(wire("65"), sps, pps).error().code, error_code::truncated);
  EXPECT_EQ(parse_h264_slice_header(wire("0688"), sps, pps).error().code, error_code::malformed);
  EXPECT_EQ(read_h264_slice_pps_id(wire("65")).error().code, error_code::truncated);
  EXPECT_EQ(read_h264_slice_pps_id(wire("6588")).value_or(99), 99u);
}

TEST(make_avcc, writes_what_ffmpeg_writes_for_the_same_sets) {
  const auto record = make_avcc(wire(full_hd_sps), wire(full_hd_pps));
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(
      *record,
      wire("01 64 00 28 FF E1 00 1B 67 64 00 28 AC B2 00 F0 04 4F CB 80 88 00 00 03 00 08 00 00 03 01 90 78 C1 92 40"
           "01 00 06 68 EB C3 CB 22 C0   FD F8 F8 00"));
}

TEST(make_avcc, leaves_out_the_extension_for_the_old_profiles) {
  for (const uint8_t profile_idc : {uint8_t{66}, uint8_t{77}, uint8_t{88}}) {
    h264_sps_fields fields;
    fields.profile_idc = profile_idc;
    const bytes sps = fields.unit(), pps = h264_pps_unit();
    const auto record = make_avcc(sps, pps);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->size(), 6 + 2 + sps.size() + 1 + 2 + pps.size());
    EXPECT_EQ(record->back(), pps.back());
  }
}

TEST(make_avcc, states_the_real_chroma_format) {
  h264_sps_fields fields;
  fields.profile_idc = 100;
  fields.chroma_format_idc = 2;
  const auto record = make_avcc(fields.unit(), h264_pps_unit());
  ASSERT_TRUE(record);
  const byte_view extension = byte_view(*record).subview(record->size() - 4);
  EXPECT_EQ(extension.to_vector(), wire("fe f8 f8 00"));
  fields.bit_depth_luma = 10;
  fields.bit_depth_chroma = 9;
  const auto deep = make_avcc(fields.unit(), h264_pps_unit());
  ASSERT_TRUE(deep);
  EXPECT_EQ(byte_view(*deep).subview(deep->size() - 4).to_vector(), wire("fe fa f9 00"));
}

TEST(make_avcc, refuses_broken_sets) {
  const bytes sps = wire(full_hd_sps);
  EXPECT_EQ(make_avcc({}, wire(full_hd_pps)).error().code, error_code::truncated);
  EXPECT_EQ(make_avcc(wire(full_hd_pps), wire(full_hd_pps)).error().code, error_code::malformed);
  EXPECT_EQ(make_avcc(sps, {}).error().code, error_code::malformed);
  EXPECT_EQ(make_avcc(sps, bytes(65536, 0x68)).error().code, error_code::too_big);
}

}  // namespace
}  // namespace campush
