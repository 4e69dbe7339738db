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
