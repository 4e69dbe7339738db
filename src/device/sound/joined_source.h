#pragma once

#include "device/reopen_delay.h"
#include "device/sound_feed.h"

namespace campush {

/// What join_sources() makes of two sources.
/// Shape: each step gives both what is theirs to do. Sound that cannot be opened or fails is opened again after 1, 2, 4 … 30 s, and told by a
///   description when what comes then is not what was said at first. Sound of the video's source is left out.
/// Errors: those of the video.
/// Thread: as media_source.
class joined_source final : public media_source {
 public:
  joined_source(std::unique_ptr<media_source> video, std::unique_ptr<media_source> sound, const clock& time);
  ~joined_source() override;

  result<stream_description> open() override;
  void close() noexcept override;
  time_point next_due() const noexcept override;
  result<step_outcome> step(time_point now, frame_sink& sink) override;
  int poll_descriptor() const noexcept override;
  void drain(frame_sink& sink) noexcept override;
  stream_control& control() noexcept override { return m_video.source->control(); }
  int return_descriptor() const noexcept override { return m_video.source->return_descriptor(); }
  source_health health() const noexcept override;
  void interrupt() noexcept override;

 private:
  /// One of the two, and what the other has to be told of it.
  struct child final : frame_sink {
    child(joined_source& joined, track_kind kind, std::unique_ptr<media_source> made)
        : owner(joined), track(kind), source(std::move(made)) {}
    void on_frame(const media_frame& frame) override;
    void on_description(const stream_description& description) override;

    joined_source& owner;
    const track_kind track;
    const std::unique_ptr<media_source> source;
    bool is_open = false, is_ready = false, was_ready_when_watched = false;
    int watched = -1;
  };

  void find_ready() noexcept;
  void watch(child& which) noexcept;
  void watch_anew(child& which) noexcept;
  result<step_outcome> step_video(time_point now);
  bool step_sound(time_point now);
  void open_sound(time_point now);
  void on_sound_failure(const error& failure, time_point now);
  void describe(const child& from, const stream_description& description);

  const clock& m_time;
  child m_video, m_sound;
  int m_epoll = -1;
  frame_sink* m_sink = nullptr;  ///< during a step
  stream_description m_description;
  time_point m_sound_due{};
  reopen_delay m_reopen_delay;
};

}  // namespace campush
