#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "util/clock.h"

namespace campush {

/// What a server may send to a publisher: a burst, and a little each second. It has nothing to say that needs more.
/// Thread: any-thread (a value type).
class read_allowance {
 public:
  static constexpr int64_t burst_bytes = 1 << 20;
  static constexpr int64_t bytes_per_second = 64 * 1024;

  /// A connection begins; what the one before has used stays used.
  void begin(time_point now) noexcept { m_last_read = now; }
  /// False: it has sent too much.
  [[nodiscard]] bool take(size_t bytes, time_point now) noexcept {
    const auto elapsed_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - m_last_read).count();
    if (elapsed_ms > 0) {
      m_last_read = now;
      const int64_t refill = std::min<int64_t>(elapsed_ms, 60'000) * bytes_per_second / 1000;
      m_left = std::min(burst_bytes, m_left + refill);
    }
    m_left -= static_cast<int64_t>(bytes);
    return m_left >= 0;
  }

 private:
  int64_t m_left = burst_bytes;
  time_point m_last_read{};
};

}  // namespace campush
