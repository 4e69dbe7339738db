#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "util/byte_view.h"

namespace campush {

/// Writes bit fields and Exp-Golomb codes, and wraps them as a NAL unit with emulation prevention: the other half of bit_reader.
class nal_builder {
 public:
  explicit nal_builder(std::initializer_list<uint8_t> header) : m_header(header) {}

  nal_builder& bits(uint64_t value, unsigned count) {
    while (count-- > 0) m_bits.push_back((value >> count & 1) != 0);
    return *this;
  }
  nal_builder& flag(bool value) { return bits(value ? 1 : 0, 1); }
  nal_builder& ue(uint32_t value) {
    const uint64_t code = uint64_t{value} + 1;
    unsigned length = 0;
    while (code >> (length + 1) != 0) ++length;
    return bits(0, length).bits(code, length + 1);
  }
  nal_builder& se(int32_t value) {
    return ue(value > 0 ? static_cast<uint32_t>(value) * 2 - 1 : static_cast<uint32_t>(-int64_t{value}) * 2);
  }

  /// With the stop bit, padded to whole bytes.
  std::vector<uint8_t> unit() const {
    std::vector<bool> all = m_bits;
    all.push_back(true);
    while (all.size() % 8 != 0) all.push_back(false);
    std::vector<uint8_t> out = m_header;
    unsigned zeros = 0;
    for (size_t i = 0; i < all.size(); i += 8) {
      uint8_t byte = 0;
      for (size_t bit = 0; bit < 8; ++bit) byte = static_cast<uint8_t>(byte << 1 | (all[i + bit] ? 1 : 0));
      if (zeros >= 2 && byte <= 3) {
        out.push_back(3);
        zeros = 0;
      }
      zeros = byte == 0 ? zeros + 1 : 0;
      out.push_back(byte);
    }
    return out;
  }

 private:
  std::vector<uint8_t> m_header;
  std::vector<bool> m_bits;
};

/// Annex B of the units, each behind a four-byte start code.
inline std::vector<uint8_t> annexb_of(const std::vector<std::vector<uint8_t>>& units) {
  std::vector<uint8_t> out;
  for (const auto& unit : units) {
    out.insert(out.end(), {0, 0, 0, 1});
    out.insert(out.end(), unit.begin(), unit.end());
  }
  return out;
}

/// An H.264 SPS for tests, field by field; the defaults are 320x176 Main at level 3 with count type 0.
struct h264_sps_fields {
  uint8_t profile_idc = 77, constraint_flags = 0, level_idc = 30;
  uint32_t sps_id = 0, chroma_format_idc = 1, bit_depth_luma = 8, bit_depth_chroma = 8, poc_type = 0,
           log2_max_frame_num = 4, log2_max_poc_lsb = 8;
  int32_t offset_for_non_ref_pic = 0;
  std::vector<int32_t> offset_for_ref_frame;
  uint32_t num_ref_frames = 4, width_mbs = 20, map_units = 11;
  bool has_frame_mbs_only = true, has_crop = false;
  uint32_t crop_left = 0, crop_right = 0, crop_top = 0, crop_bottom = 0;
  bool has_vui = false;
  uint32_t units_in_tick = 0, time_scale = 0;
  int reorder = -1;

  std::vector<uint8_t> unit() const {
    nal_builder nal({0x67, profile_idc, constraint_flags, level_idc});
    nal.ue(sps_id);
    if (profile_idc == 100) nal.ue(chroma_format_idc);
    if (profile_idc == 100 && chroma_format_idc == 3) nal.flag(false);
    if (profile_idc == 100) nal.ue(bit_depth_luma - 8).ue(bit_depth_chroma - 8).flag(false).flag(false);
    nal.ue(log2_max_frame_num - 4).ue(poc_type);
    if (poc_type == 0) nal.ue(log2_max_poc_lsb - 4);
    if (poc_type == 1) {
      nal.flag(false).se(offset_for_non_ref_pic).se(0).ue(static_cast<uint32_t>(offset_for_ref_frame.size()));
      for (const int32_t offset : offset_for_ref_frame) nal.se(offset);
    }
    nal.ue(num_ref_frames).flag(false).ue(width_mbs - 1).ue(map_units - 1).flag(has_frame_mbs_only);
    if (!has_frame_mbs_only) nal.flag(false);
    nal.flag(true).flag(has_crop);
    if (has_crop) nal.ue(crop_left).ue(crop_right).ue(crop_top).ue(crop_bottom);
    nal.flag(has_vui);
    if (!has_vui) return nal.unit();
    nal.bits(0, 4).flag(time_scale != 0);
    if (time_scale != 0) nal.bits(units_in_tick, 32).bits(time_scale, 32).flag(true);
    nal.bits(0, 3).flag(reorder >= 0);
    if (reorder >= 0) nal.flag(true).ue(0).ue(0).ue(0).ue(0).ue(static_cast<uint32_t>(reorder)).ue(4);
    return nal.unit();
  }
};

inline std::vector<uint8_t> h264_pps_unit(uint32_t pps_id = 0, uint32_t sps_id = 0, bool has_bottom = false) {
  nal_builder nal({0x68});
  nal.ue(pps_id).ue(sps_id).flag(false).flag(has_bottom).ue(0).ue(0).ue(0).flag(false).bits(0, 2);
  nal.se(0).se(0).se(0).flag(true).flag(false).flag(false);
  return nal.unit();
}

/// A frame slice for an h264_sps_fields stream of count type 0, 1 or 2.
struct h264_slice_fields {
  bool is_idr = false, is_reference = true, has_operation_5 = false;
  uint32_t slice_type = 5, pps_id = 0, frame_num = 0, poc_lsb = 0;
  int32_t delta_poc = 0;
  bool has_bottom = false;  ///< of its PPS
  int32_t delta_poc_bottom = 0;

  std::vector<uint8_t> unit(const h264_sps_fields& sps) const {
    const uint8_t type = is_idr ? 5 : 1;
    nal_builder nal({static_cast<uint8_t>((is_reference ? 0x60 : 0) | type)});
    nal.ue(0).ue(slice_type).ue(pps_id).bits(frame_num, sps.log2_max_frame_num);
    if (!sps.has_frame_mbs_only) nal.flag(false);
    if (is_idr) nal.ue(0);
    if (sps.poc_type == 0) nal.bits(poc_lsb, sps.log2_max_poc_lsb);
    if (sps.poc_type == 0 && has_bottom) nal.se(delta_poc_bottom);
    if (sps.poc_type == 1) nal.se(delta_poc);
    const bool is_b = slice_type % 5 == 1, is_p = slice_type % 5 == 0;
    if (is_b) nal.flag(true);
    if (is_p || is_b) nal.flag(false).flag(false);
    if (is_b) nal.flag(false);
    if (is_reference && is_idr) nal.bits(0, 2);
    if (is_reference && !is_idr) nal.flag(has_operation_5);
    if (has_operation_5) nal.ue(5).ue(0);
    nal.bits(0x5a5a5a, 24);
    return nal.unit();
  }
};

/// An H.265 SPS for tests; the defaults are 320x176 Main.
struct h265_sps_fields {
  uint32_t vps_id = 0, max_sub_layers = 1, sps_id = 0, chroma_format_idc = 1, width = 320, height = 176;
  bool has_window = false;
  uint32_t left = 0, right = 0, top = 0, bottom = 0;
  uint32_t bit_depth = 8, log2_max_poc_lsb = 8, reorder = 2;
  uint32_t units_in_tick = 0, time_scale = 0;

  std::vector<uint8_t> unit() const {
    nal_builder nal({0x42, 0x01});
    nal.bits(vps_id, 4).bits(max_sub_layers - 1, 3).flag(true);
    nal.bits(1, 8).bits(0x60000000, 32).bits(0x9000, 16).bits(0, 32).bits(93, 8);
    for (uint32_t i = 0; max_sub_layers > 1 && i < 8; ++i) nal.bits(i + 1 < max_sub_layers ? 3 : 0, 2);
    for (uint32_t i = 0; i + 1 < max_sub_layers; ++i) nal.bits(0x55, 32).bits(0x55, 32).bits(0x55, 32);
    nal.ue(sps_id).ue(chroma_format_idc);
    if (chroma_format_idc == 3) nal.flag(false);
    nal.ue(width).ue(height).flag(has_window);
    if (has_window) nal.ue(left).ue(right).ue(top).ue(bottom);
    nal.ue(bit_depth - 8).ue(bit_depth - 8).ue(log2_max_poc_lsb - 4).flag(false).ue(4).ue(reorder).ue(0);
    nal.ue(0).ue(3).ue(0).ue(3).ue(0).ue(0).flag(false).bits(0, 2).flag(false);
    // Two reference picture sets, the second predicted from the first.
    nal.ue(2).ue(1).ue(1).ue(0).flag(true).ue(0).flag(true);
    nal.flag(true).flag(false).ue(0).flag(true).flag(false).flag(true).flag(true);
    nal.flag(true).ue(1).bits(5, log2_max_poc_lsb).flag(true).bits(0, 2);
    nal.flag(time_scale != 0);
    if (time_scale == 0) return nal.flag(false).unit();
    nal.bits(0, 4).bits(0, 3).flag(false).flag(true).bits(units_in_tick, 32).bits(time_scale, 32);
    return nal.bits(0, 4).unit();
  }
};

inline std::vector<uint8_t> h265_vps_unit(uint32_t vps_id = 0, uint32_t filling = 0x55) {
  return nal_builder({0x40, 0x01}).bits(vps_id, 4).bits(3, 2).bits(filling, 32).unit();
}

inline std::vector<uint8_t> h265_pps_unit(uint32_t pps_id = 0, uint32_t sps_id = 0, uint32_t extra_bits = 0) {
  return nal_builder({0x44, 0x01}).ue(pps_id).ue(sps_id).bits(0, 2).bits(extra_bits, 3).bits(0x5a, 8).unit();
}

struct h265_slice_fields {
  uint8_t type = 1, temporal_id = 0;
  uint32_t pps_id = 0, poc_lsb = 0, extra_bits = 0;
  bool is_first = true;

  std::vector<uint8_t> unit(const h265_sps_fields& sps) const {
    nal_builder nal({static_cast<uint8_t>(type << 1), static_cast<uint8_t>(temporal_id + 1)});
    nal.flag(is_first);
    if (type >= 16 && type <= 23) nal.flag(false);
    nal.ue(pps_id).bits(0, extra_bits).ue(1);
    if (type != 19 && type != 20) nal.bits(poc_lsb, sps.log2_max_poc_lsb);
    return nal.bits(0x5a5a5a, 24).unit();
  }
};

}  // namespace campush
