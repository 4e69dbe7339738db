#include "app/device_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace campush {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

device_listing example() {
  device_listing listing;
  camera_report camera;
  camera.device = "/dev/video0";
  camera.name = "HD Cam";
  camera.driver = "uvcvideo";
  camera.bus = "usb-1.2";
  camera.serial_link = "/dev/v4l/by-id/usb-HD_Cam-index0";
  camera.can_stream = true;
  camera.formats = {{"H264", "H.264", true, {{1920, 1080, 0, 0, {30, 29.97, 15}}}},
                    {"YUYV", "YUYV 4:2:2", false, {{4096, 2160, 32, 32, {}}}}};
  camera.controls = {{"Video Bitrate", 1, 9, 5, false}};
  camera_report locked;
  locked.device = "/dev/video9";
  locked.error = "/dev/video9: Permission denied";
  listing.cameras = {camera, locked};
  listing.microphones = {{"hw:CARD=Loopback,DEV=1", "Loopback PCM", 8000, 192000, 1, 2, ""},
                         {"hw:CARD=Cam", "Cam", 0, 0, 0, 0, "Device or resource busy"}};
  plugin_report acme;
  acme.path = "/usr/lib/acme.so";
  acme.name = "Acme";
  acme.interface_version = "1.0";
  acme.max_encoders = 2;
  acme.video = {{track_kind::video, 0, 0, "main", {codec_id::h264, codec_id::h265}, 2560, 1440, 64, 8000, 30, 0, 0}};
  listing.plugins = {{acme.path, acme}, {"none.so", fail(error_code::not_found, "none.so: no such file")}};
  return listing;
}

TEST(device_listing, shows_formats_sizes_and_rates_as_people_say_them) {
  const std::string text = listing_text(example());
  EXPECT_THAT(text, HasSubstr("  /dev/video0  HD Cam (uvcvideo, usb-1.2), camera\n"));
  EXPECT_THAT(text, HasSubstr("      H264  H.264, compressed\n            1920x1080 at 30, 29.97, 15\n"));
  EXPECT_THAT(text, HasSubstr("            32x32 to 4096x2160\n"));
  EXPECT_THAT(text, HasSubstr("            Video Bitrate: 5 (1 to 9)\n"));
}

TEST(device_listing, gives_the_line_of_the_configuration) {
  const std::string text = listing_text(example());
  EXPECT_THAT(text, HasSubstr(R"("source": { "type": "v4l2", "device": "/dev/v4l/by-id/usb-HD_Cam-index0" })"));
  EXPECT_THAT(text, HasSubstr(R"("audio": { "type": "alsa", "device": "hw:CARD=Loopback,DEV=1" })"));
  EXPECT_THAT(text, Not(HasSubstr(R"("device": "/dev/video9" })")));
}

TEST(device_listing, says_why_something_is_left_out) {
  const std::string text = listing_text(example());
  EXPECT_THAT(text, HasSubstr("\n  /dev/video9: Permission denied\n"));
  EXPECT_THAT(text, Not(HasSubstr("/dev/video9  ")));
  EXPECT_THAT(text, HasSubstr("hw:CARD=Cam  Cam: Device or resource busy\n"));
  EXPECT_THAT(text, HasSubstr("  none.so: no such file\n"));
}

TEST(device_listing, shows_what_a_plug_in_has) {
  EXPECT_THAT(listing_text(example()),
              HasSubstr("video 0  main: h264 h265, up to 2560x1440 at 30, 64 to 8000 kbit/s\n"));
}

TEST(device_listing, says_that_there_is_nothing) {
  const std::string text = listing_text({});
  EXPECT_THAT(text, HasSubstr("Cameras\n  none"));
  EXPECT_THAT(text, HasSubstr("Microphones\n  none"));
  EXPECT_EQ(listing_json({}), R"({"cameras":[],"microphones":[],"plugins":[]})");
}

TEST(device_listing, gives_programs_the_same) {
  const std::string json = listing_json(example());
  EXPECT_THAT(json, HasSubstr(R"("serial_link":"/dev/v4l/by-id/usb-HD_Cam-index0")"));
  EXPECT_THAT(json, HasSubstr(R"("frame_rates":[30.0,29.97,15.0])"));
  EXPECT_THAT(json, HasSubstr(R"("codecs":["h264","h265"])"));
  EXPECT_THAT(json, HasSubstr(R"({"path":"none.so","error":"none.so: no such file"})"));
}

}  // namespace
}  // namespace campush
