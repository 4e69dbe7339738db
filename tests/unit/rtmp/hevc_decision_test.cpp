#include "rtmp/hevc_decision.h"

#include <gtest/gtest.h>

namespace campush {
namespace {

TEST(hevc_decision, is_this_table) {
  using mode = hevc_mode;
  using known = hevc_knowledge;
  constexpr hevc_plan enhanced{hevc_form::enhanced, false}, enhanced_asked{hevc_form::enhanced, true},
      legacy{hevc_form::legacy12, false}, refused{hevc_form::refused, false}, refused_asked{hevc_form::refused, true};
  const struct {
    const char* name;
    mode chosen;
    known server;
    hevc_plan plan;
  } rows[] = {
      {"auto, silent", mode::automatic, known::silent, enhanced_asked},
      {"auto, listed", mode::automatic, known::listed, enhanced_asked},
      {"auto, not listed", mode::automatic, known::not_listed, refused_asked},
      {"auto, refuses properties", mode::automatic, known::refuses_properties, enhanced},
      {"enhanced, silent", mode::enhanced, known::silent, enhanced_asked},
      {"enhanced, listed", mode::enhanced, known::listed, enhanced_asked},
      {"enhanced, not listed", mode::enhanced, known::not_listed, enhanced_asked},
      {"enhanced, refuses properties", mode::enhanced, known::refuses_properties, enhanced},
      {"legacy12, silent", mode::legacy12, known::silent, legacy},
      {"legacy12, listed", mode::legacy12, known::listed, legacy},
      {"legacy12, not listed", mode::legacy12, known::not_listed, legacy},
      {"legacy12, refuses properties", mode::legacy12, known::refuses_properties, legacy},
      {"h264_only, silent", mode::h264_only, known::silent, refused},
      {"h264_only, listed", mode::h264_only, known::listed, refused},
      {"h264_only, not listed", mode::h264_only, known::not_listed, refused},
      {"h264_only, refuses properties", mode::h264_only, known::refuses_properties, refused},
  };
  for (const auto& row : rows) EXPECT_TRUE(plan_hevc(row.chosen, row.server) == row.plan) << row.name;
}

TEST(hevc_decision, reads_what_a_server_answered) {
  const auto answer = [](bool has_list, bool takes, bool refuses) {
    server_capabilities said;
    said.has_video_list = has_list;
    said.takes_hevc = takes;
    said.refuses_properties = refuses;
    return said;
  };
  EXPECT_EQ(knowledge_of(std::nullopt), hevc_knowledge::silent);
  EXPECT_EQ(knowledge_of(answer(false, false, false)), hevc_knowledge::silent);
  EXPECT_EQ(knowledge_of(answer(true, true, false)), hevc_knowledge::listed);
  EXPECT_EQ(knowledge_of(answer(true, false, false)), hevc_knowledge::not_listed);
  EXPECT_EQ(knowledge_of(answer(false, false, true)), hevc_knowledge::refuses_properties);
  server_capabilities reconnect;
  reconnect.has_reconnect = true;
  EXPECT_EQ(knowledge_of(reconnect), hevc_knowledge::silent);
}

}  // namespace
}  // namespace campush
