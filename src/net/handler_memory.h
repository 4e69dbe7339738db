#pragma once

#include <cstddef>
#include <new>

namespace campush {

/// Room for the one Asio operation that its owner has under way, so that waiting allocates nothing.
/// Shape: an operation that does not fit, or a second one, falls back to the heap.
/// Thread: loop-thread.
class handler_memory {
 public:
  handler_memory() = default;
  handler_memory(const handler_memory&) = delete;
  handler_memory& operator=(const handler_memory&) = delete;

  void* take(size_t size) {
    if (m_is_taken || size > sizeof m_bytes) return ::operator new(size);
    m_is_taken = true;
    return m_bytes;
  }
  void give_back(void* block) noexcept {
    if (block != m_bytes) return ::operator delete(block);
    m_is_taken = false;
  }

 private:
  alignas(std::max_align_t) unsigned char m_bytes[160];
  bool m_is_taken = false;
};

/// The allocator that Asio finds in a handler (get_allocator()).
template <class T>
class handler_allocator {
 public:
  using value_type = T;
  explicit handler_allocator(handler_memory& memory) noexcept : m_memory(&memory) {}
  template <class U>
  handler_allocator(const handler_allocator<U>& other) noexcept : m_memory(other.m_memory) {}
  T* allocate(size_t count) { return static_cast<T*>(m_memory->take(count * sizeof(T))); }
  void deallocate(T* block, size_t) noexcept { m_memory->give_back(block); }
  friend bool operator==(const handler_allocator& left, const handler_allocator& right) noexcept {
    return left.m_memory == right.m_memory;
  }
  friend bool operator!=(const handler_allocator& left, const handler_allocator& right) noexcept {
    return !(left == right);
  }

 private:
  template <class U>
  friend class handler_allocator;
  handler_memory* m_memory;
};

}  // namespace campush
