#pragma once

#include <cstring>

#include "util/byte_view.h"

namespace campush {

/// Appends big-endian fields to a vector it does not own. For set-up messages (metadata, headers, commands), not
/// for the frame path: the vector may grow.
/// Thread: any-thread.
class byte_writer {
 public:
  explicit byte_writer(std::vector<uint8_t>& out) noexcept : m_out(out) {}

  size_t size() const noexcept { return m_out.size(); }
  void write_u8(uint8_t value) { m_out.push_back(value); }
  void write_u16(uint16_t value) { write_be(value, 2); }
  void write_u24(uint32_t value) { write_be(value, 3); }
  void write_u32(uint32_t value) { write_be(value, 4); }
  void write_u64(uint64_t value) { write_be(value, 8); }
  void write_u32_le(uint32_t value) { write_be(__builtin_bswap32(value), 4); }
  void write_f64(double value) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    write_be(bits, 8);
  }
  void write_bytes(byte_view bytes) { m_out.insert(m_out.end(), bytes.begin(), bytes.end()); }

 private:
  void write_be(uint64_t value, int count) {
    for (int shift = 8 * (count - 1); shift >= 0; shift -= 8) m_out.push_back(static_cast<uint8_t>(value >> shift));
  }

  std::vector<uint8_t>& m_out;
};

}  // namespace campush
