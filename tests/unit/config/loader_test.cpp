#include "config/addresses.h"
#include "config_text.h"

namespace campush {

namespace {

system_config loaded_file(const std::string& path) {
  auto config = load_system_config(path);
  EXPECT_TRUE(config) << config.error().message;
  return config ? std::move(*config) : system_config{};
}

}  // namespace

TEST(loader, loads_the_example_of_the_design) {
  const system_config config = loaded_file(CAMPUSH_TEST_DATA "/config/design.json");
  EXPECT_EQ(config.warnings, std::vector<std::string>{});
  EXPECT_EQ(config.system.device_id, "cam-7f31");
  ASSERT_EQ(config.cameras.size(), 1u);
  ASSERT_EQ(config.cameras[0].streams.size(), 1u);
  const stream_config& stream = config.cameras[0].streams[0];
  EXPECT_EQ(stream.source.type, source_type::file);
  EXPECT_EQ(stream.source.video_path, CAMPUSH_TEST_DATA "/gate.h264");
  EXPECT_EQ(stream.source.audio_path, CAMPUSH_TEST_DATA "/gate.aac");
  EXPECT_EQ(stream.source.device, "");
  EXPECT_EQ(stream.encoder.bitrate_kbps, 4000u);
  EXPECT_EQ(stream.encoder.profile, "high");
  EXPECT_EQ(stream.audio.sample_rate, 48000u);
  ASSERT_EQ(config.sessions.size(), 1u);
  session_config expected;
  expected.camera_name = "gate";
  expected.encoder_kbps = 4000;
  expected.device_id = "cam-7f31";
  expected.url_template = "rtmp://server/live/cam{camera_id}_{stream_name}";
  expected.fallback_urls = {"rtmp://server2/live/cam{camera_id}_{stream_name}"};
  expected.urls = {{"rtmp://server/live/cam0_main"}, {"rtmp://backup/live", "{file:" CAMPUSH_TEST_DATA "/config/key}"}};
  EXPECT_TRUE(config.sessions[0] == expected);
}

TEST(loader, brings_every_value_of_the_system_and_http_to_its_field) {
  const system_config config = loaded_file(CAMPUSH_TEST_DATA "/config/every_value.json");
  EXPECT_EQ(config.system.max_cameras, 7u);
  EXPECT_EQ(config.system.log.level, log_level::debug);
  EXPECT_EQ(config.system.log.target, log_target::file);
  EXPECT_EQ(config.system.log.path, CAMPUSH_TEST_DATA "/config/log/campush.log");
  EXPECT_EQ(config.system.log.max_bytes, 5000u);
  EXPECT_EQ(config.system.log.max_files, 9u);
  const std::array<std::optional<log_level>, log_module_count> levels{
      log_level::trace, log_level::debug, log_level::info,  log_level::warn,
      log_level::error, log_level::off,   log_level::trace, log_level::warn};
  EXPECT_EQ(config.system.log.module_levels, levels);
  EXPECT_EQ(config.system.io_threads, 3u);
  EXPECT_EQ(config.system.device_id, "box_1");
  EXPECT_EQ(config.system.state_dir, CAMPUSH_TEST_DATA "/config/state");
  EXPECT_EQ(config.http.listen, "[::1]:9090");
  EXPECT_EQ(config.http.token_file, CAMPUSH_TEST_DATA "/config/key");
}

TEST(loader, brings_every_value_of_a_camera_to_its_field) {
  const system_config config = loaded_file(CAMPUSH_TEST_DATA "/config/every_value.json");
  ASSERT_EQ(config.cameras.size(), 1u);
  EXPECT_EQ(config.cameras[0].camera_id, 5u);
  EXPECT_EQ(config.cameras[0].name, "yard");
  EXPECT_TRUE(config.cameras[0].enabled);
  ASSERT_EQ(config.cameras[0].streams.size(), 1u) << "a disabled stream is left out";
  const stream_config& stream = config.cameras[0].streams[0];
  EXPECT_EQ(stream.stream_id, 2u);
  EXPECT_EQ(stream.name, "third");
  EXPECT_EQ(stream.source.type, source_type::vendor);
  EXPECT_EQ(stream.source.device, "OS04A10");
  EXPECT_EQ(stream.source.library, CAMPUSH_TEST_DATA "/config/lib/vendor.so");
  EXPECT_TRUE(stream.source.is_looped);
  EXPECT_FALSE(stream.audio.enabled);
  EXPECT_EQ(stream.audio.type, "vendor");
  EXPECT_EQ(stream.audio.device, "mic");
  EXPECT_EQ(stream.audio.codec, codec_id::g711a) << "overridden by the stream";
  EXPECT_EQ(stream.audio.sample_rate, 8000u);
  EXPECT_EQ(stream.audio.bitrate_kbps, 63u);
  EXPECT_EQ(stream.encoder.codec, codec_id::h265);
  EXPECT_EQ(stream.encoder.control, rate_control::avbr);
  EXPECT_EQ(stream.encoder.width, 640u);
  EXPECT_EQ(stream.encoder.height, 360u);
  EXPECT_DOUBLE_EQ(stream.encoder.frame_rate, 12.5);
  EXPECT_EQ(stream.encoder.bitrate_kbps, 700u);
  EXPECT_EQ(stream.encoder.gop, 25u);
  EXPECT_EQ(stream.encoder.profile, "main");
}

TEST(loader, brings_every_value_of_rtmp_to_its_field) {
  const system_config config = loaded_file(CAMPUSH_TEST_DATA "/config/every_value.json");
  ASSERT_EQ(config.sessions.size(), 1u);
  session_config expected;
  expected.camera_id = 5;
  expected.stream_id = 2;
  expected.stream_name = "third";
  expected.camera_name = "yard";
  expected.device_id = "box_1";
  expected.url_template = "rtmp://one/live/{device_id}_{camera_id}_{stream_id}";
  expected.fallback_urls = {"rtmp://two/live/{camera_name}_{stream_name}"};
  campush::retry_policy& retry = expected.retry_policy;
  retry.auto_reconnect = false;
  retry.max_attempts = 0;
  retry.initial_delay = std::chrono::milliseconds(1500);
  retry.max_delay = std::chrono::milliseconds(70250);
  retry.jitter = 0.5;
  retry.stable = std::chrono::seconds(31);
  retry.rest = std::chrono::seconds(901);
  retry.busy_wait = std::chrono::seconds(121);
  retry.failover_splay = std::chrono::milliseconds(2500);
  expected.failback = {false, std::chrono::seconds(301)};
  expected.queue.warning_bytes = 100000;
  expected.queue.warning_time = std::chrono::milliseconds(601);
  expected.queue.high_bytes = 200000;
  expected.queue.high_time = std::chrono::milliseconds(1501);
  expected.queue.flush_time = std::chrono::milliseconds(3001);
  expected.queue.critical_bytes = 300000;
  expected.chunk_size = 4096;
  expected.max_message_bytes = 2000000;
  expected.resume = resume_mode::gop_cache;
  expected.hevc = hevc_mode::legacy12;
  expected.max_session_age = std::chrono::seconds(1000);
  expected.is_secondary = true;
  expected.adaptive_bitrate = {true, 333};
  expected.encoder_kbps = 700;
  expected.bind_address = "192.0.2.7";
  expected.bind_interface = "wwan0";
  expected.tls.ca_file = CAMPUSH_TEST_DATA "/config/ca.pem";
  expected.tls.ca_path = CAMPUSH_TEST_DATA "/config/cas";
  expected.tls.pin_sha256 = {"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="};
  expected.tls.client_cert = CAMPUSH_TEST_DATA "/config/our.crt";
  expected.tls.client_key = CAMPUSH_TEST_DATA "/config/our.key";
  expected.tls.min_version = tls_version::v1_3;
  expected.tls.insecure = true;
  expected.sign = {sign_type::tencent, CAMPUSH_TEST_DATA "/config/key", std::chrono::seconds(61)};
  EXPECT_TRUE(config.sessions[0] == expected);
}

TEST(loader, fills_in_names_ids_and_the_host_name) {
  const system_config config =
      loaded(R"({"rtmp": {"url_template": "rtmp://s/live/{camera_id}_{stream_name}"}, "cameras": [
    {"streams": [{}, {}, {}, {"stream_id": 9}]}, {"camera_id": 7, "streams": [{}]}]})");
  ASSERT_EQ(config.cameras.size(), 2u);
  EXPECT_EQ(config.cameras[0].camera_id, 0u);
  EXPECT_EQ(config.cameras[0].name, "cam0");
  EXPECT_EQ(config.cameras[1].name, "cam7");
  std::vector<std::string> names;
  for (const stream_config& stream : config.cameras[0].streams) names.push_back(stream.name);
  EXPECT_EQ(names, (std::vector<std::string>{"main", "sub", "stream2", "stream9"}));
  EXPECT_EQ(config.cameras[0].streams[0].source.type, source_type::vendor);
  EXPECT_EQ(config.system.device_id, host_name());
  ASSERT_EQ(config.sessions.size(), 5u);
  EXPECT_EQ(config.sessions[3].stream_id, 9u);
  EXPECT_EQ(config.sessions[3].destination, "default");
}

TEST(loader, loads_a_file_with_nothing_in_it) {
  const system_config config = loaded("{}");
  EXPECT_TRUE(config.cameras.empty());
  EXPECT_TRUE(config.sessions.empty());
  EXPECT_EQ(config.http.listen, "127.0.0.1:8080");
  EXPECT_EQ(config.warnings, std::vector<std::string>{"c.json:1:1: /: no cameras: nothing is pushed"});
}

TEST(loader, loads_what_a_device_ships_and_the_examples) {
  for (const char* name : {"system_config.json", "examples/one_file.json", "examples/two_cameras.json",
                           "examples/fan_out.json", "examples/secure_cloud.json", "examples/usb_camera.json",
                           "examples/vendor_camera.json", "examples/link_test.json"}) {
    const auto config = load_system_config(std::string(CAMPUSH_ETC "/") + name);
    EXPECT_TRUE(config) << config.error().message;
  }
}

TEST(loader, names_the_file_that_it_cannot_read) {
  const struct {
    const char* path;
    error_code code;
  } cases[] = {{"/nonexistent/c.json", error_code::not_found},
               {CAMPUSH_TEST_DATA "/config", error_code::io_failed},
               {"/dev/zero", error_code::io_failed}};
  for (const auto& c : cases) {
    const auto config = load_system_config(c.path);
    ASSERT_FALSE(config) << c.path;
    EXPECT_EQ(config.error().code, c.code) << config.error().message;
    EXPECT_EQ(config.error().message.find(c.path), 0u) << config.error().message;
  }
}

TEST(loader, takes_paths_from_the_folder_of_the_file) {
  const char* text = R"({"system": {"state_dir": "s/../t"}, "cameras": []})";
  EXPECT_EQ(load_system_config_text(text, "/etc/campush", "c")->system.state_dir, "/etc/campush/t");
  EXPECT_EQ(load_system_config_text(text, "", "c")->system.state_dir, "s/../t");
}

TEST(loader, reports_what_this_build_cannot_capture_and_loads_it) {
  const system_config config = loaded(R"({"cameras": [
    {"camera_id": 0, "source": {"type": "publish"}, "streams": [{"rtmp": {"urls": ["rtmp://a/b/c"]}}, {"rtmp": {"enabled": false}}]},
    {"camera_id": 1, "enabled": false, "source": {"type": "test"}},
    {"camera_id": 2, "source": {"type": "vendor"}, "streams": [{"rtmp": {"enabled": false}}]}]})");
  EXPECT_EQ(config.cameras.size(), 3u);
  EXPECT_EQ(config.sessions.size(), 1u);
  EXPECT_EQ(
      config.warnings,
      (std::vector<std::string>{
          "c.json:2:32: /cameras/0/source: source publish is not in this build: camera 0 is reported, not run",
          "c.json:4:32: /cameras/2/source: source vendor needs the key \"library\": camera 2 is reported, not run"}));
}

TEST(loader, sets_unknown_sections_aside_with_one_warning_each) {
  const system_config config = loaded(R"({"cameras": [], "htpp": {"x": 1}, "wifi": {"ssid": 1}})");
  EXPECT_EQ(config.warnings,
            (std::vector<std::string>{"c.json:1:25: /htpp: unknown section, ignored (did you mean \"http\"?)",
                                      "c.json:1:43: /wifi: unknown section, ignored"}));
}

TEST(loader, bounds_the_number_of_warnings) {
  std::string text = "{\"cameras\": []";
  for (int i = 0; i < 100; ++i) text += ", \"unknown" + std::to_string(i) + "\": 1";
  EXPECT_EQ(loaded(text + "}").warnings.size(), 65u);
}

TEST(loader, refuses_a_test_pattern_of_a_size_that_cannot_be_drawn) {
  const auto problem = [](const std::string& type, const std::string& encoder) {
    return problem_of(R"({"cameras": [{"source": {"type": ")" + type + R"("}, "streams": [{"encoder": )" + encoder +
                      "}]}]}");
  };
  EXPECT_EQ(problem("test", R"({"width": 16, "height": 64})"),
            "c.json:1:67: /cameras/0/streams/0/encoder: each side of the test pattern is within 32 and 8192");
  EXPECT_NE(problem("test", R"({"height": 31})"), "loads");
  EXPECT_NE(problem("test", R"({"width": 8193})"), "loads");
  EXPECT_EQ(problem("test", R"({"width": 32, "height": 8192})"), "loads");
  EXPECT_EQ(problem("vendor", R"({"width": 16, "height": 16})"), "loads") << "its encoder knows";
}

}  // namespace campush
