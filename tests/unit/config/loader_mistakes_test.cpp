#include "config_text.h"

namespace campush {

namespace {

struct mistake {
  const char* name;
  std::string text;
  const char* expected;
};

void expect_lines(const std::vector<mistake>& cases) {
  for (const mistake& c : cases) EXPECT_EQ(problem_of(c.text), c.expected) << c.name;
}

std::string camera(const std::string& keys) {
  return "{\"cameras\": [\n{" + keys + "}]}";
}
std::string stream(const std::string& keys) {
  return camera("\"streams\": [{\n" + keys + "}]");
}

}  // namespace

TEST(loader_mistakes, says_what_was_found_and_what_is_allowed) {
  expect_lines({
      {"not an object", "[]", "c.json:1:1: /: found an array of 0, allowed: object"},
      {"word for a number", stream(R"("encoder": {"bitrate": "fast"})"),
       "c.json:3:24: /cameras/0/streams/0/encoder/bitrate: found \"fast\", allowed: integer 16 to 200000"},
      {"too small", stream(R"("encoder": {"bitrate": 15})"),
       "c.json:3:24: /cameras/0/streams/0/encoder/bitrate: found 15, allowed: integer 16 to 200000"},
      {"negative", R"({"system": {"io_threads": -1}})",
       "c.json:1:27: /system/io_threads: found -1, allowed: integer 1 to 16"},
      {"fraction", R"({"system": {"io_threads": 1.5}})",
       "c.json:1:27: /system/io_threads: found 1.5, allowed: integer 1 to 16"},
      {"huge", R"({"system": {"max_cameras": 18446744073709551615}})",
       "c.json:1:28: /system/max_cameras: found 18446744073709551615, allowed: integer 1 to 64"},
      {"number range", R"({"rtmp": {"retry": {"jitter": 1.5}}})",
       "c.json:1:31: /rtmp/retry/jitter: found 1.5, allowed: number 0 to 1"},
      {"word for a switch", R"({"rtmp": {"enabled": "yes"}})",
       "c.json:1:22: /rtmp/enabled: found \"yes\", allowed: true or false"},
      {"number for a switch", R"({"rtmp": {"enabled": 1}})",
       "c.json:1:22: /rtmp/enabled: found 1, allowed: true or false"},
      {"null", R"({"rtmp": {"chunk_size": null}})",
       "c.json:1:25: /rtmp/chunk_size: found null, allowed: integer 128 to 65536"},
      {"choice", R"({"rtmp": {"resume": "idr"}})",
       "c.json:1:21: /rtmp/resume: found \"idr\", allowed: \"keyframe\", \"gop_cache\""},
      {"encoder type", stream(R"("encoder": {"type": "h264"})"),
       "c.json:3:21: /cameras/0/streams/0/encoder/type: found \"h264\", allowed: \"H264_CBR\", \"H264_VBR\", "
       "\"H264_AVBR\", "
       "\"H265_CBR\", \"H265_VBR\", \"H265_AVBR\""},
      {"log level", R"({"system": {"log_level": "loud"}})",
       "c.json:1:26: /system/log_level: found \"loud\", allowed: trace, debug, info, warn, error, off"},
      {"object for a list", R"({"cameras": {}})",
       "c.json:1:13: /cameras: found an object, allowed: array of 0 to 64 entries"},
      {"stream name", stream(R"("name": "a b")"),
       "c.json:3:9: /cameras/0/streams/0/name: found \"a b\", allowed: 1 to 32 letters, digits, . _ and -"},
      {"camera name", camera("\"name\": \"a\\nb\""),
       "c.json:2:10: /cameras/0/name: found \"a\\x0ab\", allowed: 1 to 64 characters, no control characters"},
      {"source without type", camera(R"("source": {"device": "x"})"),
       "c.json:2:12: /cameras/0/source: the key \"type\" is missing"},
      {"stream rtmp is a word", stream(R"("rtmp": "x")"),
       "c.json:3:9: /cameras/0/streams/0/rtmp: found a text of 1 bytes, allowed: object or array of 1 to 16 entries"},
      {"no destination in a list", stream(R"("rtmp": [])"),
       "c.json:3:9: /cameras/0/streams/0/rtmp: found an array of 0, allowed: array of 1 to 16 entries"},
      {"inside a branch", stream(R"("rtmp": {"retry": {"rest_s": "x"}})"),
       "c.json:3:30: /cameras/0/streams/0/rtmp/retry/rest_s: found \"x\", allowed: integer 0 to 604800"},
      {"inside two branches", stream("\"rtmp\": [{},\n {\"urls\": [\"rtmp://a/b/c\",\n {\"uri\": 1}]}]"),
       "c.json:5:3: /cameras/0/streams/0/rtmp/1/urls/1/uri: unknown key (did you mean \"url\"?)"},
      {"key without url", stream(R"("rtmp": {"urls": [{"stream_key": "x"}]})"),
       "c.json:3:19: /cameras/0/streams/0/rtmp/urls/0: the key \"url\" is missing"},
      {"empty url", R"({"rtmp": {"url_template": ""}})",
       "c.json:1:27: /rtmp/url_template: found a text of 0 bytes, allowed: a URL or URL template of 1 to 2048 "
       "characters"},
  });
}

TEST(loader_mistakes, refuses_unknown_keys_inside_its_sections) {
  expect_lines({
      {"near", stream(R"("encoder": {"bitrat": 1})"),
       "c.json:3:13: /cameras/0/streams/0/encoder/bitrat: unknown key (did you mean \"bitrate\"?)"},
      {"far", R"({"http": {"colour": 1}})", "c.json:1:11: /http/colour: unknown key, allowed: listen, token_file"},
      {"nested", R"({"rtmp": {"retry": {"max_delay_ms": 1}}})",
       "c.json:1:21: /rtmp/retry/max_delay_ms: unknown key (did you mean \"max_delay_s\"?)"},
      {"another part's output", R"({"outputs": {"hls": {}}})", "c.json:1:14: /outputs/hls: unknown key, allowed: rtmp"},
      {"twice", R"({"rtmp": {"enabled": true, "enabled": true}})", "c.json:1:28: the key \"enabled\" is given twice"},
      {"odd characters", "{\"http\": {\"a\\n/~b\": 1}}",
       "c.json:1:11: /http/a\\x0a/~b: unknown key, allowed: listen, token_file"},
  });
}

TEST(loader_mistakes, refuses_what_contradicts_itself) {
  expect_lines({
      {"camera ids", R"({"cameras": [{"camera_id": 1}, {}]})",
       "c.json:1:32: /cameras/1: the camera_id 1 is already used by /cameras/0/camera_id"},
      {"stream ids", camera(R"("streams": [{"stream_id": 2}, {"stream_id": 2, "name": "x"}])"),
       "c.json:2:46: /cameras/0/streams/1/stream_id: the stream_id 2 is already used by "
       "/cameras/0/streams/0/stream_id"},
      {"stream names", camera(R"("streams": [{}, {"name": "main"}])"),
       "c.json:2:27: /cameras/0/streams/1/name: the stream name main is already used by /cameras/0/streams/0"},
      {"destinations", stream(R"("rtmp": [{"urls": ["rtmp://a/b/c"]}, {}])"),
       "c.json:3:38: /cameras/0/streams/0/rtmp/1: the destination name \"default\" is already used by "
       "/cameras/0/streams/0/rtmp/0"},
      {"too many cameras", R"({"system": {"max_cameras": 1}, "cameras": [{"camera_id": 3}, {"camera_id": 4}]})",
       "c.json:1:62: /cameras/1: camera 4 is too many: found 2 enabled cameras, allowed: 1 (system.max_cameras)"},
      {"too many cameras behind one that is off",
       R"({"system": {"max_cameras": 1}, "cameras": [{"camera_id": 3}, {"enabled": false}, {"camera_id": 4}]})",
       "c.json:1:82: /cameras/2: camera 4 is too many: found 2 enabled cameras, allowed: 1 (system.max_cameras)"},
      {"width alone", camera(R"("source": {"type": "v4l2", "device": "/dev/video7", "width": 640})"),
       "c.json:2:12: /cameras/0/source: a v4l2 source needs both width and height, or neither"},
      {"height alone", camera(R"("source": {"type": "v4l2", "device": "/dev/video7", "height": 480})"),
       "c.json:2:12: /cameras/0/source: a v4l2 source needs both width and height, or neither"},
      {"queue order", R"({"rtmp": {"urls": ["rtmp://a/b/c"], "queue": {"high_bytes": 1000000}}})",
       "c.json:1:46: /rtmp/queue: warning_bytes is above high_bytes, or equal where it must be below"},
      {"queue bytes", R"({"rtmp": {"urls": ["rtmp://a/b/c"], "queue": {"critical_bytes": 2097152}}})",
       "c.json:1:46: /rtmp/queue: high_bytes is above critical_bytes, or equal where it must be below"},
      {"queue time", R"({"rtmp": {"urls": ["rtmp://a/b/c"], "queue": {"high_ms": 600}}})",
       "c.json:1:46: /rtmp/queue: warning_ms is above high_ms, or equal where it must be below"},
      {"flush time", R"({"rtmp": {"urls": ["rtmp://a/b/c"], "queue": {"flush_ms": 1500}}})",
       "c.json:1:46: /rtmp/queue: high_ms is above flush_ms, or equal where it must be below"},
      {"waits", R"({"rtmp": {"urls": ["rtmp://a/b/c"], "retry": {"max_delay_s": 0.5}}})",
       "c.json:1:46: /rtmp/retry: initial_delay_s is above max_delay_s, or equal where it must be below"},
      {"both forms", R"({"rtmp": {}, "outputs": {"rtmp": {}}})",
       "c.json:1:34: /outputs/rtmp: given twice: /rtmp means the same"},
      {"name at the top", R"({"rtmp": {"name": "x"}})",
       "c.json:1:19: /rtmp/name: a destination is named in the rtmp section of a stream"},
      {"name at a camera", camera(R"("rtmp": {"name": "x"})"),
       "c.json:2:19: /cameras/0/rtmp/name: a destination is named in the rtmp section of a stream"},
      {"no address", stream(R"("rtmp": {})"),
       "c.json:3:9: /cameras/0/streams/0/rtmp: no address: neither urls nor url_template here or above"},
      {"file without files", camera(R"("source": {"type": "file"})"),
       "c.json:2:12: /cameras/0/source: a file source needs the key \"video\" or \"audio\""},
      {"level of an unknown module", R"({"system": {"log": {"levels": {"sesion": "debug"}}}})",
       "c.json:1:32: /system/log/levels/sesion: unknown key (did you mean \"session\"?)"},
      {"log without path", R"({"system": {"log": {"target": "file"}}})",
       "c.json:1:20: /system/log: the target \"file\" needs the key \"path\""},
      {"listen", R"({"http": {"listen": "localhost"}})",
       "c.json:1:21: /http/listen: found \"localhost\", allowed: ADDRESS:PORT with a numeric address, IPv6 in "
       "brackets, or an "
       "empty text for no HTTP"},
      {"no token", R"({"http": {"token_file": "/nonexistent/token"}})",
       "c.json:1:25: /http/token_file: /nonexistent/token: No such file or directory"},
      {"open http", R"({"http": {"listen": "0.0.0.0:80"}})",
       "c.json:1:21: /http/listen: 0.0.0.0:80 is not loopback: that needs the key \"token_file\""},
  });
}

TEST(loader_mistakes, names_both_sessions_that_share_an_address) {
  expect_lines({
      {"two streams",
       R"({"rtmp": {"url_template": "rtmp://a/live/cam{camera_id}"}, "cameras": [{"streams": [{}, {}]}]})",
       "c.json:1:27: /rtmp/url_template: cam0_stream1/default pushes to the address of cam0_stream0/default "
       "(/rtmp/url_template): rtmp://a/live/cam0"},
      {"a fallback",
       stream(
           R"("rtmp": [{"urls": ["rtmp://a/live/x"]}, {"name": "b", "urls": ["rtmp://b/live/x", "rtmp://A:1935/live/x"]}])"),
       "c.json:3:83: /cameras/0/streams/0/rtmp/1/urls/1: cam0_stream0/b pushes to the address of cam0_stream0/default "
       "(/cameras/0/streams/0/rtmp/0/urls/0): rtmp://A:1935/live/x"},
  });
}

TEST(loader_mistakes, checks_templates_and_addresses) {
  const struct {
    const char* name;
    const char* address;
    const char* place;
  } cases[] = {
      {"unknown variable", "rtmp://a/live/{camera}", "did you mean {camera_id}"},
      {"unclosed brace", "rtmp://a/live/{camera_id", "never closed"},
      {"missing secret", "rtmp://a/live/{file:nothing}", "/config/nothing: No such file"},
      {"unset environment", "rtmp://a/live/{env:CAMPUSH_TEST_UNSET}", "CAMPUSH_TEST_UNSET"},
      {"scheme", "http://a/live/key", "(cam0_stream0/default)"},
      {"no key", "rtmp://a/live", "(cam0_stream0/default)"},
      {"port", "rtmp://a:99999/live/key", "(cam0_stream0/default)"},
      {"space", "rtmp://a/live/a key", "(cam0_stream0/default)"},
  };
  for (const auto& c : cases) {
    const std::string text = problem_of(with_rtmp(std::string("{\"urls\": [\"") + c.address + "\"]}"));
    EXPECT_EQ(text.find("c.json:1:137: /cameras/0/streams/0/rtmp/urls/0: "), 0u) << c.name << ": " << text;
    EXPECT_NE(text.find(c.place), std::string::npos) << c.name << ": " << text;
  }
}

TEST(loader_mistakes, names_the_part_of_an_address_whose_template_is_broken) {
  const std::string key = problem_of(with_rtmp(R"({"urls": [{"url": "rtmp://a/live", "stream_key": "{camera_id"}]})"));
  EXPECT_NE(key.find("/cameras/0/streams/0/rtmp/urls/0/stream_key: "), std::string::npos) << key;
  const std::string url = problem_of(with_rtmp(R"({"urls": [{"url": "rtmp://a/{live", "stream_key": "x"}]})"));
  EXPECT_NE(url.find("/cameras/0/streams/0/rtmp/urls/0/url: "), std::string::npos) << url;
}

TEST(loader_mistakes, shows_no_secret) {
  const std::string key = "s3cr3tK3y";
  const std::vector<std::string> texts = {
      with_rtmp(R"({"urls": ["rtmp://a:0/live/s3cr3tK3y"]})"),
      with_rtmp(R"({"urls": ["rtmp://user:s3cr3tK3y@/live/x"]})"),
      with_rtmp(R"({"urls": ["s3cr3tK3y"]})"),
      with_rtmp(R"({"urls": ["rtmp://a/live/s3cr3tK3y{"]})"),
      with_rtmp(R"({"urls": ["rtmp://a/live/{s3cr3tK3y}"]})"),
      with_rtmp(R"({"urls": ["rtmp://a/live/x s3cr3tK3y"]})"),
      with_rtmp(R"({"urls": ["http://a/live/s3cr3tK3y"]})"),
      with_rtmp(R"({"urls": [{"url": "rtmp://a", "stream_key": "s3cr3tK3y"}]})"),
      with_rtmp(R"({"urls": [{"url": "rtmp://a/live", "stream_key": ["s3cr3tK3y"]}]})"),
      with_rtmp(R"({"urls": "s3cr3tK3y"})"),
      with_rtmp(R"({"url": "rtmp://a/live/s3cr3tK3y"})"),
      with_rtmp(R"({"chunk_size": "rtmp://a/live/s3cr3tK3y"})"),
      with_rtmp(R"({"rtmp://a/live/s3cr3tK3y": 1})"),
      with_rtmp(R"({"url_template": ["s3cr3tK3y"]})"),
      with_rtmp(R"("rtmp://a/live/s3cr3tK3y")"),
      R"({"http": {"listen": "rtmp://a/live/s3cr3tK3y"}})",
      R"({"system": {"log_level": "rtmp://a/live/s3cr3tK3y"}})",
      R"({"rtmp": {"urls": ["rtmp://a/live/s3cr3tK3y" "x"]}})",
      stream(
          R"("rtmp": [{"urls": ["rtmp://a/live/k?token=s3cr3tK3y"]}, {"name": "b", "urls": ["rtmp://a/live/k?token=s3cr3tK3y"]}])"),
  };
  for (const std::string& text : texts) {
    const std::string problem = problem_of(text);
    EXPECT_NE(problem, "loads") << text;
    EXPECT_EQ(problem.find(key), std::string::npos) << problem;
  }
}

TEST(loader_mistakes, shows_no_secret_in_warnings) {
  const system_config config =
      loaded(R"({"rtmp://a/live/s3cr3tK3y": 1, "cameras": [{"source": {"type": "file", "video": "v"}, "streams": [
    {"rtmp": {"urls": ["rtmps://u:s3cr3tK3y@a/live/k?s3cr3tK3y", "rtmps://a/live/k?s3cr3tK3y"]}}]}]})");
  EXPECT_GE(config.warnings.size(), 2u);
  for (const std::string& warning : config.warnings) EXPECT_EQ(warning.find("s3cr3tK3y"), std::string::npos) << warning;
}

TEST(loader_mistakes, is_one_line_each) {
  for (const std::string& text : {camera("\"na\\nme\": 1"), camera("\"name\": 7"), std::string("{\"a\nb\": 1}")}) {
    EXPECT_EQ(problem_of(text).find('\n'), std::string::npos) << problem_of(text);
  }
}

}  // namespace campush
