#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "device/stream_capture.h"
#include "device/wake_signal.h"
#include "util/heartbeat.h"

namespace campush {

/// Who calls the streams of a camera: a thread each, or the caller of run_step() (a simulation on a fake clock).
enum class capture_drive : uint8_t { threads, stepped };

/// One camera: its streams, their observers, and the capture threads cam{n}_{stream}.
/// Shape: start() attaches the observers and starts; stop() ends the threads, closes the sources, then detaches; an
///   instance lives once. One stream that fails or blocks does not hold up another.
/// Errors: none of its own; what a source reports stands in status(). A thread that the system refuses leaves its
///   stream unavailable, the others run.
/// Thread: start(), stop() control-thread; status() any-thread; run_step() the one thread of a simulation.
class camera_instance {
 public:
  camera_instance(camera_config config, const clock& time, const source_factory& sources, stream_attachment attachment);
  ~camera_instance();
  camera_instance(const camera_instance&) = delete;
  camera_instance& operator=(const camera_instance&) = delete;

  /// Sources are opened at `first_open` or later.
  void start(capture_drive drive = capture_drive::threads, time_point first_open = {});
  /// Returns within 1 s for the sources of this build.
  void stop();
  /// Tells the threads to end and returns at once, so that many cameras stop together. stop() follows.
  void request_stop() noexcept;
  /// With capture_drive::stepped: one step of every stream; returns the earliest time one of them wants the next.
  time_point run_step() noexcept;

  const camera_config& config() const noexcept { return m_config; }
  std::vector<camera_stream_status> status() const;
  /// How long the longest step of a capture thread has lasted so far; zero when all wait. Thread: any-thread.
  duration longest_step(time_point now) const noexcept;

 private:
  struct stream_runner {
    stream_runner(const camera_config& camera, const stream_config& config, const clock& time,
                  const source_factory& sources)
        : capture(camera, config, time, sources) {}
    stream_capture capture;
    wake_signal wake;
    heartbeat step;  ///< a step under way; waiting for pictures is none
    std::atomic<bool> is_stopping{false};
    std::thread thread;
  };

  void run_thread(stream_runner& runner) noexcept;

  const camera_config m_config;
  const clock& m_time;
  const stream_attachment m_attachment;
  std::vector<std::unique_ptr<stream_runner>> m_runners;
  bool m_is_started = false;
};

}  // namespace campush
