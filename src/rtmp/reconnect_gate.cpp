#include "rtmp/reconnect_gate.h"

#include <algorithm>
#include <cmath>

#include "rtmp/session_target.h"

namespace campush {

namespace {

int64_t interval_of(double per_second) noexcept {
  if (!(per_second > 0)) return 0;
  return std::max<int64_t>(1, std::llround(1e6 / std::max(per_second, 1e-3)));
}

}  // namespace

bool operator==(const fleet_manners& left, const fleet_manners& right) noexcept {
  return left.start_splay == right.start_splay && left.reconnects_per_s == right.reconnects_per_s &&
         left.reconnect_burst == right.reconnect_burst;
}

duration start_delay(std::chrono::milliseconds longest, std::string_view device_id) noexcept {
  constexpr uint64_t steps = 100000;
  return duration(longest) * static_cast<int64_t>(stable_hash(device_id) % steps) / static_cast<int64_t>(steps);
}

reconnect_gate::reconnect_gate(const fleet_manners& manners, std::string_view device_id, const clock& time)
    : m_clock(time),
      m_opens_at(time.now() + start_delay(manners.start_splay, device_id)),
      m_interval_us(interval_of(manners.reconnects_per_s)),
      m_reserve_us(m_interval_us * (std::max<int64_t>(manners.reconnect_burst, 1) - 1)),
      m_next_us(time.now().time_since_epoch().count() - m_reserve_us) {}

duration reconnect_gate::opens_in() const noexcept {
  return std::max(m_opens_at - m_clock.now(), duration::zero());
}

int64_t reconnect_gate::slot_after(int64_t last, int64_t now) const noexcept {
  return std::max(last, now - m_reserve_us);
}

duration reconnect_gate::take_turn() noexcept {
  if (m_interval_us == 0) return duration::zero();
  const int64_t now = m_clock.now().time_since_epoch().count();
  int64_t next = m_next_us.load(std::memory_order_relaxed);
  while (!m_next_us.compare_exchange_weak(next, slot_after(next, now) + m_interval_us, std::memory_order_relaxed)) {
  }
  return duration(std::max<int64_t>(slot_after(next, now) - now, 0));
}

bool reconnect_gate::try_turn() noexcept {
  if (m_interval_us == 0) return true;
  const int64_t now = m_clock.now().time_since_epoch().count();
  int64_t next = m_next_us.load(std::memory_order_relaxed);
  do {
    if (slot_after(next, now) > now) return false;
  } while (!m_next_us.compare_exchange_weak(next, slot_after(next, now) + m_interval_us, std::memory_order_relaxed));
  return true;
}

}  // namespace campush
