#include <algorithm>

#include "media/codec_config.h"

namespace campush {
namespace {

template <class Set>
const Set* find_set(const std::vector<Set>& sets, uint32_t Set::*id, uint32_t wanted) noexcept {
  const auto found = std::find_if(sets.begin(), sets.end(), [&](const Set& set) { return set.*id == wanted; });
  return found == sets.end() ? nullptr : &*found;
}

/// Ids are bounded by the parsers, so the lists are too.
template <class Set>
void store_set(std::vector<Set>& sets, uint32_t Set::*id, result<Set> parsed) {
  if (!parsed) return;
  const Set* known = find_set(sets, id, (*parsed).*id);
  if (known == nullptr) {
    sets.push_back(std::move(*parsed));
  } else {
    sets[static_cast<size_t>(known - sets.data())] = std::move(*parsed);
  }
}

/// H.264 (8-3), H.265 (8-1): the most significant part that brings the count nearest to the previous one.
int64_t extend_count(int64_t lsb, unsigned log2_max_lsb, int64_t previous_msb, int64_t previous_lsb) noexcept {
  const int64_t max_lsb = int64_t{1} << log2_max_lsb;
  if (lsb < previous_lsb && previous_lsb - lsb >= max_lsb / 2) return previous_msb + max_lsb;
  if (lsb > previous_lsb && lsb - previous_lsb > max_lsb / 2) return previous_msb - max_lsb;
  return previous_msb;
}

bool is_h264_slice(nal_unit unit) noexcept {
  const uint8_t type = h264_nal_type(unit[0]);
  return type == 1 || type == 2 || type == h264_nal::idr_slice;
}

/// Type 1, 8.2.1.2. The arithmetic wraps: the offsets are any 32-bit numbers and the stream may be hostile.
uint64_t expected_count(const h264_sps& sps, uint64_t frame_number, bool is_reference) noexcept {
  const uint64_t cycle_length = sps.offset_for_ref_frame.size();
  uint64_t expected = is_reference ? 0 : static_cast<uint64_t>(int64_t{sps.offset_for_non_ref_pic});
  if (cycle_length == 0 || frame_number == 0) return expected;
  const uint64_t cycles = (frame_number - 1) / cycle_length, in_cycle = (frame_number - 1) % cycle_length;
  for (uint64_t i = 0; i < cycle_length; ++i) {
    const uint64_t repeats = cycles + (i <= in_cycle ? 1 : 0);
    expected += repeats * static_cast<uint64_t>(int64_t{sps.offset_for_ref_frame[i]});
  }
  return expected;
}

}  // namespace

void picture_order::learn_sets(nal_unit unit) {
  if (m_codec == codec_id::h264) {
    const uint8_t type = h264_nal_type(unit[0]);
    if (type == h264_nal::sps) store_set(m_h264_sps, &h264_sps::sps_id, parse_h264_sps(unit));
    if (type == h264_nal::pps) store_set(m_h264_pps, &h264_pps::pps_id, parse_h264_pps(unit));
    return;
  }
  const uint8_t type = h265_nal_type(unit[0]);
  if (type == h265_nal::sps) store_set(m_h265_sps, &h265_sps::sps_id, parse_h265_sps(unit));
  if (type == h265_nal::pps) store_set(m_h265_pps, &h265_pps::pps_id, parse_h265_pps(unit));
}

result<picture_order::position> picture_order::order_of(byte_view access_unit) {
  const bool is_h265 = m_codec == codec_id::h265;
  nal_unit slice;
  bool ends_sequence = false;
  annexb_cursor cursor(access_unit);
  for (nal_unit unit; cursor.next(unit);) {
    if (is_h265 && (unit.size() < 2 || (unit[0] & 1) != 0 || (unit[1] & 0xf8) != 0)) continue;
    const bool is_slice = is_h265 ? h265_nal_type(unit[0]) < h265_nal::vcl_end : is_h264_slice(unit);
    const uint8_t type = is_h265 ? h265_nal_type(unit[0]) : h264_nal_type(unit[0]);
    ends_sequence =
        ends_sequence || (is_h265 && (type == h265_nal::end_of_sequence || type == h265_nal::end_of_bitstream));
    if (is_slice && slice.empty()) slice = unit;
    if (!is_slice && slice.empty()) learn_sets(unit);
  }
  if (slice.empty()) return fail(error_code::not_found, "access unit without a picture");
  const auto counted = count_of(slice);
  if (ends_sequence) m_is_at_start = true;
  if (!counted) return tl::unexpected<error>(counted.error());
  if (counted->starts_sequence) m_sequence_count = counted->value;
  return position{counted->value - m_sequence_count, counted->starts_sequence};
}

result<picture_order::count> picture_order::count_of(nal_unit slice) {
  return m_codec == codec_id::h265 ? h265_count(slice) : h264_count(slice);
}

result<picture_order::count> picture_order::h264_count(nal_unit slice_unit) {
  const auto pps_id = read_h264_slice_pps_id(slice_unit);
  if (!pps_id) return tl::unexpected<error>(pps_id.error());
  const h264_pps* pps = find_set(m_h264_pps, &h264_pps::pps_id, *pps_id);
  const h264_sps* sps = pps == nullptr ? nullptr : find_set(m_h264_sps, &h264_sps::sps_id, pps->sps_id);
  if (sps == nullptr) return fail(error_code::malformed, "H.264 slice refers to an unknown parameter set");
  const auto slice = parse_h264_slice_header(slice_unit, *sps, *pps);
  if (!slice) return tl::unexpected<error>(slice.error());
  m_declared_reorder = sps->has_reorder_limit ? sps->max_reorder_frames : 0;
  count counted;
  counted.starts_sequence = slice->is_idr || slice->resets_order || m_is_at_start;
  m_is_at_start = false;
  if (counted.starts_sequence) m_pictures_in_sequence = 0;
  if (sps->pic_order_cnt_type == 0) counted.value = h264_count_type_0(*slice, *sps);
  if (sps->pic_order_cnt_type == 1) counted.value = h264_count_type_1(*slice, *sps);
  if (sps->pic_order_cnt_type == 2) counted.value = 2 * m_pictures_in_sequence;
  ++m_pictures_in_sequence;
  return counted;
}

int64_t picture_order::h264_count_type_0(const h264_slice_header& slice, const h264_sps& sps) noexcept {
  if (slice.is_idr) m_previous_msb = m_previous_lsb = 0;
  const int64_t msb = extend_count(slice.poc_lsb, sps.log2_max_poc_lsb, m_previous_msb, m_previous_lsb);
  const int64_t first = msb + slice.poc_lsb;
  // delta_poc_bottom is 0 for fields, whose own count `first` is.
  const int64_t value = std::min(first, first + slice.delta_poc_bottom);
  if (slice.resets_order) {
    m_previous_msb = 0;
    m_previous_lsb = slice.is_bottom_field ? 0 : first - value;
    return 0;
  }
  if (slice.nal_ref_idc != 0) {
    m_previous_msb = msb;
    m_previous_lsb = slice.poc_lsb;
  }
  return value;
}

int64_t picture_order::h264_count_type_1(const h264_slice_header& slice, const h264_sps& sps) noexcept {
  if (slice.is_idr) {
    m_frame_num_offset = 0;
  } else if (slice.frame_num < m_previous_frame_num) {
    m_frame_num_offset += uint64_t{1} << sps.log2_max_frame_num;
  }
  m_previous_frame_num = slice.resets_order ? 0 : slice.frame_num;
  const bool is_reference = slice.nal_ref_idc != 0;
  uint64_t frame_number = m_frame_num_offset + slice.frame_num;
  if (!is_reference && frame_number > 0) --frame_number;
  if (slice.resets_order) {
    m_frame_num_offset = 0;
    return 0;
  }
  const uint64_t expected = expected_count(sps, frame_number, is_reference);
  const uint64_t to_bottom = static_cast<uint64_t>(int64_t{sps.offset_for_top_to_bottom_field});
  const uint64_t wide_top = expected + static_cast<uint64_t>(int64_t{slice.delta_poc[0]});
  const uint64_t wide_bottom = wide_top + to_bottom + static_cast<uint64_t>(int64_t{slice.delta_poc[1]});
  // Counts have 32 bits by 8.2.1.
  const int32_t top = static_cast<int32_t>(wide_top), bottom = static_cast<int32_t>(wide_bottom);
  if (slice.is_field) return slice.is_bottom_field ? bottom : top;
  return std::min(top, bottom);
}

result<picture_order::count> picture_order::h265_count(nal_unit slice_unit) {
  const auto pps_id = read_h265_slice_pps_id(slice_unit);
  if (!pps_id) return tl::unexpected<error>(pps_id.error());
  const h265_pps* pps = find_set(m_h265_pps, &h265_pps::pps_id, *pps_id);
  const h265_sps* sps = pps == nullptr ? nullptr : find_set(m_h265_sps, &h265_sps::sps_id, pps->sps_id);
  if (sps == nullptr) return fail(error_code::malformed, "H.265 slice refers to an unknown parameter set");
  const auto slice = parse_h265_slice_header(slice_unit, *sps, *pps);
  if (!slice) return tl::unexpected<error>(slice.error());
  m_declared_reorder = sps->max_reorder_pictures;
  // BLA and IDR always have NoRaslOutputFlag 1, a CRA picture only at the start (8.1.3).
  const bool is_reset = is_h265_irap(slice->type) && (slice->type < h265_nal::cra || m_is_at_start);
  count counted;
  counted.starts_sequence = is_reset || m_is_at_start;
  m_is_at_start = false;
  const int64_t msb =
      is_reset ? 0 : extend_count(slice->poc_lsb, sps->log2_max_poc_lsb, m_previous_msb, m_previous_lsb);
  counted.value = msb + slice->poc_lsb;
  const bool is_anchor =
      slice->temporal_id == 0 && !is_h265_leading(slice->type) && !is_h265_sub_layer_non_reference(slice->type);
  if (is_anchor) {
    m_previous_msb = msb;
    m_previous_lsb = slice->poc_lsb;
  }
  return counted;
}

}  // namespace campush
