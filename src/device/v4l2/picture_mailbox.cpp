#include "device/v4l2/picture_mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace campush {

picture_mailbox::picture_mailbox() : m_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

picture_mailbox::~picture_mailbox() {
  if (m_event >= 0) ::close(m_event);
}

void picture_mailbox::put(picture_lease picture) noexcept {
  m_slots[m_back] = std::move(picture);
  const uint32_t previous = m_middle.exchange(m_back | is_fresh, std::memory_order_acq_rel);
  m_back = previous & ~is_fresh;
  if ((previous & is_fresh) != 0 && m_slots[m_back] != nullptr) m_lost.fetch_add(1, std::memory_order_relaxed);
  m_slots[m_back].reset();
  wake();
}

picture_lease picture_mailbox::take() noexcept {
  uint64_t count = 0;
  // Before the exchange: a picture that comes in between leaves the event raised.
  if (m_event >= 0 && ::read(m_event, &count, sizeof count) < 0) count = 0;
  if ((m_middle.load(std::memory_order_relaxed) & is_fresh) == 0) return nullptr;
  m_front = m_middle.exchange(m_front, std::memory_order_acq_rel) & ~is_fresh;
  return std::move(m_slots[m_front]);
}

void picture_mailbox::wake() noexcept {
  const uint64_t one = 1;
  // The only failure is a counter near its limit, and then the event is raised anyway.
  if (m_event >= 0 && ::write(m_event, &one, sizeof one) < 0) return;
}

}  // namespace campush
