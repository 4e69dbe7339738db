#include "media/codec_config.h"

#include "media/bit_reader.h"

namespace campush {
namespace {

constexpr size_t max_sets = 32;
constexpr size_t max_set_bytes = 16384;

bool is_base_layer(nal_unit unit) noexcept {
  return unit.size() > 1 && (unit[0] & 1) == 0 && (unit[1] & 0xf8) == 0;
}

struct picture_traits {
  bool is_vcl = false, is_keyframe = false, is_reference = false;
};

picture_traits h264_traits(nal_unit unit) noexcept {
  const uint8_t type = h264_nal_type(unit[0]);
  return {type >= h264_nal::slice && type <= h264_nal::idr_slice, type == h264_nal::idr_slice,
          h264_nal_ref_idc(unit[0]) != 0};
}

picture_traits h265_traits(nal_unit unit, uint8_t highest_temporal_id) noexcept {
  if (!is_base_layer(unit)) return {};
  const uint8_t type = h265_nal_type(unit[0]);
  const bool is_disposable = is_h265_sub_layer_non_reference(type) && h265_temporal_id(unit[1]) >= highest_temporal_id;
  return {type < h265_nal::vcl_end, is_h265_irap(type), !is_disposable};
}

}  // namespace

codec_config::codec_config(codec_id codec) : m_codec(codec) {}

void codec_config::feed(nal_unit unit) {
  if (unit.empty()) return;
  if (m_codec == codec_id::h264) {
    switch (h264_nal_type(unit[0])) {
      case h264_nal::sps: return feed_set(set_kind::sps, unit);
      case h264_nal::pps: return feed_set(set_kind::pps, unit);
      case h264_nal::idr_slice: return feed_keyframe(unit);
      default: return;
    }
  }
  if (m_codec != codec_id::h265 || !is_base_layer(unit)) return;
  const uint8_t type = h265_nal_type(unit[0]);
  if (type == h265_nal::vps) return feed_set(set_kind::vps, unit);
  if (type == h265_nal::sps) return feed_set(set_kind::sps, unit);
  if (type == h265_nal::pps) return feed_set(set_kind::pps, unit);
  if (is_h265_irap(type)) feed_keyframe(unit);
}

result<codec_config::parameter_set> codec_config::identify(set_kind kind, nal_unit unit) const {
  if (unit.size() > max_set_bytes) return fail(error_code::too_big, "parameter set");
  parameter_set set;
  set.kind = kind;
  const bool is_h264 = m_codec == codec_id::h264;
  if (kind == set_kind::vps) {
    if (unit.size() < 3) return fail(error_code::truncated, "VPS");
    set.id = unit[2] >> 4;
  } else if (kind == set_kind::sps) {
    // An SPS that cannot be parsed would make no record, so the old one is better.
    if (is_h264) {
      const auto sps = parse_h264_sps(unit);
      if (!sps) return tl::unexpected<error>(sps.error());
      set.id = sps->sps_id;
    } else {
      const auto sps = parse_h265_sps(unit);
      if (!sps) return tl::unexpected<error>(sps.error());
      set.id = sps->sps_id;
      set.parent_id = sps->vps_id;
    }
  } else if (is_h264) {
    const auto pps = parse_h264_pps(unit);
    if (!pps) return tl::unexpected<error>(pps.error());
    set.id = pps->pps_id;
    set.parent_id = pps->sps_id;
  } else {
    const auto pps = parse_h265_pps(unit);
    if (!pps) return tl::unexpected<error>(pps.error());
    set.id = pps->pps_id;
    set.parent_id = pps->sps_id;
  }
  return set;
}

codec_config::parameter_set* codec_config::find(set_kind kind, uint32_t id) noexcept {
  for (parameter_set& set : m_sets) {
    if (set.kind == kind && set.id == id) return &set;
  }
  return nullptr;
}

void codec_config::feed_set(set_kind kind, nal_unit unit) {
  for (const parameter_set& set : m_sets) {
    if (set.kind == kind && byte_view(set.bytes) == unit) return;
  }
  auto identified = identify(kind, unit);
  parameter_set* known = identified ? find(kind, identified->id) : nullptr;
  if (!identified || (known == nullptr && m_sets.size() >= max_sets)) {
    ++m_broken_sets;
    return;
  }
  identified->bytes = unit.to_vector();
  if (known == nullptr) {
    m_sets.push_back(std::move(*identified));
  } else {
    *known = std::move(*identified);
  }
  if (is_complete()) {
    activate(m_active_pps_id);
    return;
  }
  for (size_t i = m_sets.size(); i-- > 0;) {
    if (m_sets[i].kind == set_kind::pps && activate(m_sets[i].id)) return;
  }
}

void codec_config::feed_keyframe(nal_unit unit) {
  const auto pps_id = m_codec == codec_id::h264 ? read_h264_slice_pps_id(unit) : read_h265_slice_pps_id(unit);
  if (pps_id && (*pps_id != m_active_pps_id || !is_complete())) activate(*pps_id);
}

bool codec_config::activate(uint32_t pps_id) {
  const parameter_set* pps = find(set_kind::pps, pps_id);
  const parameter_set* sps = pps == nullptr ? nullptr : find(set_kind::sps, pps->parent_id);
  if (sps == nullptr) return false;
  if (m_codec == codec_id::h264) {
    auto record = make_avcc(sps->bytes, pps->bytes);
    if (!record) return false;
    adopt(*sps, std::move(*record));
  } else {
    const parameter_set* vps = find(set_kind::vps, sps->parent_id);
    if (vps == nullptr) return false;
    auto record = make_hvcc(vps->bytes, sps->bytes, pps->bytes);
    if (!record) return false;
    adopt(*sps, std::move(*record));
  }
  m_active_pps_id = pps_id;
  return true;
}

void codec_config::adopt(const parameter_set& sps, std::vector<uint8_t> record) {
  if (record == m_record) return;
  m_record = std::move(record);
  ++m_version;
  if (m_codec == codec_id::h264) {
    const auto parsed = parse_h264_sps(sps.bytes);
    if (!parsed) return;
    m_width = parsed->width;
    m_height = parsed->height;
    m_frame_rate = parsed->frame_rate;
    m_reorder = parsed->max_reorder_frames;
  } else {
    const auto parsed = parse_h265_sps(sps.bytes);
    if (!parsed) return;
    m_width = parsed->width;
    m_height = parsed->height;
    m_frame_rate = parsed->frame_rate;
    m_reorder = parsed->max_reorder_pictures;
    m_highest_temporal_id = static_cast<uint8_t>(parsed->max_sub_layers - 1);
  }
}

access_unit_info inspect_access_unit(codec_id codec, byte_view access_unit, uint8_t highest_temporal_id) noexcept {
  access_unit_info info;
  if (!is_video(codec)) return info;
  bool is_reference = false;
  annexb_cursor cursor(access_unit);
  for (nal_unit unit; cursor.next(unit);) {
    const picture_traits traits = codec == codec_id::h264 ? h264_traits(unit) : h265_traits(unit, highest_temporal_id);
    if (!traits.is_vcl) continue;
    info.has_picture = true;
    info.is_keyframe = info.is_keyframe || traits.is_keyframe;
    is_reference = is_reference || traits.is_reference;
  }
  info.is_disposable = info.has_picture && !info.is_keyframe && !is_reference;
  return info;
}

}  // namespace campush
