#include "media/annexb.h"

#include <algorithm>
#include <cstring>

#include "media/h264.h"
#include "media/h265.h"

namespace campush {
namespace {

/// First bytes of a NAL unit that decide whether it begins an access unit: the header and the first bit of a slice.
constexpr size_t h264_head_bytes = 2, h265_head_bytes = 3;
constexpr size_t start_code_bytes = 3;

struct unit_role {
  bool is_vcl = false;
  /// Begins an access unit if the one before already has a picture.
  bool may_begin = false;
};

unit_role h264_role(byte_view head) noexcept {
  const uint8_t type = h264_nal_type(head[0]);
  // first_mb_in_slice is ue(v): a leading 1 bit is the value 0.
  if (type >= 1 && type <= 5) return {true, type != 3 && type != 4 && head.size() > 1 && (head[1] & 0x80) != 0};
  return {false, (type >= h264_nal::sei && type <= h264_nal::access_unit_delimiter) || (type >= 14 && type <= 18)};
}

unit_role h265_role(byte_view head) noexcept {
  if (head.size() < 2) return {};
  const bool is_base_layer = (head[0] & 1) == 0 && (head[1] & 0xf8) == 0;
  if (!is_base_layer) return {};
  const uint8_t type = h265_nal_type(head[0]);
  if (type < h265_nal::vcl_end) return {true, head.size() > 2 && (head[2] & 0x80) != 0};
  return {false, (type >= h265_nal::vps && type <= h265_nal::access_unit_delimiter) || type == h265_nal::prefix_sei ||
                     (type >= 41 && type <= 44) || (type >= 48 && type <= 55)};
}

}  // namespace

size_t find_start_code(byte_view bytes, size_t from) noexcept {
  // The 1 is searched first: in coded pictures it is rarer than 0, and memchr runs at the speed of memory.
  for (size_t i = from < bytes.size() ? from + 2 : bytes.size(); i < bytes.size(); ++i) {
    const void* found = std::memchr(bytes.data() + i, 1, bytes.size() - i);
    if (found == nullptr) break;
    i = static_cast<size_t>(static_cast<const uint8_t*>(found) - bytes.data());
    if (bytes[i - 1] == 0 && bytes[i - 2] == 0) return i - 2;
  }
  return bytes.size();
}

annexb_cursor::annexb_cursor(byte_view bytes) noexcept : m_bytes(bytes), m_position(find_start_code(bytes, 0)) {
  if (m_position < bytes.size()) return;
  m_is_unframed = true;
  m_position = 0;
}

bool annexb_cursor::next(nal_unit& unit) noexcept {
  while (m_position < m_bytes.size()) {
    const size_t begin = m_is_unframed ? m_position : m_position + start_code_bytes;
    size_t end = m_position = m_is_unframed ? m_bytes.size() : find_start_code(m_bytes, begin);
    while (end > begin && m_bytes[end - 1] == 0) --end;
    if (end <= begin) continue;
    unit = m_bytes.subview(begin, end - begin);
    return true;
  }
  return false;
}

access_unit_splitter::access_unit_splitter(codec_id codec, size_t max_bytes) : m_codec(codec), m_max_bytes(max_bytes) {}

bool access_unit_splitter::is_boundary(byte_view head) noexcept {
  const unit_role role = m_codec == codec_id::h265 ? h265_role(head) : h264_role(head);
  const bool begins = m_starts.empty() || (m_has_vcl && role.may_begin);
  if (begins) m_has_vcl = false;
  m_has_vcl = m_has_vcl || role.is_vcl;
  return begins;
}

void access_unit_splitter::drop_consumed() {
  if (m_consumed == 0) return;
  m_buffer.erase(m_buffer.begin(), m_buffer.begin() + static_cast<ptrdiff_t>(m_consumed));
  m_starts.erase(m_starts.begin(), m_starts.begin() + static_cast<ptrdiff_t>(m_next_start));
  for (size_t& start : m_starts) start -= m_consumed;
  m_scanned -= m_consumed;
  m_next_start = m_consumed = 0;
}

void access_unit_splitter::scan() {
  const byte_view bytes(m_buffer);
  const size_t head_bytes = m_codec == codec_id::h265 ? h265_head_bytes : h264_head_bytes;
  while (true) {
    const size_t code = find_start_code(bytes, m_scanned);
    const size_t unit = code + start_code_bytes;
    if (code == bytes.size()) {
      // The last two bytes may be the beginning of a start code.
      m_scanned = std::max(m_scanned, bytes.size() - std::min<size_t>(bytes.size(), 2));
      return;
    }
    const byte_view head = bytes.subview(unit, head_bytes);
    if (head.size() < head_bytes && !m_is_finished) {
      m_scanned = code;
      return;
    }
    m_scanned = unit;
    if (head.empty() || !is_boundary(head)) continue;
    // The zero_byte of a four-byte start code belongs to what it begins.
    const bool has_zero_byte = code > m_consumed && bytes[code - 1] == 0;
    m_starts.push_back(has_zero_byte ? code - 1 : code);
  }
}

size_t access_unit_splitter::longest_access_unit() const noexcept {
  size_t longest = 0;
  for (size_t i = m_next_start; i < m_starts.size(); ++i) {
    const size_t end = i + 1 < m_starts.size() ? m_starts[i + 1] : m_buffer.size();
    longest = std::max(longest, end - m_starts[i]);
  }
  return longest;
}

result<void> access_unit_splitter::append(byte_view bytes) {
  drop_consumed();
  m_buffer.insert(m_buffer.end(), bytes.begin(), bytes.end());
  scan();
  const bool is_lost = m_starts.empty() && m_buffer.size() >= m_max_bytes;
  if (is_lost || longest_access_unit() > m_max_bytes) {
    reset();
    if (is_lost)
      return fail(error_code::malformed, "no start code in the first " + std::to_string(m_max_bytes) + " bytes");
    return fail(error_code::too_big, "access unit over " + std::to_string(m_max_bytes) + " bytes");
  }
  return {};
}

bool access_unit_splitter::next(byte_view& access_unit) {
  if (m_is_finished) scan();
  const size_t following = m_next_start + 1;
  const bool is_last = following == m_starts.size() && m_is_finished;
  if (following >= m_starts.size() && !is_last) return false;
  const size_t begin = m_starts[m_next_start];
  m_consumed = is_last ? m_buffer.size() : m_starts[following];
  m_next_start = following;
  access_unit = byte_view(m_buffer).subview(begin, m_consumed - begin);
  return true;
}

void access_unit_splitter::reset() noexcept {
  m_buffer.clear();
  m_starts.clear();
  m_next_start = m_consumed = m_scanned = 0;
  m_has_vcl = m_is_finished = false;
}

}  // namespace campush
