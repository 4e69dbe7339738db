#pragma once

#include <memory>

#include "device/picture_feed.h"
#include "device/raw/encoder_stage.h"
#include "device/raw/picture_gate.h"

namespace campush {

/// A stream (video alone) of a camera that has raw pictures: what its feed gives, scaled and encoded. Main and sub stream of one camera
/// are two of these on two feeds.
/// Shape: a picture is encoded in the step() that takes it. Where encoding takes longer than the time between two pictures, only each
///   second, third … is, which is said once, and the others count as lost.
/// Errors: those of feed and encoder.
/// Thread: as media_source.
class raw_source final : public media_source {
 public:
  raw_source(std::unique_ptr<picture_feed> feed, const stream_config& config, const clock& time,
             codec_library& library);
  ~raw_source() override;

  result<stream_description> open() override;
  void close() noexcept override;
  time_point next_due() const noexcept override { return m_due; }
  result<step_outcome> step(time_point now, frame_sink& sink) override;
  void drain(frame_sink& sink) noexcept override { m_stage.drain(sink); }
  int poll_descriptor() const noexcept override { return m_feed->poll_descriptor(); }
  stream_control& control() noexcept override { return m_stage.control(); }
  source_health health() const noexcept override;
  void interrupt() noexcept override { m_feed->interrupt(); }

 private:
  result<void> encode(const raw_picture& picture, frame_sink& sink);
  void tell_load();

  const std::unique_ptr<picture_feed> m_feed;
  const stream_config m_config;
  const clock& m_time;
  encoder_stage m_stage;
  picture_gate m_gate;
  std::atomic<uint64_t> m_lost{0};
  time_point m_due{};
  bool m_is_open = false, m_has_told_load = false;
};

/// What makes a stream of a feed: for the sources that have raw pictures.
std::unique_ptr<media_source> make_raw_source(std::unique_ptr<picture_feed> feed, const stream_config& config,
                                              const clock& time);

}  // namespace campush
