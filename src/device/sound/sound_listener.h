#pragma once

#include <atomic>

#include "device/sound/frame_ring.h"

namespace campush {

/// One stream's share of a microphone: frames copied into a ring, and a descriptor that says that some are there.
/// Shape: a frame without codec is a mark: the description has changed.
/// Errors: where the kernel gives no eventfd the descriptor is -1.
/// Thread: give() and mark() one thread; take() one other; descriptor(), lost() any-thread.
class sound_listener {
 public:
  sound_listener();
  ~sound_listener();
  sound_listener(const sound_listener&) = delete;
  sound_listener& operator=(const sound_listener&) = delete;

  void give(const media_frame& frame) noexcept;
  void mark() noexcept;
  /// Calls `use` with each frame that is there.
  template <class Use>
  bool take(Use&& use) {
    acknowledge();
    bool has_any = false;
    while (const auto frame = m_ring.front()) {
      use(*frame);
      m_ring.pop();
      has_any = true;
    }
    return has_any;
  }
  int descriptor() const noexcept { return m_event; }
  uint64_t lost() const noexcept { return m_lost.load(std::memory_order_relaxed); }

 private:
  void acknowledge() noexcept;
  void wake() noexcept;

  frame_ring m_ring;
  const int m_event;
  std::atomic<uint64_t> m_lost{0};
  bool m_owes_mark = false;  ///< the giver's
};

}  // namespace campush
