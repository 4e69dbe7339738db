#include <algorithm>
#include "config/addresses.h"

#include "config_text.h"

namespace campush {

namespace {

std::vector<std::string> first_addresses(const system_config& config) {
  std::vector<std::string> addresses;
  for (const session_config& session : config.sessions) {
    const auto urls = expand_addresses(session);
    addresses.push_back(urls ? urls->front().full().reveal() : urls.error().message);
  }
  return addresses;
}

std::vector<std::string> destinations(const system_config& config) {
  std::vector<std::string> names;
  for (const session_config& session : config.sessions) names.push_back(session.destination);
  return names;
}

}  // namespace

TEST(loader_sessions, overrides_defaults_key_by_key) {
  const system_config config = loaded(with_rtmp(
      R"({"urls": ["rtmp://a/live/k"], "retry": {"jitter": 0}, "queue": {"high_ms": 1000}})",
      R"({"max_retry_attempts": 3, "retry": {"initial_delay_s": 2, "jitter": 0.4}, "queue": {"flush_ms": 2000}})"));
  ASSERT_EQ(config.sessions.size(), 1u);
  const session_config& session = config.sessions[0];
  EXPECT_EQ(session.retry_policy.max_attempts, 3u);
  EXPECT_EQ(session.retry_policy.initial_delay, std::chrono::seconds(2));
  EXPECT_EQ(session.retry_policy.jitter, 0);
  EXPECT_EQ(session.retry_policy.max_delay, std::chrono::seconds(60));
  EXPECT_EQ(session.queue.high_time, std::chrono::seconds(1));
  EXPECT_EQ(session.queue.flush_time, std::chrono::seconds(2));
  EXPECT_EQ(session.queue.warning_time, std::chrono::milliseconds(600));
}

TEST(loader_sessions, lays_the_camera_between_the_top_and_the_stream) {
  const system_config config =
      loaded(R"({"rtmp": {"url_template": "rtmp://top/live/{stream_id}", "chunk_size": 1000, "max_retry_attempts": 1},
    "cameras": [{"rtmp": {"chunk_size": 2000, "max_retry_attempts": 2},
                 "streams": [{"rtmp": {"max_retry_attempts": 3}}, {}]}]})");
  ASSERT_EQ(config.sessions.size(), 2u);
  EXPECT_EQ(config.sessions[0].chunk_size, 2000u);
  EXPECT_EQ(config.sessions[0].retry_policy.max_attempts, 3u);
  EXPECT_EQ(config.sessions[1].retry_policy.max_attempts, 2u);
}

TEST(loader_sessions, chooses_the_address_that_stands_nearest) {
  const char* top = R"({"urls": ["rtmp://top/live/list"], "url_template": "rtmp://top/live/template"})";
  const struct {
    const char* name;
    const char* rtmp;
    const char* expected;
  } cases[] = {
      {"inherited list wins over inherited template", "{}", "rtmp://top/live/list"},
      {"own template wins over inherited list", R"({"url_template": "rtmp://own/live/{stream_name}"})",
       "rtmp://own/live/main"},
      {"own list wins over own template", R"({"url_template": "rtmp://own/live/t", "urls": ["rtmp://own/live/l"]})",
       "rtmp://own/live/l"},
      {"own empty list leaves the template", R"({"urls": []})", "rtmp://top/live/template"},
      {"fallbacks alone are a list of addresses",
       R"({"urls": [], "url_template": "rtmp://o/live/a", "fallback_urls": ["rtmp://o/live/b"]})", "rtmp://o/live/a"},
      {"list entries may be templates", R"({"urls": ["rtmp://own/live/{camera_name}-{camera_id}"]})",
       "rtmp://own/live/cam0-0"},
      {"literal braces", R"({"urls": ["rtmp://own/live/{{{stream_id}}}"]})", "rtmp://own/live/{0}"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(first_addresses(loaded(with_rtmp(c.rtmp, top))), std::vector<std::string>{c.expected}) << c.name;
  }
}

TEST(loader_sessions, takes_other_ports_schemes_and_keys_for_other_addresses) {
  const system_config config = loaded(with_rtmp(R"([
    {"name": "a", "urls": ["rtmp://host/live/x"]}, {"name": "b", "urls": ["rtmp://host:1936/live/x"]},
    {"name": "c", "urls": ["rtmpt://host/live/x"]}, {"name": "d", "urls": ["rtmp://host/live/X"]}])"));
  EXPECT_EQ(config.sessions.size(), 4u);
}

TEST(loader_sessions, fans_out_to_named_destinations) {
  const system_config config = loaded(with_rtmp(
      R"([{"urls": ["rtmp://a/live/k"]}, {"name": "cloud", "urls": ["rtmp://b/live/k"], "hevc_mode": "enhanced"}, {"name": "off", "enabled": false}])",
      R"({"max_retry_attempts": 4})"));
  EXPECT_EQ(destinations(config), (std::vector<std::string>{"default", "cloud"}));
  EXPECT_EQ(first_addresses(config), (std::vector<std::string>{"rtmp://a/live/k", "rtmp://b/live/k"}));
  EXPECT_EQ(config.sessions[0].hevc, hevc_mode::automatic);
  EXPECT_EQ(config.sessions[1].hevc, hevc_mode::enhanced);
  EXPECT_EQ(config.sessions[1].retry_policy.max_attempts, 4u);
}

TEST(loader_sessions, leaves_out_what_is_switched_off) {
  const char* urls = R"("urls": ["rtmp://a/live/k"])";
  EXPECT_EQ(loaded(with_rtmp(std::string("{\"enabled\": false, ") + urls + "}")).sessions.size(), 0u);
  EXPECT_EQ(loaded(with_rtmp(std::string("{") + urls + "}", R"({"enabled": false})")).sessions.size(), 0u);
  EXPECT_EQ(
      loaded(with_rtmp(std::string("{\"enabled\": true, ") + urls + "}", R"({"enabled": false})")).sessions.size(), 1u);
  const system_config config =
      loaded(R"({"rtmp": {"url_template": "rtmp://a/live/{camera_id}_{stream_id}"}, "cameras": [
    {"enabled": false}, {"camera_id": 1, "streams": [{"enabled": false}, {}]}]})");
  ASSERT_EQ(config.sessions.size(), 1u);
  EXPECT_EQ(config.sessions[0].camera_id, 1u);
  EXPECT_EQ(config.sessions[0].stream_id, 1u);
  EXPECT_FALSE(config.cameras[0].enabled);
}

TEST(loader_sessions, reads_secrets_from_files_beside_the_config) {
  const system_config config = loaded(with_rtmp(R"({"urls": ["rtmp://a/live/{file:key}"]})"));
  EXPECT_EQ(first_addresses(config), std::vector<std::string>{"rtmp://a/live/k3y-from-file"});
  const auto urls = expand_addresses(config.sessions.at(0));
  ASSERT_TRUE(urls);
  EXPECT_EQ(urls->front().masked().find("k3y-from-file"), std::string::npos) << urls->front().masked();
}

#ifndef CAMPUSH_WITH_LIBRTMP
TEST(loader_sessions, reports_what_this_build_cannot_push_and_keeps_the_session) {
  const struct {
    const char* name;
    const char* rtmp;
    const char* expected;
  } cases[] = {
      {"tunnelled", R"({"urls": ["rtmpt://a/live/k"]})", "/urls/0: rtmpt is not in this build (CAMPUSH_WITH_LIBRTMP)"},
      {"backup only", R"({"urls": ["rtmps://a/live/k", "rtmpte://a/live/k"]})",
       "/urls/1: rtmpte is not in this build (CAMPUSH_WITH_LIBRTMP)"},
      {"backend", R"({"urls": ["rtmp://a/live/k"], "backend": "librtmp"})",
       "/backend: backend librtmp is not in this build (CAMPUSH_WITH_LIBRTMP): cam0_stream0/default uses the native "
       "one"},
  };
  for (const auto& c : cases) {
    const system_config config = loaded(with_rtmp(c.rtmp));
    ASSERT_EQ(config.sessions.size(), 1u) << c.name;
    EXPECT_EQ(config.sessions[0].backend, publish_backend::native) << c.name;
    ASSERT_EQ(config.warnings.size(), 1u) << c.name;
    EXPECT_NE(config.warnings[0].find(c.expected), std::string::npos) << config.warnings[0];
  }
}
#else
TEST(loader_sessions, takes_the_backend_and_the_schemes_of_librtmp) {
  const system_config config = loaded(with_rtmp(
      R"({"urls": ["rtmp://a/live/k", "rtmpt://a/live/k", "rtmpe://a/live/k", "rtmpte://a/live/k", "rtmpts://a/live/k"],
          "backend": "librtmp"})"));
  EXPECT_EQ(config.warnings, std::vector<std::string>{});
  EXPECT_EQ(config.sessions.at(0).backend, publish_backend::librtmp);
}
#endif

TEST(loader_sessions, warns_of_an_address_that_stands_twice_in_a_list) {
  const system_config config = loaded(with_rtmp(R"({"urls": ["rtmp://a/live/k", "rtmp://A:1935/live/k"]})"));
  EXPECT_EQ(config.sessions.size(), 1u);
  ASSERT_EQ(config.warnings.size(), 1u);
  EXPECT_NE(config.warnings[0].find("/urls/1: cam0_stream0/default has this address twice"), std::string::npos);
}

TEST(loader_sessions, warns_of_a_stream_that_is_pushed_nowhere) {
  const system_config config =
      loaded(R"({"cameras": [{"source": {"type": "file", "video": "v.h264"}, "streams": [{"stream_id": 0}]}]})");
  EXPECT_TRUE(config.sessions.empty());
  EXPECT_EQ(config.warnings,
            std::vector<std::string>{
                "c.json:1:74: /cameras/0/streams/0/rtmp: cam0_stream0 has no rtmp address: it is pushed nowhere"});
}

TEST(anchor_secret_files, touches_relative_files_only) {
  const struct {
    const char* text;
    const char* expected;
  } cases[] = {
      {"rtmp://a/b/{file:k}", "rtmp://a/b/{file:/etc/k}"},
      {"{file:/abs/k}", "{file:/abs/k}"},
      {"{{file:k}}", "{{file:k}}"},
      {"{{{file:k}}}", "{{{file:/etc/k}}}"},
      {"{env:X}{file:a/../k}", "{env:X}{file:/etc/k}"},
      {"{file:", "{file:"},
      {"", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(anchor_secret_files(c.text, "/etc"), c.expected);
}

TEST(loader, does_not_warn_of_a_microphone_meant_for_other_streams) {
  const system_config config = loaded(R"({"cameras": [{"source": {"type": "v4l2", "device": "/dev/video0"},
      "audio": {"type": "alsa"}, "streams": [{"source": {"type": "file", "video": "a.h264", "audio": "a.aac"},
      "rtmp": {"urls": ["rtmp://a/live/k"]}}]}]})");
  EXPECT_TRUE(config.warnings.empty()) << config.warnings[0];
}

TEST(loader, warns_of_a_microphone_beside_a_file_with_sound) {
  const struct {
    const char* name;
    const char* source;
    const char* audio;
    bool warns;
  } cases[] = {
      {"both", R"("video": "a.h264", "audio": "a.aac")", R"("type": "alsa")", true},
      {"silence instead", R"("video": "a.h264", "audio": "a.aac")", R"("type": "alsa", "muted": true)", false},
      {"no sound at all", R"("video": "a.h264", "audio": "a.aac")", R"("type": "alsa", "enabled": false)", false},
      {"the file alone", R"("video": "a.h264", "audio": "a.aac")", R"("codec": "aac")", false},
      {"the microphone alone", R"("video": "a.h264")", R"("type": "alsa")", false},
  };
  for (const auto& c : cases) {
    const system_config config = loaded(std::string(R"({"cameras": [{"source": {"type": "file", )") + c.source +
                                        "}, \"audio\": {" + c.audio + R"(}, "rtmp": {"urls": ["rtmp://a/live/k"]}}]})");
    const auto tells = [](const std::string& line) {
      return line.find("/cameras/0/audio: type alsa") != std::string::npos;
    };
    EXPECT_EQ(std::any_of(config.warnings.begin(), config.warnings.end(), tells), c.warns) << c.name;
  }
}

}  // namespace campush
