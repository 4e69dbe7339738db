#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "net/event_loop.h"

namespace campush {

/// Where the links of one loop put their writes together, and what they hold sealed bytes in that a transport does not take.
/// Shape: `plain` and `sealed` are empty between two calls of a link. Held bytes come in bursts, with a keyframe or under congestion: a
///   buffer is lent as long as a link holds something. No more of them exist than were lent together within the last minute, so
///   neither a frame costs an allocation nor a connection a buffer of its own.
/// Thread: loop-thread.
class tls_room {
 public:
  static constexpr size_t record_bytes = 16 * 1024, records_per_write = 4, record_overhead = 256,
                          sealed_capacity = records_per_write * (record_bytes + record_overhead);
  static constexpr duration trim_interval = std::chrono::seconds(30);

  explicit tls_room(event_loop& loop);

  std::array<uint8_t, record_bytes> plain;
  std::array<uint8_t, sealed_capacity> sealed;
  size_t sealed_bytes = 0;

  /// Empty, with room for all that one write seals.
  std::vector<uint8_t> lend();
  void take_back(std::vector<uint8_t> buffer) noexcept;
  size_t spare_buffers() const noexcept { return m_spares.size(); }

 private:
  void trim();

  std::vector<std::vector<uint8_t>> m_spares;
  size_t m_lent = 0;
  size_t m_most_lent = 0;  ///< since the last trim
  const std::unique_ptr<loop_timer> m_trim;
};

}  // namespace campush
