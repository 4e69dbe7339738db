#include <dlfcn.h>
#include <unistd.h>

#include <filesystem>

#include "config_text.h"
#include "device/vendor/plugin_report.h"
#include "fakes/lying_hal.h"

namespace campush {

namespace {

/// Cameras 0, 1 … with one stream each, which goes to an address of its own.
std::string cameras(const std::vector<std::string>& sources, const std::string& more_of_streams = "",
                    const std::string& system = "{}") {
  std::string text = R"({"system": )" + system +
                     R"(, "rtmp": {"url_template": "rtmp://a/live/cam{camera_id}_{stream_name}"}, "cameras": [)";
  for (size_t i = 0; i < sources.size(); ++i) {
    if (i > 0) text += ", ";
    text += R"({"source": )" + sources[i] + R"(, "streams": [{"stream_id": 0)" + more_of_streams + "}]}";
  }
  return text + "]}";
}

/// A folder gone with the test.
class test_folder {
 public:
  explicit test_folder(const std::string& name)
      : m_folder(std::filesystem::temp_directory_path() / ("campush_" + name + "_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(m_folder);
  }
  ~test_folder() { std::filesystem::remove_all(m_folder); }
  test_folder(const test_folder&) = delete;
  test_folder& operator=(const test_folder&) = delete;
  std::filesystem::path file(const char* name) const { return m_folder / name; }

 private:
  const std::filesystem::path m_folder;
};

/// A node with two names.
class linked_node {
 public:
  linked_node() {
    std::ofstream(m_folder.file("video0")) << "";
    std::filesystem::create_symlink("video0", m_folder.file("by-id"));
  }
  std::string source(const char* name) const {
    return R"({"type": "v4l2", "device": ")" + m_folder.file(name).string() + "\"}";
  }

 private:
  const test_folder m_folder{"nodes"};
};

TEST(resource_limits, two_cameras_do_not_share_a_device) {
  EXPECT_EQ(
      problem_of(cameras({R"({"type": "v4l2", "device": "/dev/video7"})", R"({"type": "file", "video": "v.h264"})",
                          R"({"type": "v4l2", "device": "/dev/video7"})"})),
      "c.json:1:277: /cameras/2/source: camera 2, stream main (/cameras/2/source) and camera 0, stream main "
      "(/cameras/0/source) both capture from /dev/video7; allowed: one camera a device");
}

TEST(resource_limits, a_link_and_its_node_are_one_device) {
  const linked_node node;
  EXPECT_NE(problem_of(cameras({node.source("video0"), node.source("by-id")})).find("both capture from"),
            std::string::npos);
}

TEST(resource_limits, streams_of_one_camera_may_share_a_device) {
  loaded(R"({"rtmp": {"url_template": "rtmp://a/live/{stream_name}"}, "cameras": [
    {"source": {"type": "v4l2", "device": "/dev/video7"}, "streams": [{"stream_id": 0}, {"stream_id": 1}]}]})");
}

TEST(resource_limits, streams_of_one_camera_do_not_share_its_encoder) {
  const linked_node node;
  const auto two_streams = [&node](const std::string& first, const std::string& second) {
    const auto source = [&node](const char* name, const std::string& format) {
      std::string out = node.source(name);
      out.insert(out.size() - 1, R"(, "pixel_format": ")" + format + '"');
      return out;
    };
    return R"({"rtmp": {"url_template": "rtmp://a/live/{stream_name}"}, "cameras": [{"streams": [
      {"stream_id": 0, "source": )" +
           source("video0", first) + R"(}, {"stream_id": 1, "source": )" + source("by-id", second) + "}]}]}";
  };
  for (const auto& [first, second] : {std::pair{"auto", "h264"}, {"h265", "auto"}, {"h264", "h264"}}) {
    const std::string problem = problem_of(two_streams(first, second));
    EXPECT_NE(problem.find("camera 0, stream sub (/cameras/0/streams/1/source) and camera 0, stream main "
                           "(/cameras/0/streams/0/source) both capture from "),
              std::string::npos)
        << problem;
    EXPECT_NE(problem.find("allowed: one stream a device whose pixel_format is h264 or h265"), std::string::npos);
  }
  loaded(two_streams("auto", "yuyv"));
}

TEST(resource_limits, a_disabled_camera_takes_nothing) {
  loaded(R"({"rtmp": {"url_template": "rtmp://a/live/{camera_id}"}, "cameras": [
    {"source": {"type": "v4l2", "device": "/dev/video7"}, "streams": [{"stream_id": 0}]},
    {"enabled": false, "source": {"type": "v4l2", "device": "/dev/video7"}, "streams": [{"stream_id": 0}]}]})");
}

TEST(resource_limits, a_v4l2_source_names_its_device) {
  EXPECT_NE(problem_of(cameras({R"({"type": "v4l2"})"})).find("needs the key \"device\""), std::string::npos);
}

TEST(resource_limits, two_streams_do_not_share_a_channel_of_a_plug_in) {
  const std::string problem = problem_of(cameras({R"({"type": "vendor", "library": "none.so", "channel": 3})",
                                                  R"({"type": "vendor", "library": "./none.so", "channel": 3})"}));
  EXPECT_NE(problem.find("camera 1, stream main (/cameras/1/source) and camera 0, stream main (/cameras/0/source) both "
                         "take channel 3 of "),
            std::string::npos)
      << problem;
}

std::string plug_in(uint32_t channel, const std::string& path = CAMPUSH_FILE_HAL) {
  return R"({"type": "vendor", "library": ")" + path + R"(", "channel": )" + std::to_string(channel) + "}";
}

TEST(resource_limits, a_link_and_its_plug_in_have_the_same_channels) {
  const test_folder folder("links");
  const std::string link = folder.file("camera.so").string();
  std::filesystem::create_symlink(CAMPUSH_LYING_HAL, link);
  const std::string twice = problem_of(cameras({plug_in(3, CAMPUSH_LYING_HAL), plug_in(3, link)}));
  EXPECT_NE(twice.find("both take channel 3 of "), std::string::npos) << twice;
  const auto three = {plug_in(0, CAMPUSH_LYING_HAL), plug_in(3, link), plug_in(1, CAMPUSH_LYING_HAL)};
  const std::string too_many = problem_of(cameras(three));
  EXPECT_NE(too_many.find("runs 2 encoders at once"), std::string::npos) << too_many;
}

/// A plug-in of its own with one lie: a copy of the file is another library for the loader.
std::string lying_copy(const test_folder& folder, const char* lie) {
  const std::string path = folder.file("liar.so").string();
  std::filesystem::copy_file(CAMPUSH_LYING_HAL, path);
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  reinterpret_cast<lying_hal_set_function>(::dlsym(library, "lying_hal_set"))(lie);
  return path;
}

TEST(resource_limits, a_plug_in_with_sound_alone_has_no_channel_for_pictures) {
  const test_folder folder("sound");
  const std::string problem = problem_of(cameras({plug_in(0, lying_copy(folder, "sound_only"))}));
  EXPECT_NE(problem.find("takes channel 0 of "), std::string::npos) << problem;
  EXPECT_NE(problem.find("; it has none for pictures"), std::string::npos) << problem;
}

TEST(resource_limits, streams_that_share_a_microphone_of_a_plug_in_ask_it_for_the_same) {
  const auto two = [](const std::string& audio, const std::string& other) {
    return R"({"rtmp": {"url_template": "rtmp://a/live/cam{camera_id}_{stream_name}"}, "cameras": [
      {"source": )" +
           plug_in(0, CAMPUSH_LYING_HAL) + R"(, "streams": [{"stream_id": 0, "audio": )" + audio +
           R"(}]}, {"source": )" + plug_in(1, CAMPUSH_LYING_HAL) + R"(, "streams": [{"stream_id": 0, "audio": )" +
           other + "}]}]}";
  };
  loaded(two(R"({"bitrate": 64})", R"({"bitrate": 64, "type": "vendor"})"));
  loaded(two(R"({"bitrate": 64})", R"({"bitrate": 32, "channel": 1})"));
  loaded(two(R"({"bitrate": 64})", R"({"bitrate": 32, "enabled": false})"));
  const std::string problem = problem_of(two(R"({"bitrate": 64})", R"({"bitrate": 32})"));
  EXPECT_NE(problem.find("camera 1, stream main (/cameras/1/source) and camera 0, stream main (/cameras/0/source) ask "
                         "audio channel 0 of "),
            std::string::npos)
      << problem;
  const std::string beyond = problem_of(two("{}", R"({"channel": 9})"));
  EXPECT_NE(beyond.find("takes audio channel 9 of "), std::string::npos) << beyond;
  EXPECT_NE(beyond.find("allowed: 0 to 3"), std::string::npos) << beyond;
}

TEST(resource_limits, a_plug_in_runs_as_many_encoders_as_it_says) {
  const auto plugin = describe_plugin(CAMPUSH_FILE_HAL);
  ASSERT_TRUE(plugin) << plugin.error().message;
  std::vector<std::string> sources;
  for (uint32_t channel = 0; channel < plugin->max_encoders; ++channel) sources.push_back(plug_in(channel));
  loaded(cameras(sources, "", R"({"max_cameras": 64})"));
}

TEST(resource_limits, one_encoder_too_many_names_who_got_the_last) {
  const auto sources = {plug_in(0, CAMPUSH_LYING_HAL), plug_in(3, CAMPUSH_LYING_HAL), plug_in(1, CAMPUSH_LYING_HAL)};
  const std::string problem = problem_of(cameras(sources));
  EXPECT_NE(problem.find("/cameras/2/source: camera 2, stream main (/cameras/2/source) finds no encoder left, the last "
                         "one goes to camera 1, stream main (/cameras/1/source); "),
            std::string::npos)
      << problem;
  EXPECT_NE(problem.find("runs 2 encoders at once"), std::string::npos) << problem;
}

TEST(resource_limits, a_channel_that_the_plug_in_lacks_is_named_with_those_it_has) {
  const std::string problem = problem_of(cameras({plug_in(63)}));
  EXPECT_NE(problem.find("camera 0, stream main (/cameras/0/source) takes channel 63 of "), std::string::npos)
      << problem;
  EXPECT_NE(problem.find("allowed: 0 to "), std::string::npos) << problem;
}

TEST(resource_limits, a_plug_in_that_is_not_there_is_a_warning) {
  const system_config config = loaded(cameras({R"({"type": "vendor", "library": "none.so"})"}));
  ASSERT_EQ(config.warnings.size(), 1u);
  EXPECT_NE(config.warnings[0].find("none.so"), std::string::npos) << config.warnings[0];
}

TEST(resource_limits, the_sum_of_bitrates_stays_within_the_uplink) {
  const std::vector<std::string> two(2, R"({"type": "file", "video": "v.h264"})");
  const std::string encoders = R"(, "encoder": {"bitrate": 4000}, "audio": {"bitrate": 64})";
  loaded(cameras(two, encoders, R"({"uplink_kbps": 8128})"));
  EXPECT_EQ(problem_of(cameras(two, encoders, R"({"uplink_kbps": 8127})")),
            "c.json:1:28: /system/uplink_kbps: the sessions add up to 8128 kbit/s, allowed: 8127; the largest: "
            "cam0_stream0/default with 4064 and cam1_stream0/default with 4064");
}

TEST(resource_limits, streams_without_a_bitrate_are_named) {
  const system_config config =
      loaded(cameras({R"({"type": "file", "video": "v.h264"})"}, "", R"({"uplink_kbps": 100})"));
  ASSERT_EQ(config.warnings.size(), 1u);
  EXPECT_NE(config.warnings[0].find("1 of 1 sessions count nothing"), std::string::npos) << config.warnings[0];
}

}  // namespace
}  // namespace campush
