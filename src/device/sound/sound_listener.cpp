#include "device/sound/sound_listener.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace campush {

namespace {

/// More than a second of what microphones give.
constexpr size_t ring_bytes = 32 * 1024;

}  // namespace

sound_listener::sound_listener() : m_ring(ring_bytes), m_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

sound_listener::~sound_listener() {
  if (m_event >= 0) ::close(m_event);
}

void sound_listener::give(const media_frame& frame) noexcept {
  if (m_owes_mark) mark();
  if (m_owes_mark || !m_ring.push(frame)) m_lost.store(lost() + 1, std::memory_order_relaxed);
  wake();
}

/// A mark that does not fit comes before the next frame: frames of the new description never come without it.
void sound_listener::mark() noexcept {
  m_owes_mark = !m_ring.push({});
  wake();
}

void sound_listener::wake() noexcept {
  const uint64_t one = 1;
  // The only failure is a counter near its limit, and then the event is raised anyway.
  if (m_event >= 0 && ::write(m_event, &one, sizeof one) < 0) return;
}

void sound_listener::acknowledge() noexcept {
  uint64_t count = 0;
  if (m_event >= 0 && ::read(m_event, &count, sizeof count) < 0) return;
}

}  // namespace campush
