#pragma once

#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

namespace campush {

/// Values from one thread to another, in order: fixed capacity, no lock, no allocation after construction.
/// Shape: capacity is rounded up to a power of two. A popped slot is reset to Value{}, so that what it referred to is let go.
/// Errors: try_push() refuses when full and leaves the value with the caller.
/// Thread: try_push() and free_slots() on one thread, try_pop() on one other; size() any-thread, a moment's guess.
template <class Value>
class spsc_ring {  // NOLINT(clang-analyzer-optin.performance.Padding): the padding is the point, see cache_line
 public:
  explicit spsc_ring(size_t capacity) : m_slots(round_up(capacity)), m_mask(m_slots.size() - 1) {}
  spsc_ring(const spsc_ring&) = delete;
  spsc_ring& operator=(const spsc_ring&) = delete;

  size_t capacity() const noexcept { return m_slots.size(); }
  size_t size() const noexcept {
    const size_t head = m_head.load(std::memory_order_acquire);
    return m_tail.load(std::memory_order_acquire) - head;
  }
  /// At least so many pushes will be taken.
  size_t free_slots() const noexcept {
    return capacity() - (m_tail.load(std::memory_order_relaxed) - m_head.load(std::memory_order_acquire));
  }

  bool try_push(Value&& value) noexcept {
    const size_t tail = m_tail.load(std::memory_order_relaxed);
    if (tail - m_known_head == capacity()) {
      m_known_head = m_head.load(std::memory_order_acquire);
      if (tail - m_known_head == capacity()) return false;
    }
    m_slots[tail & m_mask] = std::move(value);
    m_tail.store(tail + 1, std::memory_order_release);
    return true;
  }

  bool try_pop(Value& out) noexcept {
    const size_t head = m_head.load(std::memory_order_relaxed);
    if (head == m_known_tail) {
      m_known_tail = m_tail.load(std::memory_order_acquire);
      if (head == m_known_tail) return false;
    }
    out = std::exchange(m_slots[head & m_mask], Value{});
    m_head.store(head + 1, std::memory_order_release);
    return true;
  }

 private:
  static size_t round_up(size_t capacity) noexcept {
    size_t rounded = 1;
    while (rounded < capacity) rounded <<= 1;
    return rounded;
  }
  // Each side's words stand on a cache line of their own, or every push would stall the reader.
  static constexpr size_t cache_line = 64;

  // constant after construction
  std::vector<Value> m_slots;
  const size_t m_mask;
  // written by the consumer
  alignas(cache_line) std::atomic<size_t> m_head{0};
  size_t m_known_tail = 0;
  // written by the producer
  alignas(cache_line) std::atomic<size_t> m_tail{0};
  size_t m_known_head = 0;
};

}  // namespace campush
