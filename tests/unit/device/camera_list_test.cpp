#include "device/v4l2/camera_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "fakes/fake_v4l2.h"

namespace campush {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class camera_list : public ::testing::Test {
 protected:
  camera_list() {
    std::string pattern = ::testing::TempDir() + "campush_list_XXXXXX";
    root = ::mkdtemp(pattern.data());
  }
  ~camera_list() override {
    EXPECT_EQ(driver.open_descriptors(), 0U);
    std::filesystem::remove_all(root);
  }
  std::vector<camera_report> describe(const std::vector<std::string>& nodes) {
    return describe_cameras(nodes, root + "/by-id", driver);
  }
  void touch(const std::string& name) const { std::ofstream(root + "/" + name) << "x"; }

  fake_v4l2 driver;
  std::string root;
};

TEST_F(camera_list, finds_nodes_by_number) {
  for (const char* name : {"video10", "video2", "video", "video1x", "videoX", "vbi0", "video99999999999"}) touch(name);
  EXPECT_THAT(video_nodes(root), ElementsAre(root + "/video2", root + "/video10"));
  EXPECT_THAT(video_nodes(root + "/nowhere"), IsEmpty());
}

TEST_F(camera_list, finds_the_link_that_leads_to_a_node) {
  touch("video0");
  touch("video1");
  std::filesystem::create_directory(root + "/by-id");
  std::filesystem::create_symlink("../video9", root + "/by-id/a_gone_one");
  std::filesystem::create_symlink("../video1", root + "/by-id/usb-camera-index0");
  EXPECT_EQ(link_to(root + "/video1", root + "/by-id"), root + "/by-id/usb-camera-index0");
  EXPECT_EQ(link_to(root + "/video0", root + "/by-id"), "");
  EXPECT_EQ(link_to(root + "/video0", root + "/nowhere"), "");
}

TEST_F(camera_list, tells_what_a_camera_offers) {
  fake_node& node = driver.node();
  fake_node::format_offer coded, raw;
  coded.fourcc = V4L2_PIX_FMT_H264;
  coded.description = "H.264";
  coded.flags = V4L2_FMT_FLAG_COMPRESSED;
  coded.sizes = {{640, 360, {{1, 15}, {1, 30}}}, {1920, 1080, {}}};
  raw.fourcc = V4L2_PIX_FMT_YUYV;
  raw.range = v4l2_frmsize_stepwise{64, 1920, 2, 48, 1080, 2};
  node.formats = {coded, raw};
  node.controls[V4L2_CID_BRIGHTNESS] = {"Brightness", V4L2_CTRL_TYPE_INTEGER, -64, 64, 1, 5, 0};
  node.controls[V4L2_CID_CONTRAST] = {"Contrast", V4L2_CTRL_TYPE_INTEGER, 0, 9, 1, 1, V4L2_CTRL_FLAG_DISABLED};
  node.controls[V4L2_CID_CODEC_CLASS] = {"Codec", V4L2_CTRL_TYPE_CTRL_CLASS, 0, 0, 0, 0, V4L2_CTRL_FLAG_READ_ONLY};
  node.controls[V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME] = {"Force Key Frame", V4L2_CTRL_TYPE_BUTTON, 0, 0, 0, 7, 0};
  const auto reports = describe({"/dev/video0"});
  ASSERT_EQ(reports.size(), 1U);
  const camera_report& camera = reports[0];
  EXPECT_EQ(camera.device, "/dev/video0");
  EXPECT_EQ(camera.name, "Fake camera");
  EXPECT_EQ(camera.driver, "fake");
  EXPECT_EQ(camera.bus, "usb-fake-1");
  EXPECT_EQ(camera.error, "");
  EXPECT_TRUE(camera.can_stream);
  EXPECT_FALSE(camera.can_read || camera.is_multiplanar || camera.is_encoder);
  ASSERT_EQ(camera.formats.size(), 2U);
  EXPECT_EQ(camera.formats[0].fourcc, "H264");
  EXPECT_EQ(camera.formats[0].description, "H.264");
  EXPECT_TRUE(camera.formats[0].is_compressed);
  ASSERT_EQ(camera.formats[0].sizes.size(), 2U);
  EXPECT_EQ(camera.formats[0].sizes[0].width, 640U);
  EXPECT_THAT(camera.formats[0].sizes[0].frame_rates, ElementsAre(30, 15));
  EXPECT_THAT(camera.formats[0].sizes[1].frame_rates, IsEmpty());
  EXPECT_FALSE(camera.formats[1].is_compressed);
  ASSERT_EQ(camera.formats[1].sizes.size(), 1U);
  EXPECT_EQ(camera.formats[1].sizes[0].min_width, 64U);
  EXPECT_EQ(camera.formats[1].sizes[0].width, 1920U);
  ASSERT_EQ(camera.controls.size(), 2U);
  EXPECT_EQ(camera.controls[0].name, "Brightness");
  EXPECT_EQ(camera.controls[0].minimum, -64);
  EXPECT_EQ(camera.controls[0].value, 5);
  EXPECT_EQ(camera.controls[1].value, 0) << "a button has none";
}

TEST_F(camera_list, keeps_what_cannot_be_opened_and_leaves_out_what_is_no_camera) {
  driver.node("/dev/video0").capabilities = V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING;
  driver.node("/dev/video1").capabilities = V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING;
  driver.node("/dev/video2").capabilities = V4L2_CAP_VIDEO_M2M_MPLANE | V4L2_CAP_STREAMING;
  driver.node("/dev/video3").is_plugged = false;
  const auto reports = describe({"/dev/video0", "/dev/video1", "/dev/video2", "/dev/video3"});
  ASSERT_EQ(reports.size(), 3U);
  EXPECT_EQ(reports[0].device, "/dev/video1");
  EXPECT_THAT(reports[0].error, HasSubstr("only takes pictures"));
  EXPECT_EQ(reports[1].device, "/dev/video2");
  EXPECT_TRUE(reports[1].is_encoder && reports[1].is_multiplanar);
  EXPECT_EQ(reports[1].error, "");
  EXPECT_EQ(reports[2].device, "/dev/video3");
  EXPECT_THAT(reports[2].error, HasSubstr("no such device"));
}

TEST_F(camera_list, does_not_follow_a_driver_that_never_ends) {
  /// Every question has an answer.
  class endless final : public video_device_calls {
   public:
    int open(const char*) noexcept override { return 1000; }
    int close(int) noexcept override { return 0; }
    int ioctl(int, unsigned long request, void* argument) noexcept override {
      ++calls;
      if (request == VIDIOC_QUERYCAP) {
        static_cast<v4l2_capability*>(argument)->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
      }
      if (request == VIDIOC_ENUM_FRAMESIZES || request == VIDIOC_ENUM_FRAMEINTERVALS) {
        errno = EINVAL;
        return -1;
      }
      if (request == VIDIOC_QUERYCTRL) {
        auto& control = *static_cast<v4l2_queryctrl*>(argument);
        control.id = does_repeat ? 1 : (control.id & ~V4L2_CTRL_FLAG_NEXT_CTRL) + 1;
        control.type = V4L2_CTRL_TYPE_INTEGER;
      }
      return 0;
    }
    void* mmap(size_t, int, uint32_t) noexcept override { return nullptr; }
    int munmap(void*, size_t) noexcept override { return 0; }
    int poll(pollfd*, nfds_t, int) noexcept override { return 0; }
    ssize_t read(int, void*, size_t) noexcept override { return 0; }
    int calls = 0;
    bool does_repeat = false;
  } driver_without_end;
  for (const bool does_repeat : {false, true}) {
    driver_without_end.does_repeat = does_repeat;
    driver_without_end.calls = 0;
    EXPECT_EQ(describe_cameras({"/dev/video0"}, root, driver_without_end).size(), 1U);
    EXPECT_LT(driver_without_end.calls, 3000);
  }
}

}  // namespace
}  // namespace campush
