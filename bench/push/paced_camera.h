#pragma once

#include <atomic>
#include <thread>

#include "bench/push/clip.h"
#include "util/stream_observer.h"

namespace campush::bench {

/// Plays a clip in real time, round after round, as the capture thread of a camera does.
/// Shape: tells `opened`, then each frame when it is due; its capture time is the moment this thread woke up for it.
/// Thread: start and stop on one; the observer is called on its own.
class paced_camera {
 public:
  paced_camera(const clip& played, stream_observer& to, time_point begin);
  ~paced_camera();
  paced_camera(const paced_camera&) = delete;
  paced_camera& operator=(const paced_camera&) = delete;

  uint64_t frames() const noexcept { return m_frames.load(std::memory_order_relaxed); }

 private:
  void run() noexcept;

  const clip& m_clip;
  stream_observer& m_to;
  const time_point m_begin;
  std::atomic<bool> m_is_stopping{false};
  std::atomic<uint64_t> m_frames{0};
  std::thread m_thread;
};

}  // namespace campush::bench
