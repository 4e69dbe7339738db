#pragma once

#include <memory>
#include <string>
#include <vector>

#include "media/stream_control.h"
#include "util/clock.h"

namespace campush {

/// What one session wants of the encoder. Units: kbit/s.
struct bitrate_vote {
  uint32_t kbps = 0;
  uint32_t floor_kbps = 0;
  uint32_t ceiling_kbps = 0;  ///< the configured rate, to which the encoder returns when nobody votes; 0: unknown
};

/// The bitrate of one encoder behind several sessions: the lowest vote wins. Only connected sessions that are not secondary may vote;
/// a session withdraws when it disconnects or is closed.
/// Shape: at most one request a second, and only for a change of at least 3 %, or to the floor or the ceiling; a vote that had to
///   wait is asked for when any session votes again (each does with its sample). The last withdrawal asks for the ceiling at once.
/// Errors: a source that answers unsupported is asked no more until set_control(), which is logged once; failed is asked again after 5 s.
/// Thread: loop-thread of the stream. A vote allocates only when a session votes for the first time.
/// Source: DESIGN 5.
class bitrate_votes {
 public:
  explicit bitrate_votes(std::string log_name) : m_log_name(std::move(log_name)) {}

  /// Null while no camera is attached. A new source runs at its ceiling: what holds is asked for again with the next vote.
  void set_control(std::shared_ptr<stream_control> control) noexcept;
  void vote(const void* voter, const bitrate_vote& wanted, time_point now);
  void withdraw(const void* voter, time_point now) noexcept;
  /// The encoder does not do what it was asked for: says it once more with the next vote (it may have been restarted).
  void repeat() noexcept { m_must_repeat = true; }

  /// What the encoder was last asked for; 0: nothing.
  uint32_t asked_kbps() const noexcept { return m_asked; }
  bool is_unsupported() const noexcept { return m_is_unsupported; }

 private:
  struct entry {
    const void* voter;
    bitrate_vote wanted;
  };
  bitrate_vote lowest() const noexcept;
  bool is_worth_asking(const bitrate_vote& wanted) const noexcept;
  void ask(const bitrate_vote& wanted, time_point now) noexcept;

  const std::string m_log_name;
  std::shared_ptr<stream_control> m_control;
  std::vector<entry> m_votes;
  bitrate_vote m_last;  ///< what the encoder was asked for, with the bounds of whoever asked
  uint32_t m_asked = 0;
  time_point m_not_before{};
  bool m_is_unsupported = false, m_must_repeat = false;
};

}  // namespace campush
