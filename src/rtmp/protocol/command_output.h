#pragma once

#include <vector>

#include "rtmp/protocol/amf0.h"
#include "rtmp/protocol/message.h"

namespace campush {

/// What a dialogue has to say and the transport has not taken yet: handshake parts, control messages and commands as wire bytes.
/// Shape: bytes are appended at the end and consumed from the front; the storage is kept, so a steady state of answers does not
///   allocate, and is at most twice what waits. pending() is valid until the next call that writes or consumes.
/// Errors: none. is_overfull() tells that a peer makes us answer without reading the answers; the dialogue ends then.
/// Thread: loop-thread.
class command_output {
 public:
  explicit command_output(size_t max_pending_bytes) noexcept : m_max_pending_bytes(max_pending_bytes) {}

  /// For the handshake, which is not chunked.
  std::vector<uint8_t>& raw() noexcept { return m_bytes; }
  /// Announces the size and chunks everything after it by it.
  void write_set_chunk_size(uint32_t chunk_size);
  /// Window Ack Size, Acknowledgement: one 32-bit field.
  void write_control(message_type type, uint32_t value);
  void write_peer_bandwidth(uint32_t value, uint8_t limit_type);
  void write_user_control(uint16_t event, uint32_t value);
  void write_command(uint32_t chunk_stream_id, uint32_t message_stream_id, const std::vector<amf0_value>& values);

  byte_view pending() const noexcept { return byte_view(m_bytes).subview(m_consumed); }
  void consume(size_t bytes) noexcept;
  bool is_overfull() const noexcept { return m_bytes.size() - m_consumed > m_max_pending_bytes; }

 private:
  void write_on_control_stream(message_type type, byte_view payload);

  size_t m_max_pending_bytes;
  uint32_t m_chunk_size = 128;
  size_t m_consumed = 0;
  std::vector<uint8_t> m_bytes;
};

namespace user_control {
inline constexpr uint16_t stream_begin = 0, ping_request = 6, ping_response = 7;
}

/// Counts what arrives and says when an acknowledgement is due: each half window, so that a sender that waits for them never stalls.
/// Thread: loop-thread.
class acknowledgement_counter {
 public:
  void set_window(uint32_t bytes) noexcept { m_window = bytes; }
  /// 0: the peer never asked for acknowledgements.
  uint32_t window() const noexcept { return m_window; }
  bool is_due(uint64_t bytes_read) const noexcept {
    return m_window != 0 && bytes_read - m_acknowledged >= (m_window + 1) / 2;
  }
  void mark_sent(uint64_t bytes_read) noexcept { m_acknowledged = bytes_read; }

 private:
  uint32_t m_window = 0;
  uint64_t m_acknowledged = 0;
};

}  // namespace campush
