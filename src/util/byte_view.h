#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace campush {

/// A borrowed, read-only run of bytes: pointer and length, nothing owned (C++17 has no std::span).
/// Shape: valid as long as the storage it was made from. An empty view may hold a null pointer.
/// Thread: any-thread (a value type).
class byte_view {
 public:
  constexpr byte_view() noexcept = default;
  constexpr byte_view(const uint8_t* data, size_t size) noexcept : m_data(data), m_size(size) {}
  byte_view(const std::vector<uint8_t>& bytes) noexcept : m_data(bytes.data()), m_size(bytes.size()) {}
  template <size_t N>
  constexpr byte_view(const uint8_t (&bytes)[N]) noexcept : m_data(bytes), m_size(N) {}

  static byte_view of_text(std::string_view text) noexcept {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  }

  constexpr const uint8_t* data() const noexcept { return m_data; }
  constexpr size_t size() const noexcept { return m_size; }
  constexpr bool empty() const noexcept { return m_size == 0; }
  constexpr const uint8_t* begin() const noexcept { return m_data; }
  constexpr const uint8_t* end() const noexcept { return m_data + m_size; }
  constexpr uint8_t operator[](size_t index) const noexcept { return m_data[index]; }

  /// The part from `offset` on, at most `count` bytes; clamped, never out of range.
  constexpr byte_view subview(size_t offset, size_t count = SIZE_MAX) const noexcept {
    if (offset >= m_size) return {m_data + m_size, 0};
    const size_t left = m_size - offset;
    return {m_data + offset, count < left ? count : left};
  }

  std::vector<uint8_t> to_vector() const { return {begin(), end()}; }
  std::string_view as_text() const noexcept { return {reinterpret_cast<const char*>(m_data), m_size}; }

 private:
  const uint8_t* m_data = nullptr;
  size_t m_size = 0;
};

bool operator==(byte_view left, byte_view right) noexcept;
inline bool operator!=(byte_view left, byte_view right) noexcept {
  return !(left == right);
}

}  // namespace campush
