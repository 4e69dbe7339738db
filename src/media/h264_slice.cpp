#include "media/h264_slice.h"

#include "media/bit_reader.h"

namespace campush {
namespace {

constexpr uint32_t slice_p = 0, slice_b = 1, slice_sp = 3, slice_types = 5;

bool has_slice_header(nal_unit unit) noexcept {
  if (unit.empty()) return false;
  const uint8_t type = h264_nal_type(unit[0]);
  return type == 1 || type == 2 || type == h264_nal::idr_slice;
}

void read_order(bit_reader& reader, const h264_sps& sps, const h264_pps& pps, h264_slice_header& slice) noexcept {
  if (sps.has_separate_colour_planes) reader.read_bits(2);
  slice.frame_num = reader.read_bits(sps.log2_max_frame_num);
  if (!sps.has_frame_mbs_only) {
    slice.is_field = reader.read_flag();
    if (slice.is_field) slice.is_bottom_field = reader.read_flag();
  }
  if (slice.is_idr) reader.read_ue(UINT16_MAX);
  const bool has_bottom = pps.has_bottom_field_pic_order && !slice.is_field;
  if (sps.pic_order_cnt_type == 0) {
    slice.poc_lsb = reader.read_bits(sps.log2_max_poc_lsb);
    if (has_bottom) slice.delta_poc_bottom = reader.read_se();
  }
  if (sps.pic_order_cnt_type == 1 && !sps.has_delta_pic_order_always_zero) {
    slice.delta_poc[0] = reader.read_se();
    if (has_bottom) slice.delta_poc[1] = reader.read_se();
  }
}

/// 7.3.3.1. The limit is above the 33 entries that a list of fields may have.
void skip_list_modification(bit_reader& reader) noexcept {
  constexpr unsigned max_entries = 66;
  if (!reader.read_flag()) return;
  for (unsigned i = 0; i < max_entries && !reader.failed(); ++i) {
    if (reader.read_ue(5) == 3) return;
    reader.read_ue();
  }
}

/// 7.3.3.2.
void skip_weights(bit_reader& reader, bool has_chroma, uint32_t count) noexcept {
  for (uint32_t i = 0; i < count && !reader.failed(); ++i) {
    if (reader.read_flag()) reader.skip_ue(2);
    if (has_chroma && reader.read_flag()) reader.skip_ue(4);
  }
}

/// 7.3.3.3.
bool has_operation_5(bit_reader& reader) noexcept {
  constexpr unsigned max_operations = 66;
  if (!reader.read_flag()) return false;
  bool is_found = false;
  for (unsigned i = 0; i < max_operations && !reader.failed(); ++i) {
    const uint32_t operation = reader.read_ue(6);
    if (operation == 0) break;
    if (operation == 5) is_found = true;
    if (operation != 5) reader.read_ue();
    if (operation == 3) reader.read_ue();
  }
  return is_found && !reader.failed();
}

bool read_resets_order(bit_reader& reader, const h264_sps& sps, const h264_pps& pps,
                       const h264_slice_header& slice) noexcept {
  if (slice.is_idr || slice.nal_ref_idc == 0) return false;
  const bool is_b = slice.slice_type == slice_b;
  const bool is_p = slice.slice_type == slice_p || slice.slice_type == slice_sp;
  std::array<uint32_t, 2> ref_count = pps.ref_idx_active;
  if (pps.has_redundant_pic_cnt) reader.read_ue();
  if (is_b) reader.read_flag();
  if ((is_p || is_b) && reader.read_flag()) {
    ref_count[0] = 1 + reader.read_ue(31);
    if (is_b) ref_count[1] = 1 + reader.read_ue(31);
  }
  if (is_p || is_b) skip_list_modification(reader);
  if (is_b) skip_list_modification(reader);
  if ((is_p && pps.has_weighted_pred) || (is_b && pps.weighted_bipred_idc == 1)) {
    const bool has_chroma = sps.chroma_format_idc != 0 && !sps.has_separate_colour_planes;
    reader.skip_ue(has_chroma ? 2 : 1);
    skip_weights(reader, has_chroma, ref_count[0]);
    if (is_b) skip_weights(reader, has_chroma, ref_count[1]);
  }
  return has_operation_5(reader);
}

}  // namespace

result<uint32_t> read_h264_slice_pps_id(nal_unit unit) {
  if (!has_slice_header(unit)) return fail(error_code::malformed, "not an H.264 slice");
  bit_reader reader(unit.subview(1));
  reader.skip_ue(2);
  const uint32_t pps_id = reader.read_ue(255);
  if (auto status = reader.status("H.264 slice header"); !status) return tl::unexpected<error>(status.error());
  return pps_id;
}

result<h264_slice_header> parse_h264_slice_header(nal_unit unit, const h264_sps& sps, const h264_pps& pps) {
  if (!has_slice_header(unit)) return fail(error_code::malformed, "not an H.264 slice");
  bit_reader reader(unit.subview(1));
  h264_slice_header slice;
  slice.nal_ref_idc = h264_nal_ref_idc(unit[0]);
  slice.is_idr = h264_nal_type(unit[0]) == h264_nal::idr_slice;
  slice.first_mb = reader.read_ue();
  slice.slice_type = reader.read_ue(2 * slice_types - 1) % slice_types;
  slice.pps_id = reader.read_ue(255);
  read_order(reader, sps, pps, slice);
  if (auto status = reader.status("H.264 slice header"); !status) return tl::unexpected<error>(status.error());
  slice.resets_order = read_resets_order(reader, sps, pps, slice);
  return slice;
}

}  // namespace campush
