#pragma once

#include "media/h264.h"

namespace campush {

/// Where a coded picture stands in output order (H.264 7.3.3).
/// Units: slice_type 0 P, 1 B, 2 I, 3 SP, 4 SI. resets_order is memory management operation 5, which acts on later
///   pictures like an IDR.
struct h264_slice_header {
  uint32_t first_mb = 0, slice_type = 0, pps_id = 0, frame_num = 0, poc_lsb = 0;
  uint8_t nal_ref_idc = 0;
  bool is_idr = false, is_field = false, is_bottom_field = false, resets_order = false;
  int32_t delta_poc_bottom = 0;
  std::array<int32_t, 2> delta_poc{};
};

/// The picture parameter set a slice (type 1, 2 or 5) refers to, readable without knowing any set.
/// Errors: truncated, malformed. Thread: any-thread.
[[nodiscard]] result<uint32_t> read_h264_slice_pps_id(nal_unit unit);

/// Errors: truncated, malformed. Only the fields up to the picture order count must be readable; what follows serves
///   resets_order, which stays false if it is not.
/// Thread: any-thread.
[[nodiscard]] result<h264_slice_header> parse_h264_slice_header(nal_unit unit, const h264_sps& sps,
                                                                const h264_pps& pps);

}  // namespace campush
