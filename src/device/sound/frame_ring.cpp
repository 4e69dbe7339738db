#include "device/sound/frame_ring.h"

#include <cstring>
#include <new>

namespace campush {

namespace {

size_t round_up(size_t capacity) noexcept {
  size_t rounded = 1024;
  while (rounded < capacity) rounded <<= 1;
  return rounded;
}

}  // namespace

frame_ring::frame_ring(size_t capacity)
    : m_storage(round_up(capacity) / sizeof(record) + 1), m_capacity(round_up(capacity)) {}

frame_ring::record* frame_ring::at(size_t position) noexcept {
  auto* const bytes = reinterpret_cast<uint8_t*>(m_storage.data());
  return reinterpret_cast<record*>(static_cast<void*>(bytes + (position & (m_capacity - 1))));
}

size_t frame_ring::size_of(size_t payload) noexcept {
  return (sizeof(record) + payload + unit - 1) / unit * unit;
}

/// A record stands in one piece: what is left at the end of the storage is padded.
bool frame_ring::push(const media_frame& frame) noexcept {
  const size_t size = size_of(frame.payload.size());
  size_t tail = m_tail.load(std::memory_order_relaxed);
  const size_t to_end = m_capacity - (tail & (m_capacity - 1));
  const size_t padding = size > to_end ? to_end : 0;
  const size_t used = tail - m_head.load(std::memory_order_acquire);
  if (used + padding + size > m_capacity) return false;
  if (padding >= sizeof(record)) {
    record& filler = *new (at(tail)) record;
    filler.is_padding = true;
  }
  tail += padding;
  record& written = *new (at(tail)) record;
  written.bytes = static_cast<uint32_t>(frame.payload.size());
  written.codec = frame.codec;
  written.dts = frame.dts;
  written.capture_time = frame.capture_time;
  if (!frame.payload.empty()) std::memcpy(&written + 1, frame.payload.data(), frame.payload.size());
  m_tail.store(tail + size, std::memory_order_release);
  return true;
}

std::optional<media_frame> frame_ring::front() noexcept {
  const size_t tail = m_tail.load(std::memory_order_acquire);
  size_t head = m_head.load(std::memory_order_relaxed);
  if (head == tail) return std::nullopt;
  const size_t to_end = m_capacity - (head & (m_capacity - 1));
  if (to_end < sizeof(record) || at(head)->is_padding) {
    head += to_end;
    m_head.store(head, std::memory_order_release);
    if (head == tail) return std::nullopt;
  }
  const record& read = *at(head);
  media_frame frame;
  frame.codec = read.codec;
  frame.dts = frame.pts = read.dts;
  frame.capture_time = read.capture_time;
  frame.payload = {reinterpret_cast<const uint8_t*>(&read + 1), read.bytes};
  return frame;
}

void frame_ring::pop() noexcept {
  const size_t head = m_head.load(std::memory_order_relaxed);
  m_head.store(head + size_of(at(head)->bytes), std::memory_order_release);
}

}  // namespace campush
