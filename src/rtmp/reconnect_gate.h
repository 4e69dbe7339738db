#pragma once

#include <atomic>
#include <string_view>

#include "util/clock.h"

namespace campush {

/// What one process owes its servers beside the waits of each session. Plain data; config keys system.start_splay_s and
/// system.reconnect_limit.*.
struct fleet_manners {
  std::chrono::milliseconds start_splay{0};  ///< longest wait of a process before its first connection
  double reconnects_per_s = 10;              ///< 0: no limit
  uint32_t reconnect_burst = 48;             ///< at least 1

  friend bool operator==(const fleet_manners& left, const fleet_manners& right) noexcept;
  friend bool operator!=(const fleet_manners& left, const fleet_manners& right) noexcept { return !(left == right); }
};

/// This device's share of `longest`: the same at every start, spread evenly over the devices of a fleet.
duration start_delay(std::chrono::milliseconds longest, std::string_view device_id) noexcept;

/// The one gate through which all sessions of a process go when they connect: closed at first for this device's share of the start
/// splay, then a bucket of turns for connections that are made again. Turns are given in advance, in the order they are asked for, so that
/// nobody polls and nobody starves.
/// Units: one turn, one connection attempt.
/// Thread: any-thread; it takes no lock.
/// Source: decision 16.
class reconnect_gate {
 public:
  reconnect_gate(const fleet_manners& manners, std::string_view device_id, const clock& time);

  /// What is left of the start splay.
  duration opens_in() const noexcept;
  /// Takes a turn and says how long to wait for it. A turn that is not used is lost.
  duration take_turn() noexcept;
  /// Takes a turn only if there is one now.
  bool try_turn() noexcept;

 private:
  /// Where the next turn lies, were it not for the bucket: may lie `burst` turns in the past.
  int64_t slot_after(int64_t last, int64_t now) const noexcept;

  const clock& m_clock;
  const time_point m_opens_at;
  const int64_t m_interval_us;  ///< 0: no limit
  const int64_t m_reserve_us;
  std::atomic<int64_t> m_next_us;
};

}  // namespace campush
