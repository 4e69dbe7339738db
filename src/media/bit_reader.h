#pragma once

#include "util/byte_view.h"
#include "util/result.h"

namespace campush {

/// Whether 00 00 03 in the bytes stands for 00 00 (NAL units) or for itself (everything else).
enum class emulation_bytes : uint8_t { removed, kept };

/// Reads the bit fields and Exp-Golomb codes of parameter sets and slice headers, most significant bit first.
/// Shape: emulation prevention is removed while reading, so no copy of the unit is made. No allocation.
/// Errors: the first failure sticks (truncated: read past the end; malformed: a value over its limit, or a code of more
///   than 32 bits); every later read returns 0. A parser may read a whole set and ask once with status(), but must
///   not loop over a count without a limit.
/// Thread: any-thread (a value type).
/// Source: H.264 7.2, 7.4.1, 9.1; H.265 7.2, 7.3.1.1, 9.2.
class bit_reader {
 public:
  explicit bit_reader(byte_view bytes, emulation_bytes mode = emulation_bytes::removed) noexcept
      : m_bytes(bytes), m_mode(mode) {}

  bool failed() const noexcept { return m_has_failed; }
  [[nodiscard]] result<void> status(const char* what) const {
    if (!m_has_failed) return {};
    return fail(m_failure,
                std::string(what) + (m_failure == error_code::truncated ? " ends early" : " is out of range"));
  }

  /// At most 32 bits.
  uint32_t read_bits(unsigned count) noexcept {
    while (m_cached < count) {
      if (!load_byte()) return refuse(error_code::truncated);
    }
    m_cached -= count;
    return static_cast<uint32_t>(m_cache >> m_cached & ((uint64_t{1} << count) - 1));
  }
  uint8_t read_u8() noexcept { return static_cast<uint8_t>(read_bits(8)); }
  bool read_flag() noexcept { return read_bits(1) != 0; }
  void skip_bits(size_t count) noexcept {
    for (; count > 32 && !m_has_failed; count -= 32) read_bits(32);
    if (!m_has_failed) read_bits(static_cast<unsigned>(count));
  }

  /// ue(v), at most `limit`.
  uint32_t read_ue(uint32_t limit = UINT32_MAX) noexcept {
    unsigned zeros = 0;
    while (!read_flag()) {
      if (m_has_failed) return 0;
      if (++zeros > 31) return refuse(error_code::malformed);
    }
    const uint32_t value = (uint32_t{1} << zeros) - 1 + read_bits(zeros);
    return value > limit ? refuse(error_code::malformed) : m_has_failed ? 0 : value;
  }
  /// se(v).
  int32_t read_se() noexcept {
    const int64_t code = read_ue();
    return static_cast<int32_t>(code % 2 != 0 ? (code + 1) / 2 : -(code / 2));
  }
  void skip_ue(unsigned count) noexcept {
    for (; count > 0 && !m_has_failed; --count) read_ue();
  }

 private:
  bool load_byte() noexcept {
    if (m_mode == emulation_bytes::removed && m_zeros >= 2 && m_position < m_bytes.size() && m_bytes[m_position] == 3) {
      ++m_position;
      m_zeros = 0;
    }
    if (m_has_failed || m_position >= m_bytes.size()) return false;
    const uint8_t byte = m_bytes[m_position++];
    m_zeros = byte == 0 ? m_zeros + 1 : 0;
    m_cache = m_cache << 8 | byte;
    m_cached += 8;
    return true;
  }
  uint32_t refuse(error_code why) noexcept {
    if (!m_has_failed) m_failure = why;
    m_has_failed = true;
    m_position = m_bytes.size();
    m_cached = 0;
    return 0;
  }

  byte_view m_bytes;
  emulation_bytes m_mode;
  size_t m_position = 0;
  uint64_t m_cache = 0;
  unsigned m_cached = 0, m_zeros = 0;
  bool m_has_failed = false;
  error_code m_failure = error_code::truncated;
};

}  // namespace campush
