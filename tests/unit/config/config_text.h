#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "config/loader.h"

namespace campush {

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline result<system_config> load_text(const std::string& text) {
  return load_system_config_text(text, CAMPUSH_TEST_DATA "/config", "c.json");
}

/// Loads what must load.
inline system_config loaded(const std::string& text) {
  auto config = load_text(text);
  EXPECT_TRUE(config) << config.error().message;
  return config ? std::move(*config) : system_config{};
}

inline std::string problem_of(const std::string& text) {
  const auto config = load_text(text);
  return config ? "loads" : config.error().message;
}

/// One camera with one stream whose section `rtmp` is given.
inline std::string with_rtmp(const std::string& rtmp, const std::string& top = "{}") {
  return R"({"rtmp": )" + top +
         R"(, "cameras": [{"camera_id": 0, "source": {"type": "file", "video": "v.h264"}, "streams": [{"stream_id": 0, "rtmp": )" +
         rtmp + "}]}]}";
}

}  // namespace campush
