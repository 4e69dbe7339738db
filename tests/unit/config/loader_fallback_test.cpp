#include "config_text.h"

namespace campush {

namespace {

/// A camera with three streams, the second of which is H.264; `fallback` belongs to the first.
std::string camera_with(const std::string& fallback, const std::string& source = R"({"type": "vendor"})") {
  return R"({"rtmp": {"url_template": "rtmp://a/live/{camera_id}_{stream_id}"}, "cameras": [{"source": )" + source +
         R"(, "streams": [{"encoder": {"type": "H265_CBR"}, "fallback": )" + fallback +
         R"(}, {"encoder": {"type": "H264_CBR"}}, {"stream_id": 7, "name": "third", "encoder": {"type": "H265_VBR"}},
          {"name": "off", "enabled": false}]}, {"streams": [{"name": "elsewhere"}]}]})";
}

std::string complaint(const std::string& text) {
  const std::string line = problem_of(text);
  const size_t pointer = line.find(": /");
  return pointer == std::string::npos ? line : line.substr(pointer + 2);
}

}  // namespace

TEST(loader_fallback, reaches_every_destination_of_its_stream_and_no_other) {
  const std::string text = R"({"cameras": [{"streams": [
    {"encoder": {"type": "H265_CBR"}, "fallback": {"stream": "sub"},
     "rtmp": [{"urls": ["rtmp://a/live/k"]}, {"name": "b", "urls": ["rtmp://b/live/k"]}]},
    {"stream_id": 4, "name": "sub", "rtmp": {"urls": ["rtmp://c/live/k"]}}]}]})";
  const system_config config = loaded(text);
  ASSERT_EQ(config.sessions.size(), 3u);
  const hevc_fallback expected{hevc_fallback::kind::stream, 4};
  EXPECT_EQ(config.sessions[0].fallback, expected);
  EXPECT_EQ(config.sessions[1].fallback, expected);
  EXPECT_EQ(config.sessions[2].fallback, hevc_fallback{});
}

TEST(loader_fallback, may_ask_the_encoder) {
  const system_config config = loaded(camera_with(R"({"codec": "h264"})"));
  EXPECT_EQ(config.warnings.size(), 2u) << "no camera of this build, and nothing else";
  EXPECT_EQ(config.sessions.at(0).fallback, (hevc_fallback{hevc_fallback::kind::encoder, 0}));
}

TEST(loader_fallback, says_what_it_could_be) {
  const std::string place = "/cameras/0/streams/0/fallback";
  const std::string allowed = "allowed: another enabled stream of this camera that is not H.265: ";
  const struct {
    const char* name;
    const char* fallback;
    std::string expected;
  } cases[] = {
      {"nothing", "{}", place + ": needs one of the keys \"codec\" and \"stream\", not both"},
      {"both", R"({"codec": "h264", "stream": "sub"})",
       place + ": needs one of the keys \"codec\" and \"stream\", not both"},
      {"codec", R"({"codec": "av1"})", place + "/codec: found \"av1\", allowed: \"h264\""},
      {"no such stream", R"({"stream": "suub"})", place + "/stream: found \"suub\", " + allowed + "sub"},
      {"itself", R"({"stream": "main"})", place + "/stream: found \"main\", " + allowed + "sub"},
      {"H.265 too", R"({"stream": "third"})", place + "/stream: found \"third\", " + allowed + "sub"},
      {"disabled", R"({"stream": "off"})", place + "/stream: found \"off\", " + allowed + "sub"},
      {"another camera's", R"({"stream": "elsewhere"})", place + "/stream: found \"elsewhere\", " + allowed + "sub"},
  };
  for (const auto& c : cases) EXPECT_EQ(complaint(camera_with(c.fallback)), c.expected) << c.name;
}

TEST(loader_fallback, says_that_there_is_no_other_stream) {
  EXPECT_EQ(
      complaint(R"({"cameras": [{"streams": [{"encoder": {"type": "H265_CBR"}, "fallback": {"stream": "sub"},
    "rtmp": {"urls": ["rtmp://a/live/k"]}}]}]})"),
      "/cameras/0/streams/0/fallback/stream: found \"sub\", allowed: another enabled stream of this camera that is not "
      "H.265: nothing, camera 0 has no such stream");
}

TEST(loader_fallback, judges_files_by_their_names) {
  const std::string files = R"({"cameras": [{"streams": [
    {"source": {"type": "file", "video": "a.h265"}, "fallback": {"stream": "NAME"}, "rtmp": {"urls": ["rtmp://a/live/k"]}},
    {"name": "hevc", "source": {"type": "file", "video": "b.hevc"}},
    {"name": "avc", "source": {"type": "file", "video": "c.264"}},
    {"name": "unknown", "source": {"type": "file", "video": "clip"}, "encoder": {"type": "H265_CBR"}}]}]})";
  const auto naming = [&files](const std::string& name) {
    std::string text = files;
    return text.replace(text.find("NAME"), 4, name);
  };
  EXPECT_NE(problem_of(naming("hevc")).find("not H.265: avc, unknown"), std::string::npos)
      << problem_of(naming("hevc"));
  EXPECT_EQ(problem_of(naming("avc")), "loads");
  EXPECT_EQ(problem_of(naming("unknown")), "loads");
}

TEST(loader_fallback, warns_where_it_does_nothing) {
  const struct {
    const char* name;
    const char* stream;
    const char* expected;
  } cases[] = {
      {"a file", R"("source": {"type": "file", "video": "a.h265"}, "fallback": {"codec": "h264"})",
       "/fallback/codec: a file has the codec that it has: this does nothing for cam0_stream0"},
      {"no H.265", R"("source": {"type": "file", "video": "a.h264"}, "fallback": {"stream": "sub"})",
       "/fallback: cam0_stream0 is not H.265: its fallback does nothing"},
  };
  for (const auto& c : cases) {
    const system_config config = loaded(std::string("{\"cameras\": [{\"streams\": [{") + c.stream +
                                        R"(, "rtmp": {"urls": ["rtmp://a/live/k"]}},
      {"source": {"type": "file", "video": "b.h264"}, "rtmp": {"urls": ["rtmp://a/live/s"]}}]}]})");
    ASSERT_EQ(config.warnings.size(), 1u) << c.name;
    EXPECT_NE(config.warnings[0].find(c.expected), std::string::npos) << config.warnings[0];
  }
}

}  // namespace campush
