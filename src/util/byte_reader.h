#pragma once

#include <cstring>

#include "util/byte_view.h"

namespace campush {

/// Reads big-endian fields from a byte_view.
/// Errors: a read past the end returns 0 (or an empty view), sets `failed()` for good and consumes the rest, so a
/// parser may read a whole record and ask once.
/// Thread: any-thread (a value type).
class byte_reader {
 public:
  explicit byte_reader(byte_view bytes) noexcept : m_bytes(bytes) {}

  bool failed() const noexcept { return m_failed; }
  size_t position() const noexcept { return m_position; }
  size_t remaining() const noexcept { return m_bytes.size() - m_position; }

  uint8_t read_u8() noexcept { return static_cast<uint8_t>(read_be(1)); }
  uint16_t read_u16() noexcept { return static_cast<uint16_t>(read_be(2)); }
  uint32_t read_u24() noexcept { return static_cast<uint32_t>(read_be(3)); }
  uint32_t read_u32() noexcept { return static_cast<uint32_t>(read_be(4)); }
  uint64_t read_u64() noexcept { return read_be(8); }
  /// RTMP's message stream id is the one little-endian field of the protocol (RTMP 1.0 section 5.3.1.2.1).
  uint32_t read_u32_le() noexcept { return __builtin_bswap32(read_u32()); }
  double read_f64() noexcept {
    const uint64_t bits = read_be(8);
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  byte_view read_bytes(size_t count) noexcept {
    if (!take(count)) return {};
    return m_bytes.subview(m_position - count, count);
  }
  void skip(size_t count) noexcept { take(count); }
  byte_view rest() const noexcept { return m_bytes.subview(m_position); }

 private:
  bool take(size_t count) noexcept {
    if (count > remaining()) {
      m_failed = true;
      m_position = m_bytes.size();
      return false;
    }
    m_position += count;
    return true;
  }
  uint64_t read_be(size_t count) noexcept {
    if (!take(count)) return 0;
    uint64_t value = 0;
    for (size_t i = m_position - count; i < m_position; ++i) value = value << 8 | m_bytes[i];
    return value;
  }

  byte_view m_bytes;
  size_t m_position = 0;
  bool m_failed = false;
};

}  // namespace campush
