#include "media/h265.h"

#include <algorithm>
#include <array>

#include "media/bit_reader.h"
#include "util/byte_writer.h"

namespace campush {
namespace {

constexpr uint32_t max_side = 16384;
constexpr double max_frame_rate = 1000;
constexpr size_t header_bytes = 2;

result<bit_reader> open_unit(nal_unit unit, uint8_t type, const char* what) {
  if (unit.size() < header_bytes) return fail(error_code::truncated, std::string(what) + " is shorter than its header");
  if (h265_nal_type(unit[0]) != type) return fail(error_code::malformed, std::string("not an ") + what);
  return bit_reader(unit.subview(header_bytes));
}

/// profile_tier_level(1, max_sub_layers - 1), 7.3.3.
void read_profile(bit_reader& reader, h265_sps& sps) noexcept {
  sps.profile_space = static_cast<uint8_t>(reader.read_bits(2));
  sps.tier_flag = static_cast<uint8_t>(reader.read_bits(1));
  sps.profile_idc = static_cast<uint8_t>(reader.read_bits(5));
  sps.profile_compatibility = reader.read_bits(32);
  sps.constraint_flags = uint64_t{reader.read_bits(32)} << 16;
  sps.constraint_flags |= reader.read_bits(16);
  sps.level_idc = reader.read_u8();
  const uint32_t lower_layers = sps.max_sub_layers - 1;
  if (lower_layers == 0) return;
  size_t skipped_bits = 0;
  for (uint32_t i = 0; i < 8; ++i) {
    const uint32_t present = reader.read_bits(2);
    if (i >= lower_layers) continue;
    skipped_bits += ((present & 2) != 0 ? 88u : 0u) + ((present & 1) != 0 ? 8u : 0u);
  }
  reader.skip_bits(skipped_bits);
}

struct picture_size {
  uint32_t width = 0, height = 0;
  uint32_t left = 0, right = 0, top = 0, bottom = 0;
};

picture_size read_size(bit_reader& reader, h265_sps& sps) noexcept {
  picture_size size;
  sps.chroma_format_idc = reader.read_ue(3);
  if (sps.chroma_format_idc == 3) sps.has_separate_colour_planes = reader.read_flag();
  size.width = reader.read_ue();
  size.height = reader.read_ue();
  if (!reader.read_flag()) return size;
  for (uint32_t* side : {&size.left, &size.right, &size.top, &size.bottom}) *side = reader.read_ue();
  return size;
}

/// 7.4.3.2.1: the conformance window counts chroma samples.
result<void> apply_size(const picture_size& size, h265_sps& sps) {
  if (size.width > max_side || size.height > max_side) {
    return fail(error_code::too_big, "H.265 picture over 16384 samples a side");
  }
  const uint64_t unit_x = sps.chroma_format_idc == 1 || sps.chroma_format_idc == 2 ? 2 : 1;
  const uint64_t unit_y = sps.chroma_format_idc == 1 ? 2 : 1;
  const uint64_t cut_x = (uint64_t{size.left} + size.right) * unit_x;
  const uint64_t cut_y = (uint64_t{size.top} + size.bottom) * unit_y;
  if (cut_x >= size.width || cut_y >= size.height) {
    return fail(error_code::malformed, "H.265 conformance window leaves no picture");
  }
  sps.width = static_cast<uint32_t>(size.width - cut_x);
  sps.height = static_cast<uint32_t>(size.height - cut_y);
  return {};
}

void read_reorder(bit_reader& reader, h265_sps& sps) noexcept {
  const uint32_t first = reader.read_flag() ? 0 : sps.max_sub_layers - 1;
  for (uint32_t i = first; i < sps.max_sub_layers; ++i) {
    reader.read_ue(15);
    sps.max_reorder_pictures = reader.read_ue(15);
    reader.read_ue();
  }
}

/// 7.3.4.
void skip_scaling_lists(bit_reader& reader) noexcept {
  for (unsigned size_id = 0; size_id < 4; ++size_id) {
    const unsigned coefficients = std::min(64u, 1u << (4 + (size_id << 1)));
    for (unsigned matrix_id = 0; matrix_id < 6 && !reader.failed(); matrix_id += size_id == 3 ? 3 : 1) {
      const bool is_explicit = reader.read_flag();
      reader.skip_ue(!is_explicit ? 1 : coefficients + (size_id > 1 ? 1 : 0));
    }
  }
}

/// 7.3.7: only how many pictures each set names is kept, which later sets need to be readable.
void skip_reference_sets(bit_reader& reader) noexcept {
  constexpr uint32_t max_sets = 64, max_pictures = 16;
  std::array<uint32_t, max_sets> pictures{};
  const uint32_t sets = reader.read_ue(max_sets);
  for (uint32_t set = 0; set < sets && !reader.failed(); ++set) {
    uint32_t& count = pictures[set];
    if (set == 0 || !reader.read_flag()) {
      count = reader.read_ue(max_pictures);
      count += reader.read_ue(max_pictures);
      for (uint32_t i = 0; i < count && !reader.failed(); ++i) {
        reader.read_ue();
        reader.read_flag();
      }
      continue;
    }
    reader.read_flag();
    reader.read_ue();
    for (uint32_t i = 0; i <= pictures[set - 1] && !reader.failed(); ++i) {
      const bool is_used = reader.read_flag() || reader.read_flag();
      if (is_used) ++count;
    }
    count = std::min(count, 2 * max_pictures);
  }
}

/// What stands between the reorder limits and the VUI.
void skip_coding_tools(bit_reader& reader, const h265_sps& sps) noexcept {
  reader.skip_ue(6);
  if (reader.read_flag() && reader.read_flag()) skip_scaling_lists(reader);
  reader.skip_bits(2);
  if (reader.read_flag()) {
    reader.skip_bits(8);
    reader.skip_ue(2);
    reader.read_flag();
  }
  skip_reference_sets(reader);
  if (reader.read_flag()) {
    const uint32_t long_term = reader.read_ue(32);
    reader.skip_bits(size_t{long_term} * (sps.log2_max_poc_lsb + 1));
  }
  reader.skip_bits(2);
}

/// E.2.1 up to the timing.
double read_vui_frame_rate(bit_reader& reader) noexcept {
  constexpr uint32_t extended_sar = 255;
  if (reader.read_flag() && reader.read_bits(8) == extended_sar) reader.skip_bits(32);
  if (reader.read_flag()) reader.read_flag();
  if (reader.read_flag()) {
    reader.skip_bits(4);
    if (reader.read_flag()) reader.skip_bits(24);
  }
  if (reader.read_flag()) reader.skip_ue(2);
  reader.skip_bits(3);
  if (reader.read_flag()) reader.skip_ue(4);
  if (!reader.read_flag()) return 0;
  const uint32_t units_in_tick = reader.read_bits(32), time_scale = reader.read_bits(32);
  if (reader.failed() || units_in_tick == 0) return 0;
  const double rate = static_cast<double>(time_scale) / units_in_tick;
  return rate <= max_frame_rate ? rate : 0;
}

/// Opens a first slice segment and reads up to the PPS id.
result<bit_reader> open_slice(nal_unit unit, uint32_t& pps_id) {
  if (unit.size() < header_bytes) return fail(error_code::truncated, "H.265 slice is shorter than its header");
  const uint8_t type = h265_nal_type(unit[0]);
  if (type >= h265_nal::vcl_end) return fail(error_code::malformed, "not an H.265 slice");
  bit_reader reader(unit.subview(header_bytes));
  const bool is_first = reader.read_flag();
  if (is_h265_irap(type)) reader.read_flag();
  pps_id = reader.read_ue(63);
  if (auto status = reader.status("H.265 slice header"); !status) return tl::unexpected<error>(status.error());
  if (!is_first) return fail(error_code::malformed, "not the first H.265 slice segment of a picture");
  return reader;
}

}  // namespace

result<h265_sps> parse_h265_sps(nal_unit unit) {
  auto opened = open_unit(unit, h265_nal::sps, "H.265 SPS");
  if (!opened) return tl::unexpected<error>(opened.error());
  bit_reader& reader = *opened;
  h265_sps sps;
  sps.vps_id = reader.read_bits(4);
  sps.max_sub_layers = reader.read_bits(3) + 1;
  if (sps.max_sub_layers > 7) return fail(error_code::malformed, "H.265 SPS has 8 sub-layers");
  sps.is_temporal_id_nested = reader.read_flag();
  read_profile(reader, sps);
  sps.sps_id = reader.read_ue(15);
  const picture_size size = read_size(reader, sps);
  sps.bit_depth_luma = 8 + reader.read_ue(8);
  sps.bit_depth_chroma = 8 + reader.read_ue(8);
  sps.log2_max_poc_lsb = 4 + reader.read_ue(12);
  read_reorder(reader, sps);
  if (auto status = reader.status("H.265 SPS"); !status) return tl::unexpected<error>(status.error());
  if (auto applied = apply_size(size, sps); !applied) return tl::unexpected<error>(applied.error());
  skip_coding_tools(reader, sps);
  if (reader.read_flag()) sps.frame_rate = read_vui_frame_rate(reader);
  return sps;
}

result<h265_pps> parse_h265_pps(nal_unit unit) {
  auto opened = open_unit(unit, h265_nal::pps, "H.265 PPS");
  if (!opened) return tl::unexpected<error>(opened.error());
  bit_reader& reader = *opened;
  h265_pps pps;
  pps.pps_id = reader.read_ue(63);
  pps.sps_id = reader.read_ue(15);
  pps.has_dependent_slices = reader.read_flag();
  pps.has_output_flag = reader.read_flag();
  pps.extra_slice_header_bits = reader.read_bits(3);
  if (auto status = reader.status("H.265 PPS"); !status) return tl::unexpected<error>(status.error());
  return pps;
}

result<uint32_t> read_h265_slice_pps_id(nal_unit unit) {
  uint32_t pps_id = 0;
  const auto opened = open_slice(unit, pps_id);
  if (!opened) return tl::unexpected<error>(opened.error());
  return pps_id;
}

result<h265_slice_header> parse_h265_slice_header(nal_unit unit, const h265_sps& sps, const h265_pps& pps) {
  h265_slice_header slice;
  auto opened = open_slice(unit, slice.pps_id);
  if (!opened) return tl::unexpected<error>(opened.error());
  bit_reader& reader = *opened;
  slice.type = h265_nal_type(unit[0]);
  slice.temporal_id = h265_temporal_id(unit[1]);
  reader.skip_bits(pps.extra_slice_header_bits);
  reader.read_ue(2);
  if (pps.has_output_flag) reader.read_flag();
  if (sps.has_separate_colour_planes) reader.read_bits(2);
  if (!is_h265_idr(slice.type)) slice.poc_lsb = reader.read_bits(sps.log2_max_poc_lsb);
  if (auto status = reader.status("H.265 slice header"); !status) return tl::unexpected<error>(status.error());
  return slice;
}

result<std::vector<uint8_t>> make_hvcc(nal_unit vps, nal_unit sps, nal_unit pps) {
  const auto parsed = parse_h265_sps(sps);
  if (!parsed) return tl::unexpected<error>(wrap(parsed.error(), "hvcC"));
  struct array_entry {
    uint8_t type;
    nal_unit unit;
  };
  const std::array<array_entry, 3> arrays{{{h265_nal::vps, vps}, {h265_nal::sps, sps}, {h265_nal::pps, pps}}};
  std::vector<uint8_t> record;
  byte_writer writer(record);
  writer.write_u8(1);
  writer.write_u8(static_cast<uint8_t>(parsed->profile_space << 6 | parsed->tier_flag << 5 | parsed->profile_idc));
  writer.write_u32(parsed->profile_compatibility);
  writer.write_u16(static_cast<uint16_t>(parsed->constraint_flags >> 32));
  writer.write_u32(static_cast<uint32_t>(parsed->constraint_flags));
  writer.write_u8(parsed->level_idc);
  // min_spatial_segmentation_idc 0 and parallelismType 0 (unknown) are always true statements.
  writer.write_u16(0xf000);
  writer.write_u8(0xfc);
  writer.write_u8(static_cast<uint8_t>(0xfc | parsed->chroma_format_idc));
  writer.write_u8(static_cast<uint8_t>(0xf8 | (parsed->bit_depth_luma - 8)));
  writer.write_u8(static_cast<uint8_t>(0xf8 | (parsed->bit_depth_chroma - 8)));
  writer.write_u16(0);
  writer.write_u8(static_cast<uint8_t>(parsed->max_sub_layers << 3 | (parsed->is_temporal_id_nested ? 4 : 0) | 3));
  writer.write_u8(static_cast<uint8_t>(arrays.size()));
  for (const array_entry& entry : arrays) {
    if (entry.unit.size() <= header_bytes) return fail(error_code::malformed, "hvcC: parameter set without content");
    if (entry.unit.size() > UINT16_MAX) return fail(error_code::too_big, "hvcC: parameter set over 65535 bytes");
    writer.write_u8(entry.type);
    writer.write_u16(1);
    writer.write_u16(static_cast<uint16_t>(entry.unit.size()));
    writer.write_bytes(entry.unit);
  }
  return record;
}

}  // namespace campush
