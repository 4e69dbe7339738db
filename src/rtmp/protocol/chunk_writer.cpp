#include "rtmp/protocol/chunk_writer.h"

#include <algorithm>

namespace campush {

namespace {

constexpr uint32_t extended_mark = 0xffffff;

uint8_t* put_be(uint8_t* out, uint32_t value, int bytes) noexcept {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) *out++ = static_cast<uint8_t>(value >> shift);
  return out;
}

uint8_t* put_basic_header(uint8_t* out, uint8_t format, uint32_t id) noexcept {
  const auto high = static_cast<uint8_t>(format << 6);
  if (id < 64) {
    *out++ = static_cast<uint8_t>(high | id);
  } else if (id < 64 + 256) {
    *out++ = high;
    *out++ = static_cast<uint8_t>(id - 64);
  } else {
    *out++ = static_cast<uint8_t>(high | 1);
    *out++ = static_cast<uint8_t>(id - 64);
    *out++ = static_cast<uint8_t>((id - 64) >> 8);
  }
  return out;
}

}  // namespace

chunked_message::chunked_message(const message_header& header, byte_view head, byte_view body,
                                 uint32_t chunk_size) noexcept
    : m_head(head), m_body(body), m_chunk_size(std::max<uint32_t>(chunk_size, 1)) {
  const size_t payload = head.size() + body.size();
  const bool is_extended = header.timestamp_ms >= extended_mark;

  uint8_t* first = put_basic_header(m_first_header.data(), 0, header.chunk_stream_id);
  first = put_be(first, is_extended ? extended_mark : header.timestamp_ms, 3);
  first = put_be(first, static_cast<uint32_t>(payload), 3);
  *first++ = static_cast<uint8_t>(header.type);
  first = put_be(first, __builtin_bswap32(header.message_stream_id), 4);
  uint8_t* next = put_basic_header(m_next_header.data(), 3, header.chunk_stream_id);
  if (is_extended) {
    first = put_be(first, header.timestamp_ms, 4);
    next = put_be(next, header.timestamp_ms, 4);
  }
  m_first_size = static_cast<uint8_t>(first - m_first_header.data());
  m_next_size = static_cast<uint8_t>(next - m_next_header.data());

  const size_t continuations = payload == 0 ? 0 : (payload - 1) / m_chunk_size;
  m_wire_bytes = m_first_size + payload + continuations * m_next_size;
}

size_t chunked_message::gather(byte_view* out, size_t capacity) const noexcept {
  size_t count = 0;
  size_t position = m_position;
  const auto add = [&](byte_view part) {
    out[count++] = part;
    position += part.size();
  };
  if (position < m_first_size && count < capacity) {
    add({m_first_header.data() + position, m_first_size - position});
  }
  const size_t stride = size_t{m_chunk_size} + m_next_size;
  while (count < capacity && position < m_wire_bytes) {
    const size_t chunk = (position - m_first_size) / stride;
    const size_t within = (position - m_first_size) % stride;
    if (within >= m_chunk_size) {
      const size_t header_offset = within - m_chunk_size;
      add({m_next_header.data() + header_offset, m_next_size - header_offset});
      continue;
    }
    const size_t offset = chunk * m_chunk_size + within;
    const size_t wanted = m_chunk_size - within;
    add(offset < m_head.size() ? m_head.subview(offset, wanted) : m_body.subview(offset - m_head.size(), wanted));
  }
  return count;
}

void chunked_message::advance(size_t bytes) noexcept {
  m_position += std::min(bytes, remaining_bytes());
}

void append_chunked(std::vector<uint8_t>& out, const message_header& header, byte_view payload, uint32_t chunk_size) {
  chunked_message message(header, {}, payload, chunk_size);
  std::array<byte_view, 16> parts;
  while (!message.is_done()) {
    const size_t count = message.gather(parts.data(), parts.size());
    for (size_t i = 0; i < count; ++i) {
      out.insert(out.end(), parts[i].begin(), parts[i].end());
      message.advance(parts[i].size());
    }
  }
}

}  // namespace campush
