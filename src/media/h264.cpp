#include "media/h264.h"

#include <algorithm>

#include "media/bit_reader.h"
#include "util/byte_writer.h"

namespace campush {
namespace {

constexpr uint32_t max_side = 16384;
constexpr double max_frame_rate = 1000;

/// Profiles whose SPS carries chroma format and bit depths (7.3.2.1.1).
constexpr uint8_t extended_profiles[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
/// Profiles that are intra-only when constraint_set3_flag is 1 (A.2.8 to A.2.11, E.2.1).
constexpr uint8_t intra_profiles[] = {44, 86, 100, 110, 122, 244};
/// Profiles whose avcC has no High extension bytes.
constexpr uint8_t plain_profiles[] = {66, 77, 88};

struct level_limit {
  uint8_t level_idc;
  uint32_t max_dpb_mbs;
};
/// Table A-1; level 1b of the old profiles (11 with constraint_set3) has 396.
constexpr level_limit level_limits[] = {{9, 396},     {10, 396},    {11, 900},    {12, 2376},   {13, 2376},
                                        {20, 2376},   {21, 4752},   {22, 8100},   {30, 8100},   {31, 18000},
                                        {32, 20480},  {40, 32768},  {41, 32768},  {42, 34816},  {50, 110400},
                                        {51, 184320}, {52, 184320}, {60, 696320}, {61, 696320}, {62, 696320}};

template <size_t N>
bool contains(const uint8_t (&profiles)[N], uint8_t profile_idc) noexcept {
  return std::find(std::begin(profiles), std::end(profiles), profile_idc) != std::end(profiles);
}

void skip_scaling_list(bit_reader& reader, unsigned size) noexcept {
  int32_t last = 8, next = 8;
  for (unsigned i = 0; i < size && !reader.failed(); ++i) {
    if (next != 0) next = (last + reader.read_se() % 256 + 256) % 256;
    if (next != 0) last = next;
  }
}

void read_format(bit_reader& reader, h264_sps& sps) noexcept {
  sps.chroma_format_idc = reader.read_ue(3);
  if (sps.chroma_format_idc == 3) sps.has_separate_colour_planes = reader.read_flag();
  sps.bit_depth_luma = 8 + reader.read_ue(6);
  sps.bit_depth_chroma = 8 + reader.read_ue(6);
  reader.read_flag();
  if (!reader.read_flag()) return;
  const unsigned lists = sps.chroma_format_idc == 3 ? 12 : 8;
  for (unsigned i = 0; i < lists && !reader.failed(); ++i) {
    if (reader.read_flag()) skip_scaling_list(reader, i < 6 ? 16 : 64);
  }
}

void read_order_count(bit_reader& reader, h264_sps& sps) {
  sps.log2_max_frame_num = 4 + reader.read_ue(12);
  sps.pic_order_cnt_type = reader.read_ue(2);
  if (sps.pic_order_cnt_type == 0) sps.log2_max_poc_lsb = 4 + reader.read_ue(12);
  if (sps.pic_order_cnt_type != 1) return;
  sps.has_delta_pic_order_always_zero = reader.read_flag();
  sps.offset_for_non_ref_pic = reader.read_se();
  sps.offset_for_top_to_bottom_field = reader.read_se();
  const uint32_t cycle = reader.read_ue(255);
  for (uint32_t i = 0; i < cycle && !reader.failed(); ++i) sps.offset_for_ref_frame.push_back(reader.read_se());
}

struct frame_size {
  uint64_t width_mbs = 0, height_mbs = 0;
  uint32_t crop_left = 0, crop_right = 0, crop_top = 0, crop_bottom = 0;
};

frame_size read_frame_size(bit_reader& reader, h264_sps& sps) noexcept {
  frame_size size;
  size.width_mbs = uint64_t{reader.read_ue()} + 1;
  size.height_mbs = uint64_t{reader.read_ue()} + 1;
  sps.has_frame_mbs_only = reader.read_flag();
  if (!sps.has_frame_mbs_only) {
    size.height_mbs *= 2;
    reader.read_flag();
  }
  reader.read_flag();
  if (!reader.read_flag()) return size;
  for (uint32_t* side : {&size.crop_left, &size.crop_right, &size.crop_top, &size.crop_bottom})
    *side = reader.read_ue();
  return size;
}

/// 6.2, 7.4.2.1.1: cropping counts chroma samples, and pairs of lines where fields are possible.
result<void> apply_frame_size(const frame_size& size, h264_sps& sps) {
  const uint64_t width = size.width_mbs * 16, height = size.height_mbs * 16;
  if (width > max_side || height > max_side)
    return fail(error_code::too_big, "H.264 picture over 16384 samples a side");
  const bool has_chroma = sps.chroma_format_idc != 0 && !sps.has_separate_colour_planes;
  const uint64_t unit_x = has_chroma && sps.chroma_format_idc != 3 ? 2 : 1;
  const uint64_t unit_y = (has_chroma && sps.chroma_format_idc == 1 ? 2 : 1) * (sps.has_frame_mbs_only ? 1 : 2);
  const uint64_t cut_x = (uint64_t{size.crop_left} + size.crop_right) * unit_x;
  const uint64_t cut_y = (uint64_t{size.crop_top} + size.crop_bottom) * unit_y;
  if (cut_x >= width || cut_y >= height) return fail(error_code::malformed, "H.264 cropping leaves no picture");
  sps.width = static_cast<uint32_t>(width - cut_x);
  sps.height = static_cast<uint32_t>(height - cut_y);
  return {};
}

void skip_hrd(bit_reader& reader) noexcept {
  const uint32_t count = 1 + reader.read_ue(31);
  reader.skip_bits(8);
  for (uint32_t i = 0; i < count && !reader.failed(); ++i) {
    reader.skip_ue(2);
    reader.read_flag();
  }
  reader.skip_bits(20);
}

/// Annex E.1.1, into a copy that counts only if all of it could be read.
void read_vui(bit_reader& reader, h264_sps& sps) noexcept {
  constexpr uint32_t extended_sar = 255;
  if (reader.read_flag() && reader.read_bits(8) == extended_sar) reader.skip_bits(32);
  if (reader.read_flag()) reader.read_flag();
  if (reader.read_flag()) {
    reader.skip_bits(4);
    if (reader.read_flag()) reader.skip_bits(24);
  }
  if (reader.read_flag()) reader.skip_ue(2);
  double rate = 0;
  if (reader.read_flag()) {
    const uint32_t units_in_tick = reader.read_bits(32), time_scale = reader.read_bits(32);
    if (units_in_tick != 0) rate = static_cast<double>(time_scale) / 2 / units_in_tick;
    reader.read_flag();
  }
  const bool has_nal_hrd = reader.read_flag();
  if (has_nal_hrd) skip_hrd(reader);
  const bool has_vcl_hrd = reader.read_flag();
  if (has_vcl_hrd) skip_hrd(reader);
  if (has_nal_hrd || has_vcl_hrd) reader.read_flag();
  reader.read_flag();
  const bool has_restriction = reader.read_flag();
  uint32_t reorder = 0;
  if (has_restriction) {
    reader.read_flag();
    reader.skip_ue(4);
    reorder = reader.read_ue(16);
    reader.read_ue(16);
  }
  if (reader.failed()) return;
  if (rate <= max_frame_rate) sps.frame_rate = rate;
  sps.has_reorder_limit = has_restriction;
  sps.max_reorder_frames = reorder;
}

/// C.4.5.3 with E.2.1: what max_num_reorder_frames is when the VUI does not say it.
uint32_t derive_reorder(const h264_sps& sps, const frame_size& size) noexcept {
  constexpr uint8_t baseline = 66, constraint_set3 = 0x10;
  const bool is_intra_only = contains(intra_profiles, sps.profile_idc) && (sps.constraint_flags & constraint_set3) != 0;
  // Baseline has no B slices; count type 2 is decoding order; without reference frames all pictures are intra.
  if (is_intra_only || sps.profile_idc == baseline || sps.pic_order_cnt_type == 2 || sps.max_num_ref_frames == 0)
    return 0;
  const bool is_level_1b =
      sps.level_idc == 11 && contains(plain_profiles, sps.profile_idc) && (sps.constraint_flags & constraint_set3) != 0;
  const uint8_t level = is_level_1b ? 9 : sps.level_idc;
  for (const level_limit& limit : level_limits) {
    if (limit.level_idc != level) continue;
    return static_cast<uint32_t>(std::min<uint64_t>(limit.max_dpb_mbs / (size.width_mbs * size.height_mbs), 16));
  }
  return sps.max_num_ref_frames;
}

/// 7.3.2.2: slice group maps of flexible macroblock ordering (Baseline and Extended only).
void skip_slice_groups(bit_reader& reader, uint32_t groups) noexcept {
  const uint32_t type = reader.read_ue(6);
  if (type == 0) reader.skip_ue(groups);
  if (type == 2) reader.skip_ue(2 * (groups - 1));
  if (type >= 3 && type <= 5) {
    reader.read_flag();
    reader.read_ue();
  }
  if (type != 6) return;
  constexpr uint32_t max_map_units = (max_side / 16) * (max_side / 16);
  const size_t id_bits = groups > 4 ? 3 : groups > 2 ? 2 : 1;
  const size_t units = size_t{1} + reader.read_ue(max_map_units - 1);
  reader.skip_bits(units * id_bits);
}

}  // namespace

result<h264_sps> parse_h264_sps(nal_unit unit) {
  if (unit.empty()) return fail(error_code::truncated, "H.264 SPS is empty");
  if (h264_nal_type(unit[0]) != h264_nal::sps) return fail(error_code::malformed, "not an H.264 SPS");
  bit_reader reader(unit.subview(1));
  h264_sps sps;
  sps.profile_idc = reader.read_u8();
  sps.constraint_flags = reader.read_u8();
  sps.level_idc = reader.read_u8();
  sps.sps_id = reader.read_ue(31);
  if (contains(extended_profiles, sps.profile_idc)) read_format(reader, sps);
  read_order_count(reader, sps);
  sps.max_num_ref_frames = reader.read_ue(16);
  reader.read_flag();
  const frame_size size = read_frame_size(reader, sps);
  const bool has_vui = reader.read_flag();
  if (auto status = reader.status("H.264 SPS"); !status) return tl::unexpected<error>(status.error());
  if (auto applied = apply_frame_size(size, sps); !applied) return tl::unexpected<error>(applied.error());
  if (has_vui) read_vui(reader, sps);
  if (!sps.has_reorder_limit) sps.max_reorder_frames = derive_reorder(sps, size);
  return sps;
}

result<h264_pps> parse_h264_pps(nal_unit unit) {
  if (unit.empty()) return fail(error_code::truncated, "H.264 PPS is empty");
  if (h264_nal_type(unit[0]) != h264_nal::pps) return fail(error_code::malformed, "not an H.264 PPS");
  bit_reader reader(unit.subview(1));
  h264_pps pps;
  pps.pps_id = reader.read_ue(255);
  pps.sps_id = reader.read_ue(31);
  reader.read_flag();
  pps.has_bottom_field_pic_order = reader.read_flag();
  const uint32_t groups = 1 + reader.read_ue(7);
  if (groups > 1) skip_slice_groups(reader, groups);
  for (uint32_t& count : pps.ref_idx_active) count = 1 + reader.read_ue(31);
  pps.has_weighted_pred = reader.read_flag();
  pps.weighted_bipred_idc = reader.read_bits(2);
  reader.read_se();
  reader.read_se();
  reader.read_se();
  reader.skip_bits(2);
  pps.has_redundant_pic_cnt = reader.read_flag();
  if (auto status = reader.status("H.264 PPS"); !status) return tl::unexpected<error>(status.error());
  return pps;
}

result<std::vector<uint8_t>> make_avcc(nal_unit sps, nal_unit pps) {
  const auto parsed = parse_h264_sps(sps);
  if (!parsed) return tl::unexpected<error>(wrap(parsed.error(), "avcC"));
  if (pps.empty()) return fail(error_code::malformed, "avcC: H.264 PPS is empty");
  if (sps.size() > UINT16_MAX || pps.size() > UINT16_MAX)
    return fail(error_code::too_big, "avcC: parameter set over 65535 bytes");
  std::vector<uint8_t> record;
  byte_writer writer(record);
  writer.write_u8(1);
  writer.write_bytes(sps.subview(1, 3));
  writer.write_u8(0xff);
  writer.write_u8(0xe1);
  writer.write_u16(static_cast<uint16_t>(sps.size()));
  writer.write_bytes(sps);
  writer.write_u8(1);
  writer.write_u16(static_cast<uint16_t>(pps.size()));
  writer.write_bytes(pps);
  if (!contains(plain_profiles, parsed->profile_idc)) {
    writer.write_u8(static_cast<uint8_t>(0xfc | parsed->chroma_format_idc));
    writer.write_u8(static_cast<uint8_t>(0xf8 | (parsed->bit_depth_luma - 8)));
    writer.write_u8(static_cast<uint8_t>(0xf8 | (parsed->bit_depth_chroma - 8)));
    writer.write_u8(0);
  }
  return record;
}

}  // namespace campush
