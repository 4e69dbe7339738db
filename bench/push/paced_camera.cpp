#include "bench/push/paced_camera.h"

#include "bench/push/process.h"

namespace campush::bench {

paced_camera::paced_camera(const clip& played, stream_observer& to, time_point begin)
    : m_clip(played), m_to(to), m_begin(begin), m_thread([this] { run(); }) {}

paced_camera::~paced_camera() {
  m_is_stopping = true;
  m_thread.join();
}

void paced_camera::run() noexcept {
  source_event opened;
  opened.description = &m_clip.description();
  m_to.on_source_event(opened);
  for (time_point round = m_begin;; round += m_clip.length()) {
    for (const clip_frame& frame : m_clip.frames()) {
      sleep_until(round + frame.dts);
      if (m_is_stopping.load(std::memory_order_relaxed)) return;
      m_to.on_frame(frame_at(frame, round, now()));
      m_frames.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

}  // namespace campush::bench
