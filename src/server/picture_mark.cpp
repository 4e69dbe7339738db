#include "server/picture_mark.h"

#include <algorithm>
#include <array>

#include "util/byte_reader.h"

namespace campush {

namespace {

constexpr uint8_t mark_id[] = {'c', 'a', 'm', 'p', 'u', 's', 'h', ' ', 'p', 'i', 'c', 't', 'u', 'r', 'e', 0};
constexpr size_t mark_bytes = sizeof(mark_id) + 6;
constexpr uint8_t payload_user_data_unregistered = 5;
/// Longer SEI units hold no mark of ours; the bound keeps the copy without emulation prevention on the stack.
constexpr size_t max_sei_bytes = 128;

struct unescaped_bytes {
  std::array<uint8_t, max_sei_bytes> bytes{};
  size_t size = 0;
  byte_view view() const { return {bytes.data(), size}; }
};

/// Drops the emulation prevention bytes of the unit's beginning.
unescaped_bytes unescape(byte_view unit) {
  unescaped_bytes out;
  int zeros = 0;
  for (const uint8_t each : unit) {
    if (out.size == out.bytes.size()) break;
    if (zeros >= 2 && each == 3) {
      zeros = 0;
      continue;
    }
    zeros = each == 0 ? zeros + 1 : 0;
    out.bytes[out.size++] = each;
  }
  return out;
}

/// The 0xFF-continued numbers of SEI messages.
uint32_t read_sei_number(byte_reader& in) {
  uint32_t value = 0;
  for (;;) {
    const uint8_t part = in.read_u8();
    value += part;
    if (part != 0xff || in.failed()) return value;
  }
}

bool is_sei(byte_view unit, nal_syntax syntax) {
  if (unit.size() < 2) return false;
  return syntax == nal_syntax::h264 ? (unit[0] & 0x1f) == 6 : (unit[0] >> 1 & 0x3f) == 39;
}

}  // namespace

std::optional<picture_mark> read_picture_mark(byte_view nal_unit, nal_syntax syntax) {
  if (!is_sei(nal_unit, syntax)) return std::nullopt;
  const unescaped_bytes sei = unescape(nal_unit);
  byte_reader in(sei.view());
  in.skip(syntax == nal_syntax::h264 ? 1 : 2);
  while (!in.failed() && in.remaining() > 2) {
    const uint32_t type = read_sei_number(in);
    const uint32_t size = read_sei_number(in);
    const byte_view payload = in.read_bytes(size);
    if (in.failed() || type != payload_user_data_unregistered || payload.size() != mark_bytes) continue;
    if (payload.subview(0, sizeof(mark_id)) != byte_view(mark_id)) continue;
    byte_reader fields(payload.subview(sizeof(mark_id)));
    picture_mark mark;
    mark.number = fields.read_u32();
    const uint8_t flags = fields.read_u8();
    mark.is_keyframe = (flags & 1) != 0;
    mark.is_disposable = (flags & 2) != 0;
    mark.reference_count = fields.read_u8();
    return mark;
  }
  return std::nullopt;
}

std::optional<picture_mark> find_picture_mark(byte_view access_unit, nal_syntax syntax) {
  byte_reader in(access_unit);
  while (in.remaining() > 4) {
    const uint32_t size = in.read_u32();
    const byte_view unit = in.read_bytes(size);
    if (in.failed()) break;
    if (const auto mark = read_picture_mark(unit, syntax)) return mark;
  }
  return std::nullopt;
}

bool picture_checker::add(const picture_mark& mark) noexcept {
  ++m_pictures;
  bool is_complete = true;
  if (mark.is_keyframe) {
    m_has_keyframe = true;
  } else {
    const uint8_t step = mark.is_disposable ? 0 : 1;
    is_complete = m_has_keyframe && mark.reference_count == static_cast<uint8_t>(m_last->reference_count + step);
  }
  if (!is_complete) ++m_missing_references;
  // Numbers go back only where a clip begins anew.
  if (m_last && mark.number > m_last->number) m_skipped += mark.number - m_last->number - 1;
  m_last = mark;
  return is_complete;
}

}  // namespace campush
