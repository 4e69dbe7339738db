#include "server/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "fakes/fake_agent_control.h"

namespace campush {
namespace {

using ::testing::HasSubstr;

void make_busy(fake_agent_control& agent) {
  agent.now.advance(std::chrono::seconds(1000));
  agent.all = {make_status(0, "default", session_state::connected), make_status(1, "a\"b\\c\nd", session_state::error)};
  agent.all[0].frames_sent[static_cast<size_t>(frame_kind::key)] = 5;
  agent.all[0].dropped.add(frame_kind::inter, drop_reason::congestion);
  agent.all[1].next_retry_at = agent.now.now() + std::chrono::seconds(4);
  agent.all_streams.resize(1);
  agent.all_cameras.resize(1);
  agent.agent.version = "9.9.9";
}

TEST(metrics, every_line_is_prometheus_text) {
  fake_agent_control agent;
  make_busy(agent);
  const std::string text = render_metrics(agent);
  const std::regex sample(R"re(campush_[a-z_]+\{([a-z_]+="([^"\\]|\\["\\n])*"(,|(?=\})))*\} -?[0-9.e+-]+)re");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("# ", 0) == 0) continue;
    EXPECT_TRUE(std::regex_match(line, sample)) << line;
  }
  EXPECT_EQ(text.back(), '\n');
}

TEST(metrics, names_are_unique_and_counters_end_in_total) {
  std::set<std::string> names;
  for (const metric_description& entry : describe_metrics()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    const std::string name = entry.name;
    const bool ends_in_total = name.size() > 6 && name.compare(name.size() - 6, 6, "_total") == 0;
    EXPECT_EQ(ends_in_total, std::string(entry.type) == "counter") << name;
    EXPECT_GT(std::string(entry.help).size(), 5u) << name;
  }
  EXPECT_GT(names.size(), 40u);
}

TEST(metrics, carry_what_the_link_is_like) {
  fake_agent_control agent;
  make_busy(agent);
  session_status& status = agent.all[0];
  status.rtt_var_us = 1500;
  status.delivery_rate_bps = 8'000'000;
  status.retransmits = 12;
  status.bitrate_target_kbps = 1275;
  status.adaptive_bitrate = bitrate_control::following;
  status.local_address = "[fd00::2]:40112";
  status.remote_address = "10.0.0.1:443";
  status.security = "TLSv1.3";
  status.codec_note = "server takes no \"hvc1\"";
  status.is_on_fallback = true;
  status.redirects = 2;
  status.link_changes = 3;
  const std::string text = render_metrics(agent);
  const std::string labels = R"(camera_id="0",stream="main",destination="default")";
  struct row {
    const char* name;
    const char* rest;
  };
  for (const row& row : {
           row{"rtt_variation_seconds", "} 0.0015\n"},
           row{"delivery_rate_bps", "} 8000000\n"},
           row{"retransmits_total", "} 12\n"},
           row{"bitrate_target_bps", "} 1275000\n"},
           row{"adaptive_bitrate", ",state=\"following\"} 1\n"},
           row{"adaptive_bitrate", ",state=\"ignored\"} 0\n"},
           row{"on_fallback", "} 1\n"},
           row{"redirects_total", "} 2\n"},
           row{"link_changes_total", "} 3\n"},
           row{"link_info",
               ",local=\"[fd00::2]\",remote=\"10.0.0.1:443\",security=\"TLSv1.3\","
               "codec_note=\"server takes no \\\"hvc1\\\"\"} 1\n"},
       }) {
    EXPECT_THAT(text, HasSubstr(std::string("campush_session_") + row.name + "{" + labels + row.rest));
  }
}

TEST(metrics, carry_the_values) {
  fake_agent_control agent;
  make_busy(agent);
  const std::string text = render_metrics(agent);
  const std::string labels = R"(camera_id="0",stream="main",destination="default")";
  EXPECT_THAT(text, HasSubstr("campush_session_frames_sent_total{" + labels + ",kind=\"key\"} 5\n"));
  EXPECT_THAT(
      text, HasSubstr("campush_session_frames_dropped_total{" + labels + ",kind=\"inter\",reason=\"congestion\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("campush_session_state{" + labels + ",state=\"connected\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("campush_session_state{" + labels + ",state=\"error\"} 0\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "campush_session_next_retry_seconds{camera_id=\"1\",stream=\"main\",destination=\"a\\\"b\\\\c\\nd\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("campush_build_info{version=\"9.9.9\"} 1\n"));
}

}  // namespace
}  // namespace campush
