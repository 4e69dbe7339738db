#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "device/camera_manager.h"
#include "device/reopen_delay.h"

namespace campush {

/// One stream of one camera: opens its source, hands events and frames to the observer, opens again after a failure,
/// and keeps the figures. It neither waits nor starts a thread: camera_instance does that, or a simulation calls it.
/// Shape: the observer hears opened, then frames and described, then failed or ended; after failed an opened may follow, after ended nothing
///   does. Failures wait 1, 2, 4 … 30 s; the wait starts at 1 s again once a source has run for 30 s. A source whose return_descriptor()
///   becomes readable is tried at once; if its device is not there yet, nothing is counted and the wait goes on.
/// Errors: everything a source returns or throws becomes a failed event and last_error. A stream whose type has no
///   code here is `unavailable`: it reports that once and asks for no further step.
/// Thread: run_step() and close() one thread at a time (capture-thread); status(), interrupt(), control() any-thread.
class stream_capture final : private frame_sink {
 public:
  stream_capture(const camera_config& camera, const stream_config& config, const clock& time,
                 const source_factory& sources);
  ~stream_capture() override;
  stream_capture(const stream_capture&) = delete;
  stream_capture& operator=(const stream_capture&) = delete;

  /// Shares ownership of the source, so that who holds it may call it at any time.
  std::shared_ptr<stream_control> control() const;
  /// Before the first run_step(); the observer outlives the last one.
  void attach(stream_observer& observer);
  /// Before the first run_step(): the source is not opened earlier than this.
  void start_at(time_point due) noexcept { m_due = due; }
  /// Before the first run_step(), or when there will be none: the stream is unavailable, and why.
  void give_up(const error& failure);

  /// Does what is due and returns when it wants to be called again; time_point::max(): never.
  time_point run_step() noexcept;
  int poll_descriptor() const noexcept;
  /// Makes a run_step() under way return soon and keeps later ones from opening the source.
  void interrupt() noexcept;
  /// What the source still holds goes out. After the last run_step(), before close().
  void drain() noexcept;
  void close() noexcept;

  const stream_config& config() const noexcept { return m_config; }
  camera_stream_status status() const;

 private:
  enum class capture_phase : uint8_t { waiting, running, finished };
  /// What changes with events, not with frames.
  struct event_facts {
    camera_state state = camera_state::stopped;
    stream_description description;
    uint64_t failures = 0, reopens = 0;
    time_point reopen_at{};
    std::string last_error;
  };

  void on_frame(const media_frame& frame) override;
  void on_description(const stream_description& description) override;
  result<step_outcome> advance(time_point now);
  result<step_outcome> open_source(time_point now);
  time_point next_call(time_point now) noexcept;
  bool may_be_back(time_point now) const noexcept;
  void on_failure(const error& failure, time_point now);
  void on_early_failure(const error& failure, time_point now);
  void report_failure(const error& failure);
  void on_end();
  void report(const source_event& event);
  void measure_rate(time_point now) noexcept;
  void set_facts(const event_facts& facts);

  // Constant after construction.
  const stream_config m_config;
  const clock& m_time;
  const uint32_t m_camera_id;
  const std::string m_camera_name;
  std::shared_ptr<media_source> m_source;
  stream_observer* m_observer = nullptr;

  // Touched only by the capture-thread.
  error m_missing;
  capture_phase m_phase = capture_phase::waiting;
  time_point m_due{};
  time_point m_opened_at{};
  reopen_delay m_reopen_delay;
  time_point m_watch_from{};  ///< the return_descriptor() counts from then on
  bool m_is_watching = false;
  time_point m_window_start{};
  uint64_t m_window_pictures = 0;
  event_facts m_facts;

  // Written by the capture-thread, read by any.
  std::atomic<bool> m_is_interrupted{false};
  std::atomic<uint64_t> m_video_frames{0}, m_audio_frames{0}, m_keyframes{0}, m_bytes{0};
  std::atomic<int64_t> m_last_frame_us{0};
  std::atomic<uint32_t> m_measured_millihertz{0};
  mutable std::mutex m_mutex;
  event_facts m_published;  // guarded by m_mutex
};

}  // namespace campush
