#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "util/byte_view.h"

namespace campush {

/// First in, first out over one power-of-two block that grows and is then kept: no heap churn per entry.
/// Thread: any-thread (a value type).
template <class Entry>
class memory_ring {
 public:
  size_t size() const noexcept { return m_end - m_begin; }
  bool empty() const noexcept { return m_begin == m_end; }
  const Entry& front() const noexcept { return m_entries[m_begin & mask()]; }
  Entry& front() noexcept { return m_entries[m_begin & mask()]; }
  Entry& back() noexcept { return m_entries[(m_end - 1) & mask()]; }
  void pop() noexcept { ++m_begin; }
  void drop_front(size_t count) noexcept { m_begin += count; }
  void drop_back(size_t count) noexcept { m_end -= count; }
  void push(const Entry& entry) {
    reserve(1);
    m_entries[m_end++ & mask()] = entry;
  }
  void push_all(const Entry* entries, size_t count) {
    if (count == 0) return;
    reserve(count);
    const size_t first = std::min(count, m_entries.size() - (m_end & mask()));
    std::memcpy(&m_entries[m_end & mask()], entries, first * sizeof(Entry));
    std::memcpy(m_entries.data(), entries + first, (count - first) * sizeof(Entry));
    m_end += count;
  }
  /// `count` is at most size().
  void pop_all(Entry* out, size_t count) noexcept {
    if (count == 0) return;
    const size_t first = std::min(count, m_entries.size() - (m_begin & mask()));
    std::memcpy(out, &m_entries[m_begin & mask()], first * sizeof(Entry));
    std::memcpy(out + first, m_entries.data(), (count - first) * sizeof(Entry));
    m_begin += count;
  }
  void clear() noexcept { m_begin = m_end; }

 private:
  size_t mask() const noexcept { return m_entries.size() - 1; }
  void reserve(size_t count) {
    const size_t used = size();
    if (used + count <= m_entries.size()) return;
    size_t capacity = std::max<size_t>(m_entries.size(), 16);
    while (capacity < used + count) capacity *= 2;
    std::vector<Entry> grown(capacity);
    for (size_t i = 0; i < used; ++i) grown[i] = m_entries[(m_begin + i) & mask()];
    m_entries.swap(grown);
    m_begin = 0;
    m_end = used;
  }

  std::vector<Entry> m_entries;
  size_t m_begin = 0;
  size_t m_end = 0;
};

}  // namespace campush
