#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "device/v4l2/v4l2_source.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_v4l2.h"

namespace campush {

/// Access units that are just enough for their kind: an IDR with parameter sets, a slice that others refer to.
inline std::vector<uint8_t> h264_parameter_sets() {
  return {0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0xd9, 0, 0, 0, 1, 0x68, 0xce, 0x38, 0x80};
}
inline std::vector<uint8_t> h264_idr() {
  std::vector<uint8_t> out = h264_parameter_sets();
  for (const int byte : {0, 0, 0, 1, 0x65, 0x88, 0x84, 0x21}) out.push_back(static_cast<uint8_t>(byte));
  return out;
}
inline std::vector<uint8_t> h264_slice(uint8_t mark = 1) {
  return {0, 0, 0, 1, 0x41, 0x9a, 0x24, mark, 0x11};
}

/// Copies what a source hands out.
class kept_frames final : public frame_sink {
 public:
  struct kept {
    codec_id codec = codec_id::none;
    time_point dts{}, capture_time{};
    bool is_keyframe = false;
    std::vector<uint8_t> payload;
  };
  void on_frame(const media_frame& frame) override {
    frames.push_back({frame.codec, frame.dts, frame.capture_time, frame.is_keyframe, frame.payload.to_vector()});
  }
  void on_description(const stream_description& description) override { descriptions.push_back(description); }
  std::vector<kept> frames;
  std::vector<stream_description> descriptions;
};

/// A camera that encodes H.264, on a driver that the test is, stepped on a fake clock.
class v4l2_source_steps : public ::testing::Test {
 protected:
  v4l2_source_steps() {
    config.source.type = source_type::v4l2;
    config.source.device = "/dev/video0";
    config.encoder.codec = codec_id::h264;
    fake_node::format_offer offer;
    offer.fourcc = V4L2_PIX_FMT_H264;
    offer.description = "H.264";
    offer.flags = V4L2_FMT_FLAG_COMPRESSED;
    offer.sizes = {{640, 360, {{1, 25}}}, {1280, 720, {{1, 25}}}, {1920, 1080, {{1, 15}}}};
    driver.node().formats = {offer};
  }

  result<stream_description> open() {
    source = std::make_unique<v4l2_source>(config, time, driver);
    return source->open();
  }
  /// The driver fills a buffer with a picture of this moment.
  bool fill(std::vector<uint8_t> bytes, fake_v4l2::filling content = {}) {
    content.bytes = std::move(bytes);
    if (content.stamp_us == 0) content.stamp_us = time.now().time_since_epoch().count() - 2000;
    return driver.deliver(content);
  }
  result<step_outcome> step() { return source->step(time.now(), sink); }
  /// A picture, a step, and 40 ms later.
  result<step_outcome> fill_and_step(std::vector<uint8_t> bytes, fake_v4l2::filling content = {}) {
    fill(std::move(bytes), std::move(content));
    auto outcome = step();
    time.advance(std::chrono::milliseconds(40));
    return outcome;
  }
  /// Steps without pictures until something else than idle comes, at most `longest`.
  result<step_outcome> wait_for_trouble(duration longest) {
    const time_point end = time.now() + longest;
    while (time.now() < end) {
      time.set(std::min(end, std::max(source->next_due(), time.now() + duration(1))));
      auto outcome = step();
      if (!outcome || *outcome != step_outcome::idle) return outcome;
    }
    return step_outcome::idle;
  }
  /// It was switched off and on, has all its buffers, and the next picture comes.
  void expect_restarted_once() {
    EXPECT_EQ(driver.count(VIDIOC_STREAMOFF), 1);
    EXPECT_EQ(driver.count(VIDIOC_STREAMON), 2);
    EXPECT_EQ(driver.queued_buffers(), 4U);
    EXPECT_EQ(source->health().stalls, 1U);
    const size_t before = sink.frames.size();
    fill_and_step(h264_idr());
    EXPECT_EQ(sink.frames.size(), before + 1);
  }
  void expect_nothing_left() {
    EXPECT_EQ(driver.open_descriptors(), 0U);
    EXPECT_EQ(driver.mappings(), 0U);
    EXPECT_EQ(driver.queued_buffers(), 0U);
  }

  fake_clock time;
  fake_v4l2 driver;
  stream_config config;
  kept_frames sink;
  std::unique_ptr<v4l2_source> source;
};

}  // namespace campush
