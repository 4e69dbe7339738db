#include "rtmp/session_pool.h"

namespace campush {

session& session_pool::acquire() {
  if (m_idle.empty()) {
    m_all.push_back(std::make_unique<session>(m_loop, m_publishers, m_services));
    // Room for all of them, so that release() cannot fail.
    m_idle.reserve(m_all.size());
    return *m_all.back();
  }
  session& chosen = *m_idle.back();
  m_idle.pop_back();
  return chosen;
}

void session_pool::release(session& used) {
  used.close();
  m_idle.push_back(&used);
}

}  // namespace campush
