#pragma once

#include <optional>
#include <vector>

#include "rtmp/flv_tag.h"

namespace campush {

enum class queue_level : uint8_t { normal, warning, high, critical };
const char* queue_level_name(queue_level level) noexcept;

/// DESIGN 5, table send_queue. A level is entered at either bound and left at half of it.
struct queue_limits {
  uint64_t warning_bytes = 1u << 20;
  duration warning_time = std::chrono::milliseconds(600);
  uint64_t high_bytes = 2u << 20;
  duration high_time = std::chrono::milliseconds(1500);
  duration flush_time = std::chrono::milliseconds(3000);
  uint64_t critical_bytes = 4u << 20;
};

/// Why a picture or sound did not go out; the `reason` label of the dropped counter.
enum class drop_reason : uint8_t {
  disposable,
  congestion,
  broken_reference,
  flush,
  too_big,
  before_start,
  not_connected
};
inline constexpr size_t drop_reason_count = 7;
const char* drop_reason_name(drop_reason reason) noexcept;

enum class frame_kind : uint8_t { key, inter, disposable, audio };
inline constexpr size_t frame_kind_count = 4;
const char* frame_kind_name(frame_kind kind) noexcept;
frame_kind kind_of(const flv_tag& tag) noexcept;

struct drop_counters {
  std::array<std::array<uint64_t, drop_reason_count>, frame_kind_count> count{};
  void add(frame_kind kind, drop_reason reason) noexcept {
    ++count[static_cast<size_t>(kind)][static_cast<size_t>(reason)];
  }
  uint64_t total() const noexcept;
};

/// The bounded queue of one session, and the only place of the program that drops: hop 5. Pure policy: tags in, tags
/// out, told what the kernel still holds.
/// Shape: push() in dts order; front()/pop() give tags to the publisher, which holds its own reference to a tag it began. Whole
///   pictures are dropped, never headers. After a dropped reference no picture passes until a keyframe; a queue that begins empty starts
///   with one, too. Behind a keyframe whose forerunners were dropped, then or later, no picture passes that refers to them. See DESIGN 5.
/// Units: bytes count payload; queued time is the dts span of the queue plus `kernel_unsent` at the rate of the last second.
/// Thread: loop-thread. No allocation once its storage has grown to what the limits admit. push() costs O(1) on average: a sweep
///   through the queue follows only a change of level or a flush, and removes what it came for.
class send_queue {
 public:
  /// What of the way to the server matters here; all of it 0 while unknown.
  struct way {
    duration shortest_rtt{};
    duration pause{};  ///< how long of the last seconds TCP held back by itself
    /// How long the receiver's window alone held back what waited; empty where the kernel does not tell.
    std::optional<duration> window_limited = duration::zero();
  };

  send_queue(const queue_limits& limits, video_dialect dialect);

  /// With the samples. The levels are entered at their time, or at 1.5, 2.5 and (flush) 5 round trips where that is more; warning and
  /// high later by the pause. The grace is longer by as much as the window held back, at most by ten round trips.
  void set_way(const way& seen) noexcept;
  /// Time levels, and warning by bytes, are off from here until the queue has drained once, the kernel's part too (not before a
  /// fifth of `grace`), or for `grace`. On a way whose ten round trips are more than the flush, it and `high` by bytes come later, too.
  void begin(time_point now, duration grace);
  /// What waits is dropped and counted as not_connected.
  void clear() noexcept;
  /// As if made anew; the storage stays. For the next session that uses it.
  void reset(const queue_limits& limits, video_dialect dialect) noexcept;

  /// False when the tag was refused (dropped and counted). Critical is entered by bytes only: ask level(). `refers_past_keyframe`: a
  /// leading picture (RASL) that needs what was before the newest keyframe, and that no trailing picture needs.
  bool push(const tag_ptr& tag, time_point now, bool refers_past_keyframe = false);
  const tag_ptr* front() const noexcept { return at(0); }
  const tag_ptr* at(size_t index) const noexcept { return index < m_size ? &slot(index).tag : nullptr; }
  /// Never drops others: what write() took can be popped one after the other.
  void pop() noexcept;
  size_t size() const noexcept { return m_size; }
  bool empty() const noexcept { return m_size == 0; }

  /// What the kernel has accepted and not yet sent, from the 5 Hz sample, and the rate it drains at (0: unknown).
  void set_kernel_unsent(uint64_t bytes, uint64_t drain_bytes_per_s, time_point now) noexcept;

  /// The time levels are off.
  bool is_starting() const noexcept { return !m_has_time_levels; }
  queue_level level() const noexcept { return m_level; }
  uint64_t queued_bytes() const noexcept { return m_bytes; }
  duration queue_delay() const noexcept;
  const drop_counters& dropped() const noexcept { return m_dropped; }
  /// A drop that the session decided on, before push() or instead of sending. Of a reference picture it holds the track until a keyframe.
  void count_drop(const flv_tag& tag, drop_reason reason) noexcept;
  /// The same of a picture that no later one needs: a leading picture of a keyframe after which the stream resumes.
  void count_leading_drop(const flv_tag& tag, drop_reason reason) noexcept { m_dropped.add(kind_of(tag), reason); }
  /// True after a dropped reference, until the next keyframe is pushed.
  bool is_waiting_for_keyframe() const noexcept { return m_waits_for_keyframe; }
  /// The level is back to normal and the track still waits: the session should ask for a keyframe. Reading clears it.
  bool take_keyframe_wish() noexcept;

 private:
  struct entry {
    tag_ptr tag;
    time_point time{};  ///< dts; a header has that of the next frame, for its own may be of another time
    uint32_t bytes = 0;
    frame_kind kind = frame_kind::audio;
    bool is_frame = false;  ///< no header, no metadata
    bool refers_past_keyframe = false;
  };
  entry& slot(size_t index) noexcept { return m_slots[(m_head + index) & (m_slots.size() - 1)]; }
  const entry& slot(size_t index) const noexcept { return m_slots[(m_head + index) & (m_slots.size() - 1)]; }
  duration queued_time() const noexcept;
  std::optional<drop_reason> reason_to_refuse(frame_kind kind) const noexcept;
  bool is_far_start() const noexcept;
  uint64_t warning_bytes() const noexcept;
  uint64_t high_bytes() const noexcept;
  duration warning_time() const noexcept;
  duration high_time() const noexcept;
  duration flush_time() const noexcept;
  bool is_over_warning() const noexcept;
  void take_keyframe() noexcept;
  void count_in(size_t index) noexcept;
  void append(entry added);
  void grow();
  void settle() noexcept;
  queue_level measure() const noexcept;
  void set_level(queue_level measured) noexcept;
  bool flush() noexcept;
  template <class Predicate>
  void remove_if(drop_reason reason, Predicate is_unwanted) noexcept;

  // Constant after construction.
  queue_limits m_limits;
  video_dialect m_dialect;

  // The ring: a power of two of slots, `m_size` of them in use from `m_head` on.
  std::vector<entry> m_slots;
  size_t m_head = 0;
  size_t m_size = 0;
  uint64_t m_bytes = 0;
  size_t m_disposables = 0;
  size_t m_pictures = 0;
  size_t m_frames = 0;
  /// Frames in front of the newest queued keyframe; m_has_keyframe says whether there is one.
  size_t m_frames_before_keyframe = 0;
  bool m_has_keyframe = false;

  // The policy.
  queue_level m_level = queue_level::normal;
  bool m_waits_for_keyframe = true;
  bool m_passes_gop = false;          ///< a GOP after a drop at `warning` passes whole
  bool m_starts_at_keyframe = false;  ///< of what was before the newest keyframe something was dropped
  bool m_wants_keyframe = false;
  bool m_has_time_levels = true;
  time_point m_drains_from{}, m_grace_until{};
  duration m_round_trip{}, m_pause{}, m_window_limited{};
  uint64_t m_kernel_bytes = 0;
  uint64_t m_drain_bytes_per_s = 0;
  drop_counters m_dropped;
};

}  // namespace campush
