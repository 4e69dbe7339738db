#pragma once

#include <array>
#include <atomic>

#include "codec/picture.h"

namespace campush {

/// One picture at a time from one thread to another: the newest replaces one that was not taken, which goes back to its driver at once
/// and counts as lost.
/// Shape: descriptor() is readable after put() and wake() until take(). Without lock and allocation.
/// Thread: put() and wake() one thread, take() one other; lost() any-thread.
class picture_mailbox {
 public:
  picture_mailbox();
  ~picture_mailbox();
  picture_mailbox(const picture_mailbox&) = delete;
  picture_mailbox& operator=(const picture_mailbox&) = delete;

  void put(picture_lease picture) noexcept;
  picture_lease take() noexcept;
  void wake() noexcept;
  int descriptor() const noexcept { return m_event; }
  uint64_t lost() const noexcept { return m_lost.load(std::memory_order_relaxed); }

 private:
  static constexpr uint32_t is_fresh = 4;  ///< beside the number of a slot

  const int m_event;
  std::array<picture_lease, 3> m_slots;
  std::atomic<uint32_t> m_middle{1};
  uint32_t m_back = 0;   ///< of put()
  uint32_t m_front = 2;  ///< of take()
  std::atomic<uint64_t> m_lost{0};
};

}  // namespace campush
