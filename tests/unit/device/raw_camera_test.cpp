#include "device/v4l2/raw_camera.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "device/v4l2/raw_session.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_v4l2.h"
#include "util/clock.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Waits for what another thread does. The limit is for a machine that hangs, not for one that is slow.
bool eventually(const std::function<bool()>& is_so) {
  const system_clock real;
  const time_point end = real.now() + seconds(20);
  while (!is_so()) {
    if (real.now() > end) return false;
    ::sched_yield();
  }
  return true;
}

/// Decodes "J…" into a grey picture of one row; anything else is damaged.
class fake_decoders final : public codec_library {
 public:
  result<std::unique_ptr<video_encoder>> make_video_encoder(const video_encoder_options&) override { return refuse(); }
  result<std::unique_ptr<audio_encoder>> make_audio_encoder(const audio_encoder_options&) override { return refuse(); }
  bool has_encoder(codec_id) override { return false; }
  result<std::unique_ptr<picture_decoder>> make_picture_decoder() override {
    if (!has_decoder) return refuse();
    return std::unique_ptr<picture_decoder>(std::make_unique<decoder>(*this));
  }
  bool has_decoder = true;
  std::atomic<int> decoded{0};

 private:
  struct decoded_picture {
    std::vector<uint8_t> bytes;
    raw_picture picture;
  };
  class decoder final : public picture_decoder {
   public:
    explicit decoder(fake_decoders& owner) : m_owner(owner) {}
    result<picture_lease> decode(byte_view image, time_point captured_at) override {
      if (image.empty() || image[0] != 'J') return fail(error_code::malformed, "no image");
      ++m_owner.decoded;
      auto out = std::make_shared<decoded_picture>();
      out->bytes = image.to_vector();
      out->picture.shape = {pixel_format::grey, static_cast<uint32_t>(image.size()), 1, true};
      out->picture.planes[0] = out->bytes;
      out->picture.captured_at = captured_at;
      return picture_lease(out, &out->picture);
    }

   private:
    fake_decoders& m_owner;
  };
  static tl::unexpected<error> refuse() { return fail(error_code::unsupported, "not in this build"); }
};

constexpr uint32_t width = 16, height = 4, picture_bytes = width * height * 2;

class raw_camera_feeds : public ::testing::Test {
 protected:
  raw_camera_feeds() {
    fake_node& node = driver.node();
    fake_node::format_offer offer;
    offer.fourcc = node.fourcc = V4L2_PIX_FMT_YUYV;
    offer.sizes = {{width, height, {{1, 30}}}};
    node.formats = {offer};
    node.width = width;
    node.height = height;
    node.sizes[0] = picture_bytes;
    settings.camera_id = 3;
    settings.device = "/dev/video0";
    settings.fourccs = raw_fourccs();
    camera = std::make_shared<raw_camera>(settings, time, driver, decoders);
  }
  ~raw_camera_feeds() override {
    feeds.clear();
    camera.reset();
    EXPECT_EQ(driver.open_descriptors(), 0U);
    EXPECT_EQ(driver.mappings(), 0U);
  }
  picture_feed& open_feed() {
    feeds.push_back(camera->feed());
    const auto opened = feeds.back()->open();
    EXPECT_TRUE(opened) << opened.error().message;
    return *feeds.back();
  }
  bool fill(uint8_t mark, size_t size = picture_bytes) {
    fake_v4l2::filling content;
    content.bytes.assign(size, mark);
    content.stamp_us = time.now().time_since_epoch().count();
    time.advance(milliseconds(33));
    return driver.deliver(content);
  }
  /// The camera's thread has taken all that the driver had.
  bool until_taken(int count) {
    return eventually([this, count] { return driver.count(VIDIOC_DQBUF) >= count && driver.done_buffers() == 0; });
  }
  picture_lease take(picture_feed& feed) {
    picture_lease picture;
    const bool came = eventually([&] {
      auto taken = feed.take(time.now());
      EXPECT_TRUE(taken) << taken.error().message;
      if (taken) picture = std::move(*taken);
      return !taken || picture != nullptr;
    });
    EXPECT_TRUE(came);
    return picture;
  }
  error wait_for_failure(picture_feed& feed) {
    error out;
    EXPECT_TRUE(eventually([&] {
      auto taken = feed.take(time.now());
      if (!taken) out = taken.error();
      return !taken;
    }));
    return out;
  }

  fake_clock time;
  fake_v4l2 driver;
  fake_decoders decoders;
  raw_camera_settings settings;
  std::shared_ptr<raw_camera> camera;
  std::vector<std::unique_ptr<picture_feed>> feeds;
};

TEST_F(raw_camera_feeds, share_one_device) {
  picture_feed& main = open_feed();
  picture_feed& sub = open_feed();
  EXPECT_EQ(driver.open_descriptors(), 1U);
  for (uint8_t mark = 1; mark < 20; ++mark) {
    const time_point captured_at = time.now();
    ASSERT_TRUE(fill(mark));
    for (picture_feed* const feed : {&main, &sub}) {
      const picture_lease picture = take(*feed);
      ASSERT_NE(picture, nullptr);
      EXPECT_EQ(picture->shape, (picture_shape{pixel_format::yuyv, width, height, false}));
      EXPECT_EQ(picture->strides[0], width * 2);
      EXPECT_EQ(picture->planes[0], byte_view(std::vector<uint8_t>(picture_bytes, mark)));
      EXPECT_EQ(picture->captured_at, captured_at);
    }
  }
  feeds[0]->close();
  EXPECT_EQ(driver.open_descriptors(), 1U);
  feeds[1]->close();
  EXPECT_EQ(driver.open_descriptors(), 0U);
}

TEST_F(raw_camera_feeds, tell_what_comes) {
  driver.node().quantization = V4L2_QUANTIZATION_FULL_RANGE;
  driver.node().interval = {1, 30};
  const auto feed = camera->feed();
  EXPECT_EQ(feed->poll_descriptor(), -1);
  const auto description = feed->open();
  ASSERT_TRUE(description);
  EXPECT_EQ(description->shape, (picture_shape{pixel_format::yuyv, width, height, true}));
  EXPECT_DOUBLE_EQ(description->frame_rate, 30);
  EXPECT_GE(feed->poll_descriptor(), 0);
}

TEST_F(raw_camera_feeds, that_are_slow_get_the_newest_picture) {
  picture_feed& slow = open_feed();
  for (uint8_t mark = 1; mark <= 5; ++mark) {
    ASSERT_TRUE(fill(mark));
    ASSERT_TRUE(until_taken(mark));
  }
  const auto has_newest = [&slow] { return slow.lost_pictures() == 4; };
  ASSERT_TRUE(eventually(has_newest));
  const picture_lease picture = take(slow);
  ASSERT_NE(picture, nullptr);
  EXPECT_EQ(picture->planes[0][0], 5);
}

TEST_F(raw_camera_feeds, that_never_let_go_do_not_starve_the_driver) {
  picture_feed& greedy = open_feed();
  std::vector<picture_lease> kept;
  for (uint8_t mark = 1; mark <= 8; ++mark) {
    ASSERT_TRUE(fill(mark));
    kept.push_back(take(greedy));
    ASSERT_NE(kept.back(), nullptr);
    EXPECT_GE(driver.queued_buffers(), 1U);
  }
  EXPECT_EQ(greedy.lost_pictures(), 0U);
  // Neither buffers nor copies are left: the camera goes on, its pictures are lost.
  for (uint8_t mark = 9; mark <= 12; ++mark) {
    ASSERT_TRUE(eventually([this] { return driver.queued_buffers() == 2 && driver.done_buffers() == 0; }));
    ASSERT_TRUE(fill(mark));
  }
  EXPECT_TRUE(eventually([&greedy] { return greedy.lost_pictures() == 4; }));
  for (size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(kept[i]->planes[0][picture_bytes - 1], i + 1);
  kept.clear();
  ASSERT_TRUE(fill(77));
  EXPECT_EQ(take(greedy)->planes[0][0], 77);
  ASSERT_TRUE(fill(78));
  EXPECT_TRUE(eventually([this] { return driver.queued_buffers() >= 5; })) << "what was let go is the driver's again";
}

TEST_F(raw_camera_feeds, leave_pictures_behind_that_outlive_the_device) {
  picture_feed& feed = open_feed();
  ASSERT_TRUE(fill(42));
  picture_lease picture = take(feed);
  feeds.clear();
  camera.reset();
  EXPECT_EQ(driver.open_descriptors(), 0U);
  EXPECT_GT(driver.mappings(), 0U);
  EXPECT_EQ(picture->planes[0][picture_bytes - 1], 42);
  picture.reset();
  EXPECT_EQ(driver.mappings(), 0U);
}

TEST_F(raw_camera_feeds, fail_together_when_the_device_goes_and_begin_anew_one_by_one) {
  picture_feed& main = open_feed();
  picture_feed& sub = open_feed();
  driver.unplug();
  EXPECT_EQ(wait_for_failure(main).code, error_code::not_found);
  EXPECT_EQ(main.poll_descriptor(), -1);
  EXPECT_EQ(main.open().error().code, error_code::not_found);
  driver.replug();
  ASSERT_TRUE(main.open()) << "while the other has not yet noticed";
  EXPECT_THAT(wait_for_failure(sub).message, HasSubstr("/dev/video0"));
  ASSERT_TRUE(sub.open());
  EXPECT_EQ(driver.open_descriptors(), 1U);
  ASSERT_TRUE(fill(9));
  EXPECT_EQ(take(main)->planes[0][0], 9);
  EXPECT_EQ(take(sub)->planes[0][0], 9);
}

TEST_F(raw_camera_feeds, count_pictures_that_are_too_short) {
  picture_feed& feed = open_feed();
  ASSERT_TRUE(fill(1, picture_bytes - 1));
  ASSERT_TRUE(fill(2));
  EXPECT_EQ(take(feed)->planes[0][0], 2);
  EXPECT_EQ(camera->counters().damaged.load(), 1U);
}

TEST_F(raw_camera_feeds, decode_the_images_of_a_webcam_once_for_all) {
  driver.node().fourcc = driver.node().formats[0].fourcc = V4L2_PIX_FMT_MJPEG;
  picture_feed& main = open_feed();
  picture_feed& sub = open_feed();
  ASSERT_TRUE(fill('x', 10));
  ASSERT_TRUE(fill('J', 10));
  for (picture_feed* const feed : {&main, &sub}) {
    const picture_lease picture = take(*feed);
    ASSERT_NE(picture, nullptr);
    EXPECT_EQ(picture->shape.format, pixel_format::grey);
    EXPECT_EQ(picture->planes[0].size(), 10U);
  }
  EXPECT_EQ(decoders.decoded.load(), 1);
  EXPECT_EQ(camera->counters().damaged.load(), 1U);
}

TEST_F(raw_camera_feeds, fail_when_no_image_can_ever_be_decoded) {
  driver.node().fourcc = driver.node().formats[0].fourcc = V4L2_PIX_FMT_MJPEG;
  picture_feed& feed = open_feed();
  error failure;
  const bool has_failed = eventually([&] {
    if (driver.done_buffers() == 0) fill('x', 10);
    auto taken = feed.take(time.now());
    if (!taken) failure = taken.error();
    return !taken;
  });
  EXPECT_TRUE(has_failed);
  EXPECT_EQ(failure.code, error_code::timed_out);
  EXPECT_EQ(camera->counters().stalls.load(), 2U);
}

TEST_F(raw_camera_feeds, say_what_is_missing_where_images_cannot_be_decoded) {
  driver.node().fourcc = driver.node().formats[0].fourcc = V4L2_PIX_FMT_MJPEG;
  decoders.has_decoder = false;
  const auto opened = camera->feed()->open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message, "/dev/video0 delivers mjpeg: not in this build");
}

TEST_F(raw_camera_feeds, are_not_opened_where_the_device_fails) {
  for (const unsigned long request :
       {static_cast<unsigned long>(VIDIOC_QUERYCAP), static_cast<unsigned long>(VIDIOC_S_FMT),
        static_cast<unsigned long>(VIDIOC_REQBUFS), static_cast<unsigned long>(VIDIOC_STREAMON)}) {
    driver.fail(request, EIO);
    const auto opened = camera->feed()->open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, error_code::io_failed);
    EXPECT_EQ(driver.open_descriptors(), 0U);
  }
}

TEST_F(raw_camera_feeds, can_be_interrupted) {
  picture_feed& feed = open_feed();
  feed.interrupt();
  EXPECT_EQ(feed.take(time.now()).error().code, error_code::cancelled);
  EXPECT_EQ(driver.open_descriptors(), 0U);
  EXPECT_TRUE(feed.open()) << "close() forgets it";
}

TEST_F(raw_camera_feeds, leave_nothing_behind_after_a_thousand_starts) {
  const auto main = camera->feed(), sub = camera->feed();
  for (uint32_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(main->open());
    ASSERT_TRUE(sub->open());
    if (i % 10 == 0) {
      ASSERT_TRUE(fill(static_cast<uint8_t>(i)));
      ASSERT_NE(take(*sub), nullptr);
    }
    main->close();
    sub->close();
    ASSERT_EQ(driver.open_descriptors(), 0U);
    ASSERT_EQ(driver.mappings(), 0U);
  }
}

struct format_case {
  const char* name;
  uint32_t width, height;
  double rate;
  uint32_t chosen;
};
TEST(order_raw_formats, takes_what_comes_closest_in_size_then_in_rate) {
  fake_v4l2 driver;
  fake_node& node = driver.node();
  const auto offer = [](uint32_t fourcc, std::vector<fake_node::size_offer> sizes) {
    fake_node::format_offer out;
    out.fourcc = fourcc;
    out.sizes = std::move(sizes);
    return out;
  };
  // A USB 2.0 webcam: raw pictures are slow where they are large.
  node.formats = {offer(V4L2_PIX_FMT_MJPEG, {{640, 480, {{1, 30}}}, {1920, 1080, {{1, 30}, {1, 15}}}}),
                  offer(V4L2_PIX_FMT_YUYV, {{640, 480, {{1, 30}}}, {1920, 1080, {{1, 5}}}}),
                  offer(V4L2_PIX_FMT_NV12, {{640, 480, {{1, 30}}}}), offer(V4L2_PIX_FMT_Y16, {})};
  const format_case cases[] = {{"small", 640, 480, 30, V4L2_PIX_FMT_NV12},
                               {"large and fast", 1920, 1080, 30, V4L2_PIX_FMT_MJPEG},
                               {"large and slow", 1920, 1080, 5, V4L2_PIX_FMT_YUYV},
                               {"ntsc", 640, 480, 30.3, V4L2_PIX_FMT_NV12},
                               {"not asked", 0, 0, 0, V4L2_PIX_FMT_NV12}};
  v4l2_node open_node(driver);
  ASSERT_TRUE(open_node.open("/dev/video0"));
  for (const format_case& given : cases) {
    raw_camera_settings settings;
    settings.fourccs = raw_fourccs();
    settings.width = given.width;
    settings.height = given.height;
    settings.frame_rate = given.rate;
    EXPECT_EQ(order_raw_formats(open_node, settings).front(), given.chosen) << given.name;
  }
  raw_camera_settings none;
  none.fourccs = {V4L2_PIX_FMT_GREY};
  EXPECT_THAT(order_raw_formats(open_node, none), ElementsAre(V4L2_PIX_FMT_GREY)) << "for an error that names it";
}

stream_config stream_of(const std::string& device, uint32_t encoded_width, uint32_t encoded_height, double rate) {
  stream_config out;
  out.source.type = source_type::v4l2;
  out.source.device = device;
  out.encoder.width = encoded_width;
  out.encoder.height = encoded_height;
  out.encoder.frame_rate = rate;
  return out;
}

TEST(raw_settings, are_those_of_the_largest_and_the_fastest_stream_on_the_device) {
  camera_config camera;
  camera.camera_id = 7;
  camera.streams = {stream_of("/dev/video0", 640, 360, 30), stream_of("/dev/video0", 1280, 720, 15),
                    stream_of("/dev/video1", 3840, 2160, 60)};
  raw_camera_settings settings = raw_settings(camera, "/dev/video0");
  EXPECT_EQ(settings.camera_id, 7U);
  EXPECT_EQ(settings.width, 1280U);
  EXPECT_EQ(settings.height, 720U);
  EXPECT_DOUBLE_EQ(settings.frame_rate, 30);
  EXPECT_EQ(settings.fourccs, raw_fourccs());
  camera.streams[0].source.width = 1920;
  camera.streams[0].source.height = 1080;
  camera.streams[0].source.frame_rate = 25;
  camera.streams[1].source.pixel_format = "yuyv";
  settings = raw_settings(camera, "/dev/video0");
  EXPECT_EQ(settings.width, 1920U);
  EXPECT_DOUBLE_EQ(settings.frame_rate, 25);
  EXPECT_THAT(settings.fourccs, ElementsAre(V4L2_PIX_FMT_YUYV));
}

TEST(raw_settings, are_the_same_for_all_names_of_a_node) {
  std::string folder = ::testing::TempDir() + "campush_names_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/video0") << "x";
  std::filesystem::create_symlink("video0", folder + "/by-id");
  camera_config camera;
  camera.streams = {stream_of(folder + "/by-id", 640, 360, 30), stream_of(folder + "/video0", 1280, 720, 15)};
  const raw_camera_settings settings = raw_settings(camera, folder + "/video0");
  EXPECT_EQ(settings, raw_settings(camera, folder + "/by-id"));
  EXPECT_EQ(settings.device, folder + "/by-id");
  EXPECT_EQ(settings.width, 1280U);
  std::filesystem::remove_all(folder);
}

TEST(raw_camera_hub, gives_streams_of_one_camera_the_same_device) {
  fake_v4l2 driver;
  fake_decoders decoders;
  const fake_clock time;
  raw_camera_hub hub(driver, decoders);
  raw_camera_settings settings;
  settings.device = "/dev/video0";
  auto first = hub.camera(settings, time);
  EXPECT_EQ(hub.camera(settings, time), first);
  settings.camera_id = 1;
  EXPECT_NE(hub.camera(settings, time), first);
  settings.camera_id = 0;
  settings.width = 1280;
  EXPECT_NE(hub.camera(settings, time), first) << "other settings";
}

}  // namespace
}  // namespace campush
