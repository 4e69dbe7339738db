#include "net/tls_room.h"

#include <algorithm>

namespace campush {

tls_room::tls_room(event_loop& loop) : m_trim(loop.make_timer([this] { trim(); })) {}

std::vector<uint8_t> tls_room::lend() {
  m_most_lent = std::max(m_most_lent, ++m_lent);
  if (!m_trim->is_armed()) m_trim->arm_after(trim_interval);
  std::vector<uint8_t> buffer;
  if (m_spares.empty()) {
    m_spares.reserve(m_lent);  // so that taking back never allocates
    buffer.reserve(sealed.size());
    return buffer;
  }
  buffer = std::move(m_spares.back());
  m_spares.pop_back();
  return buffer;
}

void tls_room::take_back(std::vector<uint8_t> buffer) noexcept {
  --m_lent;
  // A peer that does not read the answers it asks for has made it longer.
  if (buffer.capacity() > sealed.size()) return;
  buffer.clear();
  m_spares.push_back(std::move(buffer));
}

void tls_room::trim() {
  while (!m_spares.empty() && m_lent + m_spares.size() > m_most_lent) m_spares.pop_back();
  m_most_lent = m_lent;
  if (m_lent + m_spares.size() > 0) m_trim->arm_after(trim_interval);
}

}  // namespace campush
