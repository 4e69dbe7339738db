#include "config/reload_plan.h"

#include <gtest/gtest.h>

namespace campush {

namespace {

system_config two_cameras() {
  system_config config;
  for (uint32_t id = 0; id < 2; ++id) {
    camera_config camera;
    camera.camera_id = id;
    camera.streams.emplace_back();
    config.cameras.push_back(camera);
    session_config session;
    session.camera_id = id;
    session.url_template = "rtmp://server/live/{camera_id}";
    config.sessions.push_back(session);
  }
  return config;
}

std::string summary_after(void (*change)(system_config&)) {
  const system_config running = two_cameras();
  system_config wanted = running;
  change(wanted);
  return make_reload_plan(running, wanted).summary();
}

struct changed_key {
  const char* name;
  void (*change)(system_config&);
  const char* expected;
};

}  // namespace

TEST(reload_plan, is_empty_when_nothing_changed) {
  const reload_plan plan = make_reload_plan(two_cameras(), two_cameras());
  EXPECT_TRUE(plan.empty());
  EXPECT_EQ(plan.summary(), "nothing changed");
}

TEST(reload_plan, touches_only_what_changed) {
  const changed_key cases[] = {
      {"warnings", [](system_config& c) { c.warnings.emplace_back("x"); }, "nothing changed"},
      {"order", [](system_config& c) { std::swap(c.cameras[0], c.cameras[1]); }, "nothing changed"},
      {"source", [](system_config& c) { c.cameras[1].streams[0].source.video_path = "x"; }, "1 camera restarted"},
      {"switched off",
       [](system_config& c) {
         c.cameras[1].enabled = false;
         c.sessions.pop_back();
       },
       "1 camera stopped, 1 session ended"},
      {"removed",
       [](system_config& c) {
         c.cameras.clear();
         c.sessions.clear();
       },
       "2 cameras stopped, 2 sessions ended"},
      {"added",
       [](system_config& c) {
         c.cameras.push_back(c.cameras[0]);
         c.cameras[2].camera_id = 2;
       },
       "1 camera started"},
      {"disabled camera added",
       [](system_config& c) {
         c.cameras.push_back(c.cameras[0]);
         c.cameras[2].camera_id = 2;
         c.cameras[2].enabled = false;
       },
       "nothing changed"},
      {"files that came", [](system_config& c) { c.file_problems.emplace_back("x"); }, "nothing changed"},
      {"level", [](system_config& c) { c.system.log.level = log_level::debug; }, "log level"},
      {"log file", [](system_config& c) { c.system.log.target = log_target::syslog; }, "log target"},
      {"module level", [](system_config& c) { c.system.log.module_levels[0] = log_level::debug; }, "log target"},
      {"log size", [](system_config& c) { c.system.log.max_bytes = 4096; }, "log target"},
      {"log files", [](system_config& c) { c.system.log.max_files = 1; }, "log target"},
      {"http", [](system_config& c) { c.http.listen = ""; }, "http"},
      {"fixed",
       [](system_config& c) {
         c.system.io_threads = 2;
         c.system.state_dir = "/x";
         c.system.max_cameras = 9;
         c.system.fleet.start_splay = std::chrono::seconds(30);
         c.system.fleet.reconnect_burst = 1;
         c.system.seccomp = seccomp_mode::on;
       },
       "after a restart of the process: system.max_cameras, system.io_threads, system.state_dir, "
       "system.start_splay_s, system.reconnect_limit, system.seccomp"},
  };
  for (const auto& c : cases) EXPECT_EQ(summary_after(c.change), c.expected) << c.name;
}

TEST(reload_plan, replaces_sessions_whose_options_changed) {
  const changed_key cases[] = {
      {"retry", [](system_config& c) { c.sessions[0].retry_policy.max_attempts = 1; }, "1 session replaced"},
      {"trust", [](system_config& c) { c.sessions[0].tls.ca_file = "ca.pem"; }, "1 session replaced"},
      {"signature", [](system_config& c) { c.sessions[0].sign.type = sign_type::aliyun; }, "1 session replaced"},
      {"fallback", [](system_config& c) { c.sessions[1].fallback.what = hevc_fallback::kind::encoder; },
       "1 session replaced"},
      {"encoder",
       [](system_config& c) {
         c.cameras[1].streams[0].encoder.bitrate_kbps = 800;
         c.sessions[1].encoder_kbps = 800;
       },
       "1 camera restarted, 1 session replaced"},
      {"destination renamed", [](system_config& c) { c.sessions[0].destination = "b"; },
       "1 session ended, 1 session created"},
  };
  for (const auto& c : cases) EXPECT_EQ(summary_after(c.change), c.expected) << c.name;
}

TEST(reload_plan, carries_the_new_values) {
  const system_config running = two_cameras();
  system_config wanted = running;
  wanted.cameras[0].name = "x";
  wanted.sessions[1].chunk_size = 128;
  wanted.system.log.level = log_level::error;
  wanted.system.log.path = "p";
  wanted.http.listen = "127.0.0.1:1";
  const reload_plan plan = make_reload_plan(running, wanted);
  ASSERT_EQ(plan.cameras_to_restart.size(), 1u);
  EXPECT_EQ(plan.cameras_to_restart[0].name, "x");
  ASSERT_EQ(plan.sessions_to_replace.size(), 1u);
  EXPECT_EQ(plan.sessions_to_replace[0].chunk_size, 128u);
  EXPECT_EQ(plan.log->level, log_level::error);
  EXPECT_FALSE(plan.level);
  EXPECT_EQ(plan.http->listen, "127.0.0.1:1");
}

TEST(reload_plan, keeps_the_level_of_a_module_when_the_general_one_changes) {
  system_config running = two_cameras();
  running.system.log.module_levels[1] = log_level::trace;
  system_config wanted = running;
  wanted.system.log.level = log_level::error;
  const reload_plan plan = make_reload_plan(running, wanted);
  EXPECT_FALSE(plan.level) << "that would be the level of all modules";
  ASSERT_TRUE(plan.log);
  EXPECT_EQ(plan.log->level, log_level::error);
  EXPECT_EQ(plan.log->module_levels[1], log_level::trace);
}

TEST(reload_plan, starts_a_camera_that_was_switched_on) {
  system_config running = two_cameras();
  running.cameras[0].enabled = false;
  EXPECT_EQ(make_reload_plan(running, two_cameras()).summary(), "1 camera started");
}

}  // namespace campush
