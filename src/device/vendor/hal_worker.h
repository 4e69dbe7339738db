#pragma once

#include <thread>

#include "device/vendor/event_flag.h"
#include "device/vendor/hal_format.h"
#include "device/vendor/hal_library.h"
#include "device/vendor/hal_unit.h"

namespace campush {

/// Which channel of which plug-in, and what is asked of it. `values` has no pointers set: they come from the three texts.
struct hal_channel_request {
  std::string path;
  track_kind kind = track_kind::video;
  uint32_t channel = 0;
  campush_hal_config values{};
  std::string device, profile, options;

  /// "/lib/acme.so video 0": how errors and logs call it.
  std::string name() const;
};

/// What the worker counts, over all its lives. Thread: written by the worker, read by any.
struct hal_counters {
  std::atomic<uint64_t> lost_units{0};  ///< gaps in the plug-in's own count
  std::atomic<uint64_t> bad_units{0};   ///< refused by check_unit()
};

/// Every call into the plug-in, and what it may take before the channel is given up.
enum class hal_call : uint8_t {
  none,
  load,
  turn,
  open,
  start,
  poll_fd,
  get,
  release,
  keyframe,
  bitrate,
  codec,
  stop,
  close
};
const char* hal_call_name(hal_call call) noexcept;
duration hal_call_limit(hal_call call) noexcept;

/// The thread that calls the plug-in for one open channel. It shares its state with the source and may be abandoned inside a call that
/// does not come back: then it keeps the channel claimed, and tidies up if the call ever returns.
/// Shape: begin(), then phase() goes from opening over running to ended. While running, take() hands out one unit at a time; its
///   payload is the plug-in's memory until give_back(). finish() ends it.
/// Errors: the worker ends by itself on a failure, which failure() tells; the plug-in's exceptions count as failures.
/// Thread: capture-thread, except ask_*() and request_stop(): any-thread.
class hal_worker : public std::enable_shared_from_this<hal_worker> {
 public:
  enum class worker_phase : uint8_t { opening, running, ended };

  hal_worker(hal_channel_request request, std::shared_ptr<hal_library_cache> plugins,
             std::shared_ptr<hal_counters> counters);
  hal_worker(const hal_worker&) = delete;
  hal_worker& operator=(const hal_worker&) = delete;

  /// Errors: that of the system when it gives no thread.
  [[nodiscard]] result<void> begin();
  worker_phase phase() const noexcept { return m_phase.load(std::memory_order_acquire); }
  const hal_opened& opened() const noexcept { return m_opened; }  ///< from running on
  const error& failure() const noexcept { return m_failure; }     ///< when ended

  /// Readable when a unit waits or the phase has changed. Whoever is woken by it clears it before it looks.
  event_flag& news() noexcept { return m_news; }
  const checked_unit* take() noexcept;
  void give_back() noexcept;

  /// Stops and starts the channel. A call under way is not interrupted.
  void ask_restart() noexcept {
    m_is_restarting.store(true);
    ask(m_wants_restart);
  }
  /// From ask_restart() until the channel runs again.
  bool is_restarting() const noexcept { return m_is_restarting.load(); }
  void ask_keyframe() noexcept { ask(m_wants_keyframe); }
  void ask_bitrate(uint32_t kbps) noexcept { ask(m_wanted_kbps, kbps); }
  void ask_codec(uint32_t codec) noexcept { ask(m_wanted_codec, codec); }
  void request_stop() noexcept { ask(m_is_stopping); }

  /// Asks for the end and waits for it at most so long.
  void finish(duration limit) noexcept;

  bool can_request_keyframe() const noexcept { return m_can_keyframe.load(); }
  bool can_set_bitrate() const noexcept { return m_can_bitrate.load(); }
  bool can_set_codec() const noexcept { return m_can_codec.load(); }
  bool accepts(uint32_t codec) const noexcept { return (m_offered_codecs.load() & codec) != 0; }

  /// The call under way, and a number that changes with every call.
  struct call_progress {
    hal_call call = hal_call::none;
    uint32_t count = 0;
  };
  call_progress progress() const noexcept { return {m_call.load(), m_call_count.load()}; }
  /// Why the last unit was refused; null when none was. A constant.
  const char* last_fault() const noexcept { return m_last_fault.load(); }

 private:
  enum class lease_state : uint8_t { none, offered, taken, returned };
  enum class fetch_outcome : uint8_t { nothing, unit, failed };

  template <class Value>
  void ask(std::atomic<Value>& wish, Value value = Value{true}) noexcept {
    wish.store(value);
    m_wake.raise();
  }
  template <class Function, class... Args>
  int call(hal_call which, Function function, Args... args);
  result<void> failed(hal_call which, int code);

  void run() noexcept;
  result<void> work();
  result<void> open_channel();
  result<void> take_format(const campush_hal_format& format);
  result<void> start_channel();
  void ask_for_descriptor();
  result<void> restart_channel();
  result<void> deliver_units();
  result<void> obey();
  void note_control(hal_call which, std::atomic<bool>& is_offered, int code);
  void note_failure(hal_call which, int code);
  result<fetch_outcome> fetch();
  result<fetch_outcome> take_in(int code);
  bool wait_for_data();
  int time_out_ms() const noexcept;
  void count_gap(uint32_t sequence) noexcept;
  void hand_over();
  void release_unit();
  void close_channel() noexcept;

  // Constant after construction.
  const hal_channel_request m_request;
  const std::shared_ptr<hal_library_cache> m_plugins;
  const std::shared_ptr<hal_counters> m_counters;

  // Touched only by the worker's thread.
  std::shared_ptr<hal_library> m_library;
  campush_hal_channel* m_channel = nullptr;
  bool m_is_claimed = false, m_is_started = false, m_is_leased = false;
  int m_poll_descriptor = -1, m_pace_ms = 10;
  uint32_t m_failures_in_a_row = 0, m_last_sequence = 0;
  uint32_t m_told_calls = 0;  // one bit each
  guarded<campush_hal_unit> m_unit;
  std::vector<uint8_t> m_joined;
  std::string m_last_words;

  // Written by the worker before the phase or the lease says so, read by the capture-thread after.
  hal_opened m_opened;
  error m_failure;
  checked_unit m_checked;

  // Touched only by the capture-thread.
  std::thread m_thread;

  // Shared.
  event_flag m_wake, m_news;
  std::atomic<worker_phase> m_phase{worker_phase::opening};
  std::atomic<lease_state> m_lease{lease_state::none};
  std::atomic<hal_call> m_call{hal_call::none};
  std::atomic<uint32_t> m_call_count{0};
  std::atomic<const char*> m_last_fault{nullptr};
  std::atomic<bool> m_is_stopping{false}, m_wants_restart{false}, m_is_restarting{false}, m_wants_keyframe{false};
  std::atomic<uint32_t> m_wanted_kbps{0}, m_wanted_codec{0}, m_offered_codecs{0};
  std::atomic<bool> m_can_keyframe{false}, m_can_bitrate{false}, m_can_codec{false};
};

}  // namespace campush
