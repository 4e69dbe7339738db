#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace campush {

/// The RC4 key stream, as RTMPE uses it: encrypting and decrypting are the same.
/// Shape: adopt() takes over a state that another implementation has reached: its table, then its two indexes, one byte each.
/// Errors: adopt() is false when the bytes cannot be such a state (the table is not a permutation); nothing changes then.
/// Thread: any-thread (a value type).
class arcfour {
 public:
  static constexpr size_t table_size = 256, state_bytes = table_size + 2;

  [[nodiscard]] bool adopt(const uint8_t* state) noexcept;
  void apply(uint8_t* data, size_t size) noexcept;

 private:
  std::array<uint8_t, table_size> m_table{};
  uint8_t m_first = 0, m_second = 0;
};

}  // namespace campush
