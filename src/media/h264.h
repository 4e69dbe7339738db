#pragma once

#include <array>

#include "media/annexb.h"
#include "util/result.h"

namespace campush {

/// nal_unit_type, H.264 table 7-1.
namespace h264_nal {
inline constexpr uint8_t slice = 1, idr_slice = 5, sei = 6, sps = 7, pps = 8, access_unit_delimiter = 9,
                         end_of_sequence = 10, end_of_stream = 11, filler = 12, sps_extension = 13;
}
constexpr uint8_t h264_nal_type(uint8_t first_byte) noexcept {
  return first_byte & 0x1f;
}
constexpr uint8_t h264_nal_ref_idc(uint8_t first_byte) noexcept {
  return first_byte >> 5 & 3;
}

/// What campush needs from a sequence parameter set (H.264 7.3.2.1.1).
/// Units: width and height in luma samples after cropping; frame_rate from VUI timing, 0 if absent or over 1000;
///   max_reorder_frames from the VUI bitstream restriction (has_reorder_limit), else derived from profile and DPB
///   size (C.4.5.3, A.3.1), which is a bound and rarely what the encoder does.
struct h264_sps {
  uint8_t profile_idc = 0, constraint_flags = 0, level_idc = 0;
  uint32_t sps_id = 0, chroma_format_idc = 1, bit_depth_luma = 8, bit_depth_chroma = 8;
  uint32_t width = 0, height = 0;
  double frame_rate = 0;
  uint32_t log2_max_frame_num = 4, pic_order_cnt_type = 0, log2_max_poc_lsb = 4;
  bool has_frame_mbs_only = true, has_separate_colour_planes = false, has_delta_pic_order_always_zero = false;
  int32_t offset_for_non_ref_pic = 0, offset_for_top_to_bottom_field = 0;
  std::vector<int32_t> offset_for_ref_frame;
  uint32_t max_num_ref_frames = 0, max_reorder_frames = 0;
  bool has_reorder_limit = false;
};
struct h264_pps {
  uint32_t pps_id = 0, sps_id = 0;
  bool has_bottom_field_pic_order = false, has_weighted_pred = false, has_redundant_pic_cnt = false;
  uint32_t weighted_bipred_idc = 0;
  std::array<uint32_t, 2> ref_idx_active{};
};

/// Errors: truncated, malformed (a value out of the range of the standard), too_big (over 16384 samples a side). A broken
///   VUI is no error but taken as absent: the picture decodes without it.
/// Thread: any-thread.
[[nodiscard]] result<h264_sps> parse_h264_sps(nal_unit unit);
[[nodiscard]] result<h264_pps> parse_h264_pps(nal_unit unit);

/// AVCDecoderConfigurationRecord with 4-byte lengths, one SPS, one PPS (ISO 14496-15 5.3.3.1; facts/rtmp 1.3).
/// The High extension bytes are written for every profile but 66, 77, 88.
/// Errors: those of parse_h264_sps, malformed for an empty PPS, too_big for a unit over 65535 bytes.
[[nodiscard]] result<std::vector<uint8_t>> make_avcc(nal_unit sps, nal_unit pps);

}  // namespace campush
