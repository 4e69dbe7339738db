#include "device/v4l2/v4l2_factory.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "v4l2_fixture.h"

namespace campush {
namespace {

/// What stands in for an encoder: tells what it was made of, and follows its feed.
class encoding_stand_in final : public media_source {
 public:
  explicit encoding_stand_in(std::unique_ptr<picture_feed> feed) : m_feed(std::move(feed)) {}
  result<stream_description> open() override {
    const auto opened = m_feed->open();
    if (!opened) return tl::unexpected<error>(opened.error());
    stream_description out;
    out.video = video_description{codec_id::h264, opened->shape.width, opened->shape.height, opened->frame_rate, 0};
    return out;
  }
  void close() noexcept override { m_feed->close(); }
  time_point next_due() const noexcept override { return time_point::max(); }
  result<step_outcome> step(time_point, frame_sink&) override { return step_outcome::idle; }
  int poll_descriptor() const noexcept override { return m_feed->poll_descriptor(); }
  stream_control& control() noexcept override { return m_control; }

 private:
  const std::unique_ptr<picture_feed> m_feed;
  no_stream_control m_control;
};

class v4l2_factory : public v4l2_source_steps {
 protected:
  v4l2_factory() { camera.streams = {config}; }
  void offer(const std::vector<uint32_t>& fourccs, const std::string& path = "/dev/video0") {
    fake_node& node = driver.node(path);
    node.formats.clear();
    for (const uint32_t fourcc : fourccs) {
      fake_node::format_offer one;
      one.fourcc = fourcc;
      node.formats.push_back(one);
    }
    node.sizes[0] = 640 * 360 * 2;
  }
  std::unique_ptr<media_source> make() {
    const auto encode = [this](std::unique_ptr<picture_feed> feed, const stream_config&, const clock&) {
      ++encoders;
      return std::make_unique<encoding_stand_in>(std::move(feed));
    };
    return make_v4l2_source(camera, camera.streams.front(), time, std::make_shared<raw_camera_hub>(driver), encode);
  }
  camera_config camera;
  int encoders = 0;
};

struct delivery_case {
  const char* name;
  std::string pixel_format;
  codec_id codec;
  std::vector<uint32_t> offered;
  bool is_coded;
};
TEST_F(v4l2_factory, takes_the_codec_of_the_device_else_its_raw_pictures) {
  const delivery_case cases[] = {
      {"codec and raw", "", codec_id::h264, {V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_H264}, true},
      {"auto", "auto", codec_id::h265, {V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_HEVC}, true},
      {"only raw", "", codec_id::h264, {V4L2_PIX_FMT_YUYV}, false},
      {"only jpeg", "", codec_id::h264, {V4L2_PIX_FMT_MJPEG}, false},
      {"the other codec and raw", "", codec_id::h265, {V4L2_PIX_FMT_H264, V4L2_PIX_FMT_YUYV}, false},
      {"raw asked for", "yuyv", codec_id::h264, {V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_H264}, false},
      {"other codec asked for", "h265", codec_id::h264, {V4L2_PIX_FMT_H264, V4L2_PIX_FMT_HEVC}, true}};
  for (const delivery_case& given : cases) {
    offer(given.offered);
    config.source.pixel_format = given.pixel_format;
    config.encoder.codec = given.codec;
    const auto delivery = choose_delivery(camera, config, driver);
    ASSERT_TRUE(delivery) << given.name;
    EXPECT_EQ(*delivery == v4l2_delivery::coded_by_device, given.is_coded) << given.name;
  }
  EXPECT_EQ(driver.open_descriptors(), 0U);
}

TEST_F(v4l2_factory, takes_the_current_format_where_nothing_can_be_enumerated) {
  driver.node().can_enumerate = false;
  EXPECT_EQ(*choose_delivery(camera, config, driver), v4l2_delivery::coded_by_device);
  driver.node().fourcc = V4L2_PIX_FMT_NV12;
  EXPECT_EQ(*choose_delivery(camera, config, driver), v4l2_delivery::raw_pictures);
}

TEST_F(v4l2_factory, refuses_a_device_that_has_neither_and_says_what_it_has) {
  offer({V4L2_PIX_FMT_HEVC, V4L2_PIX_FMT_Y16});
  const auto delivery = choose_delivery(camera, config, driver);
  ASSERT_FALSE(delivery);
  EXPECT_EQ(delivery.error().message, "/dev/video0 delivers neither h264 nor raw pictures; it offers HEVC, Y16");
  config.source.pixel_format = "h266";
  EXPECT_EQ(choose_delivery(camera, config, driver).error().code, error_code::invalid_argument);
}

TEST_F(v4l2_factory, shares_raw_pictures_where_several_streams_need_the_device) {
  offer({V4L2_PIX_FMT_H264, V4L2_PIX_FMT_YUYV});
  camera.streams.push_back(config);
  const auto expected = has_codec_library() ? v4l2_delivery::raw_pictures : v4l2_delivery::coded_by_device;
  EXPECT_EQ(*choose_delivery(camera, config, driver), expected);
}

TEST_F(v4l2_factory, knows_a_shared_device_by_its_node) {
  std::string folder = ::testing::TempDir() + "campush_shared_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/video0") << "x";
  std::filesystem::create_symlink("video0", folder + "/by-id");
  offer({V4L2_PIX_FMT_H264, V4L2_PIX_FMT_YUYV}, folder + "/video0");
  config.source.device = folder + "/video0";
  camera.streams = {config, config};
  camera.streams[1].source.device = folder + "/by-id";
  const auto expected = has_codec_library() ? v4l2_delivery::raw_pictures : v4l2_delivery::coded_by_device;
  EXPECT_EQ(*choose_delivery(camera, config, driver), expected);
  std::filesystem::remove_all(folder);
}

TEST_F(v4l2_factory, waits_for_the_device_before_its_raw_pictures_are_shared) {
  offer({V4L2_PIX_FMT_YUYV});
  config.source.pixel_format = "yuyv";
  driver.unplug();
  EXPECT_EQ(choose_delivery(camera, config, driver).error().code, error_code::not_found);
}

TEST_F(v4l2_factory, hands_on_frames_and_requests) {
  offer({V4L2_PIX_FMT_H264});
  driver.node().controls[V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME] = {"Force", V4L2_CTRL_TYPE_BUTTON, 0, 1, 1, 0, 0};
  const auto made = make();
  EXPECT_EQ(made->poll_descriptor(), -1);
  EXPECT_EQ(made->control().request_keyframe(), control_outcome::failed);
  EXPECT_FALSE(made->step(time.now(), sink)) << "not open";
  const auto description = made->open();
  ASSERT_TRUE(description) << description.error().message;
  EXPECT_EQ(made->return_descriptor(), -1);
  fill(h264_idr());
  EXPECT_EQ(*made->step(time.now(), sink), step_outcome::delivered);
  EXPECT_EQ(made->control().request_keyframe(), control_outcome::accepted);
  EXPECT_TRUE(made->control().has_keyframe_on_demand());
  made->close();
  EXPECT_GE(made->return_descriptor(), 0);
  EXPECT_EQ(encoders, 0);
  expect_nothing_left();
}

TEST_F(v4l2_factory, decides_anew_at_each_open) {
  offer({V4L2_PIX_FMT_YUYV});
  const auto made = make();
  driver.unplug();
  EXPECT_EQ(made->open().error().code, error_code::not_found);
  EXPECT_GE(made->return_descriptor(), 0);
  driver.replug();
  ASSERT_TRUE(made->open());
  EXPECT_EQ(encoders, 1);
  EXPECT_GE(made->poll_descriptor(), 0);
  made->close();
  offer({V4L2_PIX_FMT_H264});
  ASSERT_TRUE(made->open());
  fill(h264_idr());
  EXPECT_EQ(*made->step(time.now(), sink), step_outcome::delivered);
  made->close();
  offer({V4L2_PIX_FMT_YUYV});
  ASSERT_TRUE(made->open());
  EXPECT_EQ(encoders, 1) << "the one of before";
  made->close();
  expect_nothing_left();
}

}  // namespace
}  // namespace campush
