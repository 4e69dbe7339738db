#include "config/legacy_keys.h"

#include <algorithm>

#include "config_text.h"

namespace campush {

namespace {

system_config loaded_legacy(const std::string& name) {
  auto config = load_system_config(CAMPUSH_TEST_DATA "/legacy/" + name);
  EXPECT_TRUE(config) << config.error().message;
  return config ? std::move(*config) : system_config{};
}

}  // namespace

TEST(legacy, single_camera_file_becomes_main_and_sub_of_camera_0) {
  const system_config config = loaded_legacy("single_camera.json");
  ASSERT_EQ(config.cameras.size(), 1u);
  EXPECT_EQ(config.cameras[0].camera_id, 0u);
  ASSERT_EQ(config.cameras[0].streams.size(), 2u);
  EXPECT_EQ(config.cameras[0].streams[1].name, "sub");
  EXPECT_EQ(config.cameras[0].streams[1].source.type, source_type::vendor);
  ASSERT_EQ(config.sessions.size(), 2u);
  EXPECT_EQ(config.sessions[1].stream_name, "sub");
  EXPECT_EQ(config.sessions[1].url_template, "rtmp://server/live/cam{camera_id}_{stream_name}");
  EXPECT_EQ(config.sessions[1].fallback_urls.size(), 2u);
  EXPECT_EQ(config.sessions[1].retry_policy.max_attempts, 10u);
  ASSERT_EQ(config.warnings.size(), 1u);
  EXPECT_NE(config.warnings[0].find("source vendor needs the key \"library\""), std::string::npos)
      << config.warnings[0];
}

TEST(legacy, single_camera_file_with_one_fixed_address_has_one_stream) {
  const system_config config = loaded(R"({"rtmp": {"url_template": "rtmp://a/live/x"}})");
  ASSERT_EQ(config.cameras.size(), 1u);
  EXPECT_EQ(config.cameras[0].streams.size(), 1u);
  EXPECT_EQ(config.sessions.size(), 1u);
}

TEST(legacy, a_camera_of_files_without_streams_has_one) {
  const system_config config = loaded(R"({"rtmp": {"url_template": "rtmp://a/live/{stream_name}"},
                                          "cameras": [{"source": {"type": "file", "video": "v.h264"}}]})");
  ASSERT_EQ(config.cameras.size(), 1u);
  EXPECT_EQ(config.cameras[0].streams.size(), 1u) << "a file has no second encoder";
}

TEST(legacy, multi_camera_file_loads_and_lists_the_ignored_keys_once) {
  const system_config config = loaded_legacy("multi_camera.json");
  ASSERT_EQ(config.cameras.size(), 2u);
  ASSERT_EQ(config.sessions.size(), 3u);
  EXPECT_EQ(config.sessions[0].urls.size(), 2u);
  EXPECT_EQ(config.sessions[0].retry_policy.max_attempts, 5u) << "from the top outputs.rtmp";
  EXPECT_EQ(config.sessions[1].stream_name, "sub");
  EXPECT_EQ(config.sessions[1].urls.at(0).url, "rtmp://server/live/cam0_sub") << "from the stream's outputs.rtmp";
  EXPECT_EQ(config.sessions[2].retry_policy.max_attempts, 0u) << "from the camera's outputs.rtmp";
  const auto is_listing = [](const std::string& warning) { return warning.find("are ignored: ") != std::string::npos; };
  EXPECT_EQ(std::count_if(config.warnings.begin(), config.warnings.end(), is_listing), 1);
  for (const std::string_view key : legacy_keys()) {
    EXPECT_NE(config.warnings.at(0).find(key), std::string::npos) << key << " stands in no legacy file";
  }
}

TEST(legacy, ignores_these_keys_where_they_stand_and_nowhere_else) {
  EXPECT_NE(problem_of(R"({"cameras": [{"streams": [{"sensor": {}}]}]})").find("unknown key"), std::string::npos);
  EXPECT_NE(problem_of(R"({"rtmp": {"features": 1}})").find("unknown key"), std::string::npos);
  EXPECT_EQ(problem_of(R"({"cameras": [{"sensor": 5, "streams": [{"outputs": {"mp4": null}}]}]})"), "loads");
}

TEST(legacy, keeps_line_numbers_behind_ignored_keys) {
  EXPECT_EQ(problem_of("{\"cameras\": [{\"sensor\": {\n}, \"features\": [\n],\n \"name\": 1}]}"),
            "c.json:4:10: /cameras/0/name: found 1, allowed: 1 to 64 characters, no control characters");
}

}  // namespace campush
