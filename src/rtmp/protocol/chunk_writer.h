#pragma once

#include <array>
#include <vector>

#include "rtmp/protocol/message.h"

namespace campush {

/// One message on its way out, cut into chunks without copying its payload.
/// Shape: the payload is `head` followed by `body`, both borrowed until is_done(). A type 0 header with the absolute
///   timestamp starts it, type 3 headers (with the extended timestamp repeated) continue it, so all continuation headers
///   are the same bytes and two small arrays hold every header of the message. gather() lists what is left, beginning
///   at the current position; advance() moves on by what the transport took, to the byte.
/// Units: sizes in bytes; chunk_size is the payload of one chunk (1 … 0x7fffffff).
/// Errors: none; a payload over 0xffffff bytes must be refused before (max_message_payload).
/// Thread: loop-thread. No allocation.
/// Source: RTMP 1.0 section 5.3.1; facts/rtmp 5.8 and 6.
class chunked_message {
 public:
  static constexpr size_t max_message_payload = 0xffffff;

  chunked_message() noexcept = default;
  chunked_message(const message_header& header, byte_view head, byte_view body, uint32_t chunk_size) noexcept;

  size_t wire_bytes() const noexcept { return m_wire_bytes; }
  size_t sent_bytes() const noexcept { return m_position; }
  size_t remaining_bytes() const noexcept { return m_wire_bytes - m_position; }
  bool is_done() const noexcept { return m_position == m_wire_bytes; }
  bool has_begun() const noexcept { return m_position != 0; }

  /// Fills at most `capacity` views with the bytes from the current position on; returns how many. The views point into
  /// this object and the payload: do not move it before they are written.
  size_t gather(byte_view* out, size_t capacity) const noexcept;
  void advance(size_t bytes) noexcept;

 private:
  std::array<uint8_t, 18> m_first_header{};
  std::array<uint8_t, 7> m_next_header{};
  uint8_t m_first_size = 0, m_next_size = 0;
  byte_view m_head, m_body;
  uint32_t m_chunk_size = 128;
  size_t m_wire_bytes = 0, m_position = 0;
};

/// Appends the whole chunked message to `out`: for commands and control messages, which are small and copied anyway.
void append_chunked(std::vector<uint8_t>& out, const message_header& header, byte_view payload, uint32_t chunk_size);

}  // namespace campush
