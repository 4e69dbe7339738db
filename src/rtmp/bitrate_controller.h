#pragma once

#include <array>

#include "util/clock.h"

namespace campush {

/// The lowest rate that is asked for where none is configured: max(150, 25 % of the ceiling), not above the ceiling (0: unknown).
uint32_t usual_floor_kbps(uint32_t ceiling_kbps) noexcept;

/// What adaptive bitrate looks at, five times a second. Bytes only grow, except `accepted_bytes`, which a drop takes back from.
struct bitrate_sample {
  duration queue_delay{};  ///< send_queue::queue_delay(): bytes in flight do not count
  duration rtt{};
  bool is_pausing = false;                                    ///< session_sampler::pause(): TCP held back, not the link
  bool is_starting = false;                                   ///< send_queue::is_starting()
  uint64_t accepted_bytes = 0;                                ///< of the connection: what left the queue or waits in it
  uint64_t acknowledged_bytes = 0;                            ///< of the connection, by the peer's TCP
  uint64_t offered_video_bytes = 0, offered_audio_bytes = 0;  ///< of the session, before any drop
  uint64_t unsendable_bytes = 0;                              ///< of these, what no link could carry: too big
  uint64_t congestion_drops = 0;                              ///< pictures that the queue dropped, of the session
  uint32_t asked_kbps = 0;  ///< what the encoder runs at by the votes of all; 0: nobody asked
};

struct bitrate_bounds {
  uint32_t ceiling_kbps = 0;  ///< what the user configured; 0: unknown, and then nothing is adapted
  uint32_t floor_kbps = 0;    ///< 0: max(150, 25 % of the ceiling); never above the ceiling
};

/// Follows the network with the encoder's bitrate, beside the drops of the queue: what one session wants. Pure policy on the
/// clock it is given.
/// Shape: begin() with each connection, sample() every 200 ms while it publishes; target_kbps() is the session's vote.
///   Congested: the smallest queue delay over max(1 s, 2 × rtt) is above 250 ms and what waits does not shrink, or for 3 s less was
///   acknowledged than the encoder made (a buffer on the way fills), or for one window if the queue dropped pictures, too.
///   Then 85 % of what was delivered, less where that does not help, never under the floor. Clean: at most half of that delay, what
///   the round trip is over its shortest counted too. After every 5 s of clean 8 % of the ceiling are added. A raise that is followed by
///   congestion within 15 s is remembered: its rate is tried again after 10, 20, 40, then 60 s; after 10 s where not even keyframes
///   wait, so that a link that recovered is full again within a minute. An encoder that makes more than it was asked for is noticed,
///   and asked for no less than 85 % of what is delivered.
/// Units: kbit/s of video; the sound is subtracted from what was delivered.
/// Thread: loop-thread. No allocation.
/// Source: DESIGN 5, docs/reliability.md.
class bitrate_controller {
 public:
  bitrate_controller() = default;
  explicit bitrate_controller(const bitrate_bounds& bounds) noexcept;

  bool is_enabled() const noexcept { return m_ceiling > 0; }
  /// A connection starts; what happens before `grace` is over does not count (a replayed GOP, slow start). After a short
  /// interruption (60 s) it goes on where it stood, else at the ceiling.
  void begin(time_point now, duration grace) noexcept;
  void sample(time_point now, const bitrate_sample& seen) noexcept;
  /// A picture was over what the server takes: `kbps` is the ceiling from now on, for this connection and those soon after it.
  void lower_ceiling(uint32_t kbps, time_point now) noexcept;

  uint32_t target_kbps() const noexcept { return m_target; }
  uint32_t ceiling_kbps() const noexcept { return m_ceiling; }
  uint32_t floor_kbps() const noexcept { return m_floor; }
  /// False when the encoder has made over 1.3 × what was asked for 10 s, until it is under 1.15 ×.
  bool is_obeyed() const noexcept { return m_is_obeyed; }

 private:
  struct point {
    time_point at{};
    bitrate_sample seen;
  };
  /// What happened in the window that ends now.
  struct view {
    duration smallest_delay{};  ///< of our queue
    duration smallest_way{};    ///< of our queue and of the buffers on the way
    uint64_t accepted = 0, acknowledged = 0, video = 0, audio = 0, unsendable = 0;  ///< bytes
    duration span{};
    bool has_drops = false;
  };
  enum class verdict : uint8_t { unknown, clean, neutral, congested };

  const point* before(time_point at) const noexcept;
  bool look(time_point now, duration window, view& out) const noexcept;
  verdict judge(time_point now, const view& seen, duration window) noexcept;
  void judge_obedience(time_point now) noexcept;
  uint64_t delivered_kbps(time_point now, duration window) const noexcept;
  void lower(time_point now, const view& seen, duration window) noexcept;
  void raise(time_point now, uint32_t asked_kbps) noexcept;
  void follow_round_trip(time_point now, duration rtt) noexcept;
  duration excess(duration rtt) const noexcept;
  bool is_wide_open(time_point now) const noexcept;
  uint32_t running_kbps(uint32_t asked_kbps) const noexcept;

  static constexpr size_t history = 64;

  // Constant after construction.
  uint32_t m_configured = 0, m_floor = 0;

  uint32_t m_ceiling = 0, m_target = 0;
  std::array<point, history> m_points{};
  size_t m_next = 0, m_count = 0;
  time_point m_judged_from{}, m_last_sample{}, m_changed_at{}, m_clean_since{}, m_short_since{};

  /// The shortest round trip of this half minute and of the one before: what is more is waiting on the way.
  duration m_shortest{}, m_shortest_before{};
  time_point m_shortest_since{};

  // Raises that hurt.
  time_point m_raised_at{}, m_hurt_at{}, m_hurt_until{};
  uint32_t m_hurt_kbps = 0, m_hurts = 0;

  // Obedience.
  uint32_t m_asked = 0;
  time_point m_asked_at{}, m_disobeyed_since{};
  bool m_is_obeyed = true;
};

}  // namespace campush
