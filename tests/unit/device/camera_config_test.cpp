#include "device/camera_config.h"

#include <gtest/gtest.h>

#include <functional>

#include "device/camera_manager.h"

namespace campush {
namespace {

camera_config sample_camera() {
  camera_config camera;
  camera.camera_id = 3;
  camera.name = "gate";
  camera.streams.resize(1);
  return camera;
}

TEST(camera_config, differs_when_any_field_differs) {
  struct {
    const char* name;
    std::function<void(camera_config&)> change;
  } cases[] = {
      {"camera_id", [](camera_config& c) { c.camera_id = 4; }},
      {"enabled", [](camera_config& c) { c.enabled = false; }},
      {"name", [](camera_config& c) { c.name = "yard"; }},
      {"streams", [](camera_config& c) { c.streams.emplace_back(); }},
      {"stream_id", [](camera_config& c) { c.streams[0].stream_id = 1; }},
      {"stream name", [](camera_config& c) { c.streams[0].name = "sub"; }},
      {"source type", [](camera_config& c) { c.streams[0].source.type = source_type::v4l2; }},
      {"source device", [](camera_config& c) { c.streams[0].source.device = "/dev/video0"; }},
      {"source library", [](camera_config& c) { c.streams[0].source.library = "libcam.so"; }},
      {"video_path", [](camera_config& c) { c.streams[0].source.video_path = "a.h264"; }},
      {"audio_path", [](camera_config& c) { c.streams[0].source.audio_path = "a.aac"; }},
      {"is_looped", [](camera_config& c) { c.streams[0].source.is_looped = false; }},
      {"codec", [](camera_config& c) { c.streams[0].encoder.codec = codec_id::h265; }},
      {"control", [](camera_config& c) { c.streams[0].encoder.control = rate_control::vbr; }},
      {"width", [](camera_config& c) { c.streams[0].encoder.width = 1; }},
      {"height", [](camera_config& c) { c.streams[0].encoder.height = 1; }},
      {"bitrate", [](camera_config& c) { c.streams[0].encoder.bitrate_kbps = 1; }},
      {"gop", [](camera_config& c) { c.streams[0].encoder.gop = 1; }},
      {"frame_rate", [](camera_config& c) { c.streams[0].encoder.frame_rate = 1; }},
      {"profile", [](camera_config& c) { c.streams[0].encoder.profile = "high"; }},
      {"audio enabled", [](camera_config& c) { c.streams[0].audio.enabled = false; }},
      {"audio type", [](camera_config& c) { c.streams[0].audio.type = "alsa"; }},
      {"audio device", [](camera_config& c) { c.streams[0].audio.device = "default"; }},
      {"audio codec", [](camera_config& c) { c.streams[0].audio.codec = codec_id::g711a; }},
      {"audio channel", [](camera_config& c) { c.streams[0].audio.channel = 1; }},
      {"sample_rate", [](camera_config& c) { c.streams[0].audio.sample_rate = 1; }},
      {"audio bitrate", [](camera_config& c) { c.streams[0].audio.bitrate_kbps = 1; }},
  };
  EXPECT_EQ(sample_camera(), sample_camera());
  for (const auto& c : cases) {
    camera_config changed = sample_camera();
    c.change(changed);
    EXPECT_TRUE(changed != sample_camera()) << c.name;
  }
}

TEST(default_source_factory, makes_what_is_here_and_says_what_is_not) {
  class : public clock {
    time_point now() const noexcept override { return {}; }
    std::chrono::system_clock::time_point wall_now() const noexcept override { return {}; }
  } time;
  const source_factory sources = default_source_factory();
  stream_config config;
  for (const source_type type : {source_type::file, source_type::v4l2, source_type::test, source_type::vendor}) {
    config.source.type = type;
    config.source.library = type == source_type::vendor ? "encoder.so" : "";
    EXPECT_TRUE(sources(camera_config{}, config, time)) << source_type_name(type);
  }
  const struct {
    source_type type;
    const char* message;
  } refused[] = {{source_type::publish, "source type publish is not in this build"},
                 {source_type::vendor, "source type vendor needs the key \"library\""}};
  config.source.library.clear();
  for (const auto& each : refused) {
    config.source.type = each.type;
    const auto made = sources(camera_config{}, config, time);
    ASSERT_FALSE(made) << source_type_name(each.type);
    EXPECT_EQ(made.error().code, error_code::unsupported);
    EXPECT_EQ(made.error().message, each.message);
  }
}

}  // namespace
}  // namespace campush
