#include "rtmp/arcfour.h"

#include <algorithm>
#include <bitset>
#include <utility>

namespace campush {

bool arcfour::adopt(const uint8_t* state) noexcept {
  std::bitset<table_size> seen;
  for (size_t i = 0; i < table_size; ++i) seen.set(state[i]);
  if (!seen.all()) return false;
  std::copy_n(state, table_size, m_table.begin());
  m_first = state[table_size];
  m_second = state[table_size + 1];
  return true;
}

void arcfour::apply(uint8_t* data, size_t size) noexcept {
  for (size_t i = 0; i < size; ++i) {
    ++m_first;
    m_second = static_cast<uint8_t>(m_second + m_table[m_first]);
    std::swap(m_table[m_first], m_table[m_second]);
    data[i] = static_cast<uint8_t>(data[i] ^ m_table[static_cast<uint8_t>(m_table[m_first] + m_table[m_second])]);
  }
}

}  // namespace campush
