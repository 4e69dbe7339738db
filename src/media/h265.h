#pragma once

#include "media/annexb.h"
#include "util/result.h"

namespace campush {

/// nal_unit_type, H.265 table 7-1.
namespace h265_nal {
inline constexpr uint8_t radl_n = 6, rasl_r = 9, bla_w_lp = 16, idr_w_radl = 19, idr_n_lp = 20, cra = 21, vcl_end = 32,
                         vps = 32, sps = 33, pps = 34, access_unit_delimiter = 35, end_of_sequence = 36,
                         end_of_bitstream = 37, filler = 38, prefix_sei = 39, suffix_sei = 40;
}
constexpr uint8_t h265_nal_type(uint8_t first_byte) noexcept {
  return first_byte >> 1 & 0x3f;
}
constexpr bool is_h265_irap(uint8_t type) noexcept {
  return type >= 16 && type <= 23;
}
constexpr bool is_h265_idr(uint8_t type) noexcept {
  return type == h265_nal::idr_w_radl || type == h265_nal::idr_n_lp;
}
/// RADL and RASL pictures: they follow an IRAP picture in decoding order and precede it in output order.
constexpr bool is_h265_leading(uint8_t type) noexcept {
  return type >= h265_nal::radl_n && type <= h265_nal::rasl_r;
}
/// No picture of the same temporal sub-layer refers to it.
constexpr bool is_h265_sub_layer_non_reference(uint8_t type) noexcept {
  return type <= 14 && type % 2 == 0;
}
/// TemporalId, from the second header byte.
constexpr uint8_t h265_temporal_id(uint8_t second_byte) noexcept {
  return (second_byte & 7) == 0 ? uint8_t{0} : static_cast<uint8_t>((second_byte & 7) - 1);
}

/// What campush needs from a sequence parameter set (H.265 7.3.2.2).
/// Units: width and height in luma samples after the conformance window; frame_rate from VUI timing, 0 if absent
///   or over 1000. max_reorder_pictures is that of the highest sub-layer.
struct h265_sps {
  uint8_t profile_space = 0, tier_flag = 0, profile_idc = 0, level_idc = 0;
  uint32_t profile_compatibility = 0;
  uint64_t constraint_flags = 0;
  uint32_t max_sub_layers = 1, vps_id = 0, sps_id = 0, chroma_format_idc = 1, bit_depth_luma = 8, bit_depth_chroma = 8;
  bool is_temporal_id_nested = false, has_separate_colour_planes = false;
  uint32_t width = 0, height = 0;
  uint32_t log2_max_poc_lsb = 4, max_reorder_pictures = 0;
  double frame_rate = 0;
};
struct h265_pps {
  uint32_t pps_id = 0, sps_id = 0;
  bool has_dependent_slices = false, has_output_flag = false;
  uint32_t extra_slice_header_bits = 0;
};

/// Errors: truncated, malformed (a value out of the range of the standard), too_big (over 16384 samples a side). What
///   follows the reorder limits serves the frame rate alone: if it is broken, the rate is 0.
/// Thread: any-thread.
[[nodiscard]] result<h265_sps> parse_h265_sps(nal_unit unit);
[[nodiscard]] result<h265_pps> parse_h265_pps(nal_unit unit);

/// Where a coded picture stands in output order (H.265 7.3.6.1). Only the first slice segment of a picture is read.
struct h265_slice_header {
  uint8_t type = 0, temporal_id = 0;
  uint32_t pps_id = 0, poc_lsb = 0;
};
/// The picture parameter set a first slice segment refers to, readable without knowing any set.
/// Errors: truncated, malformed (also for a segment that is not the first). Thread: any-thread.
[[nodiscard]] result<uint32_t> read_h265_slice_pps_id(nal_unit unit);
/// Errors and thread: as above.
[[nodiscard]] result<h265_slice_header> parse_h265_slice_header(nal_unit unit, const h265_sps& sps,
                                                                const h265_pps& pps);

/// HEVCDecoderConfigurationRecord with 4-byte lengths and the arrays VPS, SPS, PPS of one unit each,
/// array_completeness 0 (ISO 14496-15 8.3.3.1; facts/rtmp 2.5).
/// Errors: those of parse_h265_sps, malformed when a unit is shorter than its header, too_big for one over 65535 bytes.
[[nodiscard]] result<std::vector<uint8_t>> make_hvcc(nal_unit vps, nal_unit sps, nal_unit pps);

}  // namespace campush
