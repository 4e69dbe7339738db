#pragma once

#include <array>
#include <optional>
#include <vector>

#include "rtmp/rtmp_encoder.h"

namespace campush {

/// A tag on its way to the sinks with the headers it needs. Not shared with anyone yet, so its time may still change.
struct ordered_tag {
  std::shared_ptr<flv_tag> tag;
  std::shared_ptr<const stream_headers> headers;
};

/// Puts the two tracks of a stream into one sequence of non-decreasing dts. Pure policy on the time it is told.
/// Shape: push() what arrives, then pop() until it says no; call again at next_due(). A tag leaves at once if the other track has come
///   as far, or is not known to lag. A track lags for 5 s after one of its tags arrived up to `interleave` behind the other
///   track; meanwhile the other track's tags wait for it, at most `interleave` each. A tag that comes too late for all
///   that is moved to the last dts sent (+1 ms within a track) and counted.
/// Units: each track must arrive with growing dts, in whole milliseconds (stream_timeline does it).
/// Thread: loop-thread. No allocation after construction.
/// Source: DESIGN 4.
class track_order {
 public:
  explicit track_order(duration interleave);

  void push(ordered_tag item, time_point now) noexcept;
  bool pop(ordered_tag& out, time_point now) noexcept;
  /// From here until the next push() everything held may leave.
  void flush() noexcept { m_is_flushing = true; }
  /// When pop() will say yes without a push() before; nothing while nothing is held.
  std::optional<time_point> next_due() const noexcept;
  bool empty() const noexcept { return m_tracks[0].count == 0 && m_tracks[1].count == 0; }
  uint64_t corrections() const noexcept { return m_corrections; }

 private:
  struct held_tag {
    ordered_tag item;
    time_point deadline{};
  };
  struct track_state {
    std::vector<held_tag> ring;
    size_t first = 0, count = 0;
    bool has_arrived = false, has_left = false;
    time_point newest{};     ///< dts of the last arrival
    time_point last_left{};  ///< dts it left with
    time_point lags_until{};
    time_point arrived_at{};

    const held_tag& front() const noexcept { return ring[first]; }
  };

  bool may_leave(const track_state& track, const track_state& other, time_point now) const noexcept;
  void leave(track_state& track, ordered_tag& out) noexcept;

  const duration m_interleave;
  std::array<track_state, 2> m_tracks;
  bool m_is_flushing = false;
  bool m_has_left = false;
  time_point m_last_left{};
  uint64_t m_corrections = 0;
};

}  // namespace campush
