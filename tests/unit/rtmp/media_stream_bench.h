#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/simulated_loop.h"
#include "rtmp/media_stream.h"
#include "unit/rtmp/frame_builder.h"

namespace campush::test {

class recording_sink : public tag_sink {
 public:
  void on_tag(const tag_ptr& tag, const std::shared_ptr<const stream_headers>& headers) override {
    tags.push_back(tag);
    EXPECT_TRUE(headers && headers->is_complete());
    EXPECT_EQ(headers->generation, tag->header_generation);
    if (on_each) on_each();
  }
  void on_stream_state(stream_state state) override { states.push_back(state); }

  std::vector<tag_ptr> tags;
  std::vector<stream_state> states;
  std::function<void()> on_each;
};

class counting_control final : public stream_control {
 public:
  control_outcome request_keyframe() noexcept override {
    ++keyframes;
    return outcome;
  }
  control_outcome set_bitrate(uint32_t) noexcept override { return control_outcome::unsupported; }
  control_outcome set_codec(codec_id) noexcept override { return control_outcome::unsupported; }
  bool has_keyframe_on_demand() const noexcept override { return outcome == control_outcome::accepted; }

  int keyframes = 0;
  control_outcome outcome = control_outcome::accepted;
};

class media_stream_test : public testing::Test {
 protected:
  void open(const stream_description& description = h264_and_aac()) {
    stream.on_source_event({source_event_kind::opened, &description, nullptr});
  }
  void describe(const stream_description& description) {
    stream.on_source_event({source_event_kind::described, &description, nullptr});
  }
  void end() { stream.on_source_event({source_event_kind::ended, nullptr, nullptr}); }
  /// At the present time, as a camera does it.
  void key() { stream.on_frame(h264_key(now_ms()).frame); }
  void inter() { stream.on_frame(h264_inter(now_ms()).frame); }
  void sound() { stream.on_frame(aac_frame(now_ms()).frame); }
  void run(duration span) { world.run_for(span); }
  int64_t now_ms() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(world.now().time_since_epoch()).count();
  }
  std::string dts_of(const std::vector<tag_ptr>& tags, int64_t from_ms) const {
    std::string text;
    for (const tag_ptr& tag : tags) {
      const auto ms =
          std::chrono::duration_cast<std::chrono::milliseconds>(tag->dts.time_since_epoch()).count() - from_ms;
      text += (text.empty() ? "" : " ") +
              std::string(tag->is_audio_track() ? "A"
                          : tag->is_keyframe    ? "K"
                                                : "V") +
              std::to_string(ms);
    }
    return text;
  }

  simulation world;
  simulated_loop loop{world};
  recording_sink sink;
  media_stream stream{{3, 1}, "sub", loop, {}};
};

}  // namespace campush::test
