#include "rtmp/access_unit_packer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "util/byte_reader.h"

namespace campush {
namespace {

enum class nal_role : uint8_t { kept, slice, key_slice, parameter_set, dropped };

nal_role h264_role(nal_unit unit) noexcept {
  switch (const uint8_t type = h264_nal_type(unit[0]); type) {
    case h264_nal::slice:
    case 2:
    case 3:
    case 4: return nal_role::slice;
    case h264_nal::idr_slice: return nal_role::key_slice;
    case h264_nal::sps:
    case h264_nal::pps: return nal_role::parameter_set;
    case h264_nal::sps_extension:
    case h264_nal::access_unit_delimiter:
    case h264_nal::end_of_sequence:
    case h264_nal::end_of_stream:
    case h264_nal::filler: return nal_role::dropped;
    default: return nal_role::kept;
  }
}

nal_role h265_role(nal_unit unit) noexcept {
  if (unit.size() < 2) return nal_role::dropped;
  const uint8_t type = h265_nal_type(unit[0]);
  if (type < h265_nal::vcl_end) return is_h265_irap(type) ? nal_role::key_slice : nal_role::slice;
  switch (type) {
    case h265_nal::vps:
    case h265_nal::sps:
    case h265_nal::pps: return nal_role::parameter_set;
    case h265_nal::access_unit_delimiter:
    case h265_nal::end_of_sequence:
    case h265_nal::end_of_bitstream:
    case h265_nal::filler: return nal_role::dropped;
    default: return nal_role::kept;
  }
}

/// H.264: nal_ref_idc 0. H.265: a sub-layer non-reference type (even, below 16) of the highest temporal layer, which
/// hvcC names in numTemporalLayers.
bool is_unreferenced(nal_unit slice, const codec_config& config) noexcept {
  if (config.codec() == codec_id::h264) return h264_nal_ref_idc(slice[0]) == 0;
  constexpr size_t temporal_layers_offset = 21;
  const byte_view record = config.record();
  const uint8_t type = h265_nal_type(slice[0]);
  if (record.size() <= temporal_layers_offset || type >= 16 || type % 2 != 0) return false;
  const int layers = record[temporal_layers_offset] >> 3 & 7;
  return (slice[1] & 7) >= layers;
}

class unit_writer {
 public:
  unit_writer(uint8_t* out, size_t room) noexcept : m_out(out), m_room(room) {}

  void put(nal_unit unit) noexcept {
    if (m_has_overflowed || unit.size() + 4 > m_room - m_used) {
      m_has_overflowed = true;
      return;
    }
    for (const int shift : {24, 16, 8, 0}) m_out[m_used++] = static_cast<uint8_t>(unit.size() >> shift);
    std::memcpy(m_out + m_used, unit.data(), unit.size());
    m_used += unit.size();
  }
  size_t used() const noexcept { return m_used; }
  bool has_overflowed() const noexcept { return m_has_overflowed; }

 private:
  uint8_t* const m_out;
  const size_t m_room;
  size_t m_used = 0;
  bool m_has_overflowed = false;
};

/// Whether avcC or hvcC holds the set: there it stands behind its length in two bytes.
bool holds_set(byte_view record, nal_unit set) noexcept {
  constexpr size_t length_bytes = 2;
  const uint8_t* from = record.begin();
  while (true) {
    const uint8_t* found = std::search(from, record.end(), set.begin(), set.end());
    if (found == record.end()) return false;
    const auto offset = static_cast<size_t>(found - record.begin());
    if (offset >= length_bytes && size_t{record[offset - 2]} << 8 == (set.size() & 0xff00) &&
        record[offset - 1] == (set.size() & 0xff)) {
      return true;
    }
    from = found + 1;
  }
}

/// The arrays of an hvcC as units: what the decoder must know, whatever the access unit carried itself.
void put_hvcc_sets(byte_view record, unit_writer& writer) noexcept {
  constexpr size_t arrays_offset = 22;
  byte_reader in(record);
  in.skip(arrays_offset);
  for (int arrays = in.read_u8(); arrays > 0 && !in.failed(); --arrays) {
    in.skip(1);
    for (int units = in.read_u16(); units > 0 && !in.failed(); --units) {
      const byte_view unit = in.read_bytes(in.read_u16());
      if (!unit.empty()) writer.put(unit);
    }
  }
}

}  // namespace

packed_access_unit pack_access_unit(byte_view access_unit, codec_config& config, uint32_t sent_version, uint8_t* out,
                                    size_t room) {
  const bool is_h264 = config.codec() == codec_id::h264;
  packed_access_unit packed;
  unit_writer writer(out, room);
  // SEI and the like wait for the first slice: changed sets must precede them, and whether they changed is known only then. So do
  // sets that the record does not hold, for it has one of each kind, and a stream may use several.
  struct waiting_unit {
    nal_unit unit;
    bool is_set = false;
  };
  std::array<waiting_unit, 16> waiting;
  size_t waiting_count = 0;
  bool has_begun = false;
  bool are_all_unreferenced = true;

  annexb_cursor cursor(access_unit);
  nal_unit unit;
  while (cursor.next(unit)) {
    const nal_role role = is_h264 ? h264_role(unit) : h265_role(unit);
    if (role == nal_role::dropped) continue;
    const uint64_t broken_before = config.broken_sets();
    config.feed(unit);
    const bool is_set = role == nal_role::parameter_set;
    packed.has_parameter_sets |= is_set;
    if (is_set && (config.broken_sets() != broken_before || holds_set(config.record(), unit))) continue;
    if ((is_set || role == nal_role::kept) && !has_begun && waiting_count < waiting.size()) {
      waiting[waiting_count++] = {unit, is_set};
      continue;
    }
    if (!has_begun) {
      has_begun = true;
      if (!is_h264 && sent_version != 0 && sent_version != config.version()) put_hvcc_sets(config.record(), writer);
      for (size_t i = 0; i < waiting_count; ++i) {
        if (!waiting[i].is_set || !holds_set(config.record(), waiting[i].unit)) writer.put(waiting[i].unit);
      }
    }
    writer.put(unit);
    if (is_set || role == nal_role::kept) continue;
    packed.has_picture = true;
    packed.is_keyframe |= role == nal_role::key_slice;
    are_all_unreferenced &= is_unreferenced(unit, config);
  }
  packed.is_disposable = packed.has_picture && !packed.is_keyframe && are_all_unreferenced;
  packed.bytes = writer.used();
  packed.has_overflowed = writer.has_overflowed();
  return packed;
}

}  // namespace campush
