#pragma once

#include <atomic>

#include "util/clock.h"

namespace campush {

/// A clock that stands still until it is told to move. It starts at 1000 s, so that "long ago" can be expressed.
/// Thread: any-thread.
class fake_clock final : public clock {
 public:
  fake_clock() = default;
  explicit fake_clock(time_point start) : m_now_us(start.time_since_epoch().count()) {}

  time_point now() const noexcept override { return time_point(duration(m_now_us.load())); }
  std::chrono::system_clock::time_point wall_now() const noexcept override {
    const auto since_start = duration(m_now_us.load()) + duration(m_wall_offset_us.load());
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(since_start));
  }

  void set(time_point now) noexcept { m_now_us = now.time_since_epoch().count(); }
  void advance(duration by) noexcept { m_now_us += by.count(); }
  /// A step of the wall clock: now() does not move.
  void step_wall(duration by) noexcept { m_wall_offset_us += by.count(); }

 private:
  std::atomic<int64_t> m_now_us{1'000'000'000};
  std::atomic<int64_t> m_wall_offset_us{1'700'000'000'000'000};
};

}  // namespace campush
