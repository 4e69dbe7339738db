#include "rtmp/protocol/command_output.h"

#include <algorithm>

#include "rtmp/protocol/chunk_writer.h"

namespace campush {

namespace {

/// A control message on the stack: no control message of ours is longer than 6 bytes.
struct control_payload {
  std::array<uint8_t, 6> bytes{};
  size_t size = 0;

  void put(uint32_t value, int count) {
    for (int shift = 8 * (count - 1); shift >= 0; shift -= 8) bytes[size++] = static_cast<uint8_t>(value >> shift);
  }
  byte_view view() const { return {bytes.data(), size}; }
};

}  // namespace

void command_output::write_on_control_stream(message_type type, byte_view payload) {
  append_chunked(m_bytes, {type, chunk_stream::control, 0, 0}, payload, m_chunk_size);
}

void command_output::write_set_chunk_size(uint32_t chunk_size) {
  write_control(message_type::set_chunk_size, chunk_size);
  m_chunk_size = chunk_size;
}

void command_output::write_control(message_type type, uint32_t value) {
  control_payload payload;
  payload.put(value, 4);
  write_on_control_stream(type, payload.view());
}

void command_output::write_peer_bandwidth(uint32_t value, uint8_t limit_type) {
  control_payload payload;
  payload.put(value, 4);
  payload.put(limit_type, 1);
  write_on_control_stream(message_type::set_peer_bandwidth, payload.view());
}

void command_output::write_user_control(uint16_t event, uint32_t value) {
  control_payload payload;
  payload.put(event, 2);
  payload.put(value, 4);
  write_on_control_stream(message_type::user_control, payload.view());
}

void command_output::write_command(uint32_t chunk_stream_id, uint32_t message_stream_id,
                                   const std::vector<amf0_value>& values) {
  std::vector<uint8_t> body;
  byte_writer writer(body);
  for (const amf0_value& value : values) write_amf0(writer, value);
  append_chunked(m_bytes, {message_type::command_amf0, chunk_stream_id, 0, message_stream_id}, body, m_chunk_size);
}

void command_output::consume(size_t bytes) noexcept {
  m_consumed += std::min(bytes, m_bytes.size() - m_consumed);
  // A peer that never takes all must not make the storage grow. What is moved is no more than what was sent since the last time.
  if (m_consumed < m_bytes.size() - m_consumed) return;
  m_bytes.erase(m_bytes.begin(), m_bytes.begin() + static_cast<std::ptrdiff_t>(m_consumed));
  m_consumed = 0;
}

}  // namespace campush
