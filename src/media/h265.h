#pragma once

#include "media/annexb.h"
#include "util/result.h"

namespace campush {

/// nal_unit_type, H.265 table 7-1.
namespace h265_nal {
inline constexpr uint8_t rasl_r = 9, bla_w_lp = 16, idr_w_radl = 19, idr_n_lp = 20, cra = 21, vcl_end = 32, vps = 32,
                         sps = 33, pps = 34, access_unit_delimiter = 35, end_of_sequence = 36, end_of_bitstream = 37,
                         filler = 38, prefix_sei = 39, suffix_sei = 40;
}
constexpr uint8_t h265_nal_type(uint8_t first_byte) noexcept { return first_byte >> 1 & 0x3f; }
constexpr bool is_h265_irap(uint8_t type) noexcept { return type >= 16 && type <= 23; }

/// What campush needs from a sequence parameter set (H.265 7.3.2.2).
/// Units: width and height in luma samples after the conformance window; frame_rate from VUI timing, 0 if absent.
struct h265_sps {
  uint8_t profile_space = 0, tier_flag = 0, profile_idc = 0, level_idc = 0;
  uint32_t profile_compatibility = 0;
  uint64_t constraint_flags = 0;
  uint32_t max_sub_layers = 1, sps_id = 0, chroma_format_idc = 1, bit_depth_luma = 8, bit_depth_chroma = 8;
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

/// Errors: truncated, malformed (a value out of the range of the standard), too_big (over 16384 samples a side).
/// Thread: any-thread.
[[nodiscard]] result<h265_sps> parse_h265_sps(nal_unit unit);
[[nodiscard]] result<h265_pps> parse_h265_pps(nal_unit unit);

/// HEVCDecoderConfigurationRecord with 4-byte lengths and the arrays VPS, SPS, PPS of one unit each,
/// array_completeness 0 (ISO 14496-15 8.3.3.1; facts/rtmp 2.5).
/// Errors: malformed when the SPS does not parse or a unit is shorter than its header.
[[nodiscard]] result<std::vector<uint8_t>> make_hvcc(nal_unit vps, nal_unit sps, nal_unit pps);

}  // namespace campush
