#include "media/h265.h"

#include <gtest/gtest.h>

#include "fakes/wire_text.h"
#include "unit/media/nal_builder.h"

namespace campush {
namespace {

using bytes = std::vector<uint8_t>;

/// 1080p Main@4.0, 25 fps (facts/rtmp 2.1).
const char full_hd_vps[] = "40010C01FFFF016000000300900000030000030078928090";
const char full_hd_sps[] = "420101016000000300900000030000030078A003C08010E5964A924CAF016808000003000800000300C840";
const char full_hd_pps[] = "4401C172B46240";

TEST(h265_sps, reads_a_full_hd_set) {
  const auto sps = parse_h265_sps(wire(full_hd_sps));
  ASSERT_TRUE(sps) << sps.error().message;
  EXPECT_EQ(sps->profile_idc, 1);
  EXPECT_EQ(sps->profile_compatibility, 0x60000000u);
  EXPECT_EQ(sps->constraint_flags, 0x900000000000u);
  EXPECT_EQ(sps->level_idc, 120);
  EXPECT_EQ(sps->max_sub_layers, 1u);
  EXPECT_TRUE(sps->is_temporal_id_nested);
  EXPECT_EQ(sps->width, 1920u);
  EXPECT_EQ(sps->height, 1080u);
  EXPECT_EQ(sps->bit_depth_luma, 8u);
  EXPECT_DOUBLE_EQ(sps->frame_rate, 25);
}

TEST(h265_sps, applies_the_conformance_window_in_chroma_units) {
  struct sample {
    const char* name;
    uint32_t chroma_format_idc, width, height;
  };
  const sample samples[] = {{"monochrome", 0, 320 - 3, 176 - 7},
                            {"4:2:0", 1, 320 - 6, 176 - 14},
                            {"4:2:2", 2, 320 - 6, 176 - 7},
                            {"4:4:4", 3, 320 - 3, 176 - 7}};
  for (const sample& s : samples) {
    SCOPED_TRACE(s.name);
    h265_sps_fields fields;
    fields.chroma_format_idc = s.chroma_format_idc;
    fields.has_window = true;
    fields.left = 1;
    fields.right = 2;
    fields.top = 3;
    fields.bottom = 4;
    const auto sps = parse_h265_sps(fields.unit());
    ASSERT_TRUE(sps) << sps.error().message;
    EXPECT_EQ(sps->width, s.width);
    EXPECT_EQ(sps->height, s.height);
  }
}

TEST(h265_sps, reads_behind_sub_layers_and_reference_sets) {
  h265_sps_fields fields;
  fields.vps_id = 5;
  fields.max_sub_layers = 3;
  fields.sps_id = 4;
  fields.bit_depth = 10;
  fields.reorder = 3;
  fields.units_in_tick = 1001;
  fields.time_scale = 30000;
  const auto sps = parse_h265_sps(fields.unit());
  ASSERT_TRUE(sps) << sps.error().message;
  EXPECT_EQ(sps->vps_id, 5u);
  EXPECT_EQ(sps->sps_id, 4u);
  EXPECT_EQ(sps->max_sub_layers, 3u);
  EXPECT_EQ(sps->bit_depth_luma, 10u);
  EXPECT_EQ(sps->max_reorder_pictures, 3u);
  EXPECT_DOUBLE_EQ(sps->frame_rate, 30000.0 / 1001);
}

TEST(h265_sps, refuses_what_it_cannot_use) {
  struct sample {
    const char* name;
    bytes unit;
    error_code code;
  };
  const auto with = [](auto change) {
    h265_sps_fields fields;
    change(fields);
    return fields.unit();
  };
  const bytes whole = wire(full_hd_sps);
  const sample samples[] = {
      {"nothing", {}, error_code::truncated},
      {"one byte", wire("42"), error_code::truncated},
      {"a PPS", wire(full_hd_pps), error_code::malformed},
      {"cut before the size", byte_view(whole).subview(0, 18).to_vector(), error_code::truncated},
      {"eight sub-layers", with([](auto& f) { f.max_sub_layers = 8; }), error_code::malformed},
      {"sps_id 16", with([](auto& f) { f.sps_id = 16; }), error_code::malformed},
      {"chroma format 4", with([](auto& f) { f.chroma_format_idc = 4; }), error_code::malformed},
      {"17 bits", with([](auto& f) { f.bit_depth = 17; }), error_code::malformed},
      {"16385 high", with([](auto& f) { f.height = 16385; }), error_code::too_big},
      {"no width", with([](auto& f) { f.width = 0; }), error_code::malformed},
      {"window over the picture", with([](auto& f) { f.has_window = true, f.left = f.right = 0x80000000; }),
       error_code::malformed},
  };
  for (const sample& s : samples) {
    SCOPED_TRACE(s.name);
    const auto sps = parse_h265_sps(s.unit);
    ASSERT_FALSE(sps);
    EXPECT_EQ(sps.error().code, s.code);
  }
}

TEST(h265_sps, goes_without_timing_that_is_cut_off) {
  const bytes whole = wire(full_hd_sps);
  const auto sps = parse_h265_sps(byte_view(whole).subview(0, 31));
  ASSERT_TRUE(sps) << sps.error().message;
  EXPECT_EQ(sps->width, 1920u);
  EXPECT_EQ(sps->frame_rate, 0);
}

TEST(h265_pps, reads_ids_and_slice_header_bits) {
  const auto pps = parse_h265_pps(h265_pps_unit(9, 4, 2));
  ASSERT_TRUE(pps);
  EXPECT_EQ(pps->pps_id, 9u);
  EXPECT_EQ(pps->sps_id, 4u);
  EXPECT_EQ(pps->extra_slice_header_bits, 2u);
  EXPECT_EQ(parse_h265_pps(wire("4401")).error().code, error_code::truncated);
  EXPECT_EQ(parse_h265_pps(wire("44")).error().code, error_code::truncated);
  EXPECT_EQ(parse_h265_pps(h265_pps_unit(64, 0)).error().code, error_code::malformed);
  EXPECT_EQ(parse_h265_pps(wire(full_hd_sps)).error().code, error_code::malformed);
}

TEST(h265_slice_header, reads_the_count_behind_the_output_flag) {
  h265_sps sps;
  sps.log2_max_poc_lsb = 8;
  h265_pps pps;
  pps.has_output_flag = true;
  // A first TRAIL_R segment of PPS 0, a P slice, shown, count 0xa5.
  const auto unit = nal_builder({0x02, 0x01}).flag(true).ue(0).ue(1).flag(true).bits(0xa5, 8).bits(0x5a, 8).unit();
  const auto slice = parse_h265_slice_header(unit, sps, pps);
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice->poc_lsb, 0xa5u);
}

TEST(h265_slice_header, reads_the_count_behind_the_extra_bits) {
  const h265_sps_fields stream;
  h265_sps sps;
  sps.log2_max_poc_lsb = stream.log2_max_poc_lsb;
  h265_pps pps;
  pps.extra_slice_header_bits = 2;
  h265_slice_fields fields;
  fields.type = h265_nal::cra;
  fields.temporal_id = 1;
  fields.poc_lsb = 77;
  fields.extra_bits = 2;
  const auto slice = parse_h265_slice_header(fields.unit(stream), sps, pps);
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice->poc_lsb, 77u);
  EXPECT_EQ(slice->temporal_id, 1);
  fields.is_first = false;
  EXPECT_EQ(parse_h265_slice_header(fields.unit(stream), sps, pps).error().code, error_code::malformed);
  EXPECT_EQ(parse_h265_slice_header(wire("2a"), sps, pps).error().code, error_code::truncated);
  EXPECT_EQ(parse_h265_slice_header(wire("4201ff"), sps, pps).error().code, error_code::malformed);
}

TEST(make_hvcc, writes_what_ffmpeg_writes_for_the_same_sets) {
  const auto record = make_hvcc(wire(full_hd_vps), wire(full_hd_sps), wire(full_hd_pps));
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(*record, wire("01 01 60 00 00 00 90 00 00 00 00 00 78 F0 00 FC FD F8 F8 00 00 0F 03"
                          "20 00 01 00 18 40 01 0C 01 FF FF 01 60 00 00 03 00 90 00 00 03 00 00 03 00 78 92 80 90"
                          "21 00 01 00 2B 42 01 01 01 60 00 00 03 00 90 00 00 03 00 00 03 00 78 A0 03 C0 80 10 E5 96 "
                          "4A 92 4C AF 01 68 08 00 "
                          "00 03 00 08 00 00 03 00 C8 40"
                          "22 00 01 00 07 44 01 C1 72 B4 62 40"));
}

TEST(make_hvcc, states_depth_chroma_and_layers) {
  h265_sps_fields fields;
  fields.bit_depth = 10;
  fields.chroma_format_idc = 2;
  fields.max_sub_layers = 3;
  const auto record = make_hvcc(h265_vps_unit(), fields.unit(), h265_pps_unit());
  ASSERT_TRUE(record);
  EXPECT_EQ(byte_view(*record).subview(16, 3).to_vector(), wire("fe fa fa"));
  EXPECT_EQ((*record)[21], 3 << 3 | 4 | 3);
}

TEST(make_hvcc, refuses_broken_sets) {
  const bytes vps = h265_vps_unit(), sps = h265_sps_fields{}.unit(), pps = h265_pps_unit();
  EXPECT_EQ(make_hvcc(vps, {}, pps).error().code, error_code::truncated);
  EXPECT_EQ(make_hvcc(vps, pps, pps).error().code, error_code::malformed);
  EXPECT_EQ(make_hvcc(wire("40"), sps, pps).error().code, error_code::malformed);
  EXPECT_EQ(make_hvcc(vps, sps, {}).error().code, error_code::malformed);
  EXPECT_EQ(make_hvcc(vps, sps, bytes(65536, 0x44)).error().code, error_code::too_big);
}

}  // namespace
}  // namespace campush
