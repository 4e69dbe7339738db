#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "media/media_source.h"
#include "util/stream_observer.h"

namespace campush {

/// What a scripted source does when it is opened: refuse, or deliver a frame every `period` and then fail or end.
struct source_script {
  std::string open_error;
  uint64_t frames = 0;
  duration period = std::chrono::milliseconds(40);
  std::string step_error;  ///< after `frames` frames; empty: the source ends
  uint64_t wider_at = 0;   ///< from this frame on it is described as 1280 wide; 0: never
  bool holds_one = false;  ///< a frame that drain() gives
};

/// Plays its scripts one after the other, one for each open(); the last one is repeated.
class scripted_source final : public media_source {
 public:
  scripted_source(const clock& time, std::vector<source_script> scripts)
      : m_time(time), m_scripts(std::move(scripts)) {}

  result<stream_description> open() override {
    opened_at.push_back(m_time.now());
    m_script = m_scripts[std::min(opened_at.size(), m_scripts.size()) - 1];
    if (!m_script.open_error.empty()) return fail(error_code::io_failed, m_script.open_error);
    m_delivered = 0;
    m_start = m_time.now();
    stream_description description;
    description.video = video_description{codec_id::h264, 640, 360, 25, 100};
    return description;
  }
  void close() noexcept override { ++closes; }
  time_point next_due() const noexcept override {
    return m_start + m_script.period * static_cast<int64_t>(m_delivered);
  }
  result<step_outcome> step(time_point now, frame_sink& sink) override {
    if (now < next_due()) return step_outcome::idle;
    if (m_delivered == m_script.frames) {
      if (m_script.step_error.empty()) return step_outcome::ended;
      return fail(error_code::io_failed, m_script.step_error);
    }
    const uint8_t payload[] = {0, 0, 0, 1, 0x65};
    media_frame frame;
    frame.codec = codec_id::h264;
    frame.dts = frame.pts = frame.capture_time = now;
    frame.is_keyframe = m_delivered % 25 == 0;
    frame.payload = payload;
    if (m_script.wider_at != 0 && m_delivered == m_script.wider_at) {
      stream_description description;
      description.video = video_description{codec_id::h264, 1280, 720, 25, 100};
      sink.on_description(description);
    }
    ++m_delivered;
    sink.on_frame(frame);
    return step_outcome::delivered;
  }
  stream_control& control() noexcept override { return m_control; }
  void interrupt() noexcept override { ++interrupts; }
  void drain(frame_sink& sink) noexcept override {
    if (m_script.holds_one) sink.on_frame({});
  }

  std::vector<time_point> opened_at;
  int closes = 0;
  std::atomic<int> interrupts{0};

 private:
  const clock& m_time;
  const std::vector<source_script> m_scripts;
  source_script m_script;
  no_stream_control m_control;
  time_point m_start{};
  uint64_t m_delivered = 0;
};

/// Writes down what it hears: "opened", "described", "frame", "failed: text", "ended".
class recording_observer final : public stream_observer {
 public:
  void on_frame(const media_frame&) override { heard.emplace_back("frame"); }
  void on_source_event(const source_event& event) override {
    switch (event.kind) {
      case source_event_kind::opened:
        width = event.description->video ? event.description->video->width : 0;
        heard.emplace_back("opened");
        break;
      case source_event_kind::described:
        width = event.description->video ? event.description->video->width : 0;
        heard.emplace_back("described");
        break;
      case source_event_kind::failed: heard.emplace_back("failed: " + event.failure->message); break;
      case source_event_kind::ended: heard.emplace_back("ended"); break;
    }
  }

  std::vector<std::string> heard;
  uint32_t width = 0;
};

}  // namespace campush
