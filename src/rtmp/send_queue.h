#pragma once

#include <deque>

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
enum class drop_reason : uint8_t { disposable, congestion, broken_reference, flush, too_big, before_start, not_connected };
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
///   pictures are dropped, never headers. After a dropped reference no picture passes until a keyframe. See DESIGN 5.
/// Units: bytes count payload; queued time is the dts span of the queue plus `kernel_unsent` at the rate of the last second.
/// Thread: loop-thread. No allocation once its storage has grown to what the limits admit.
class send_queue {
 public:
  send_queue(const queue_limits& limits, video_dialect dialect);

  /// Time levels are off from here until the queue has drained once, or until `until`.
  void begin(time_point now, duration grace);
  void clear() noexcept;

  /// False when the tag was refused (dropped and counted). Critical is entered by bytes only: ask level().
  bool push(const tag_ptr& tag, time_point now);
  const tag_ptr* front() const noexcept;
  const tag_ptr* at(size_t index) const noexcept;
  void pop() noexcept;
  size_t size() const noexcept;
  bool empty() const noexcept { return size() == 0; }

  /// What the kernel has accepted and not yet sent, from the 5 Hz sample, and the rate it drains at (0: unknown).
  void set_kernel_unsent(uint64_t bytes, uint64_t drain_bytes_per_s) noexcept;

  queue_level level() const noexcept;
  uint64_t queued_bytes() const noexcept;
  duration queue_delay() const noexcept;
  const drop_counters& dropped() const noexcept;
  void count_drop(const flv_tag& tag, drop_reason reason) noexcept;
  /// True after a dropped reference, until the next keyframe is pushed.
  bool is_waiting_for_keyframe() const noexcept;
  /// A level above warning was left and the track waits: the session should ask for a keyframe. Reading clears it.
  bool take_keyframe_wish() noexcept;

 private:
  struct entry {
    tag_ptr tag;
  };
  queue_limits m_limits;
  video_dialect m_dialect;
  std::deque<entry> m_entries;
};

}  // namespace campush
