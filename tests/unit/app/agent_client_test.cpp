#include "app/agent_client.h"

#include <gtest/gtest.h>

using namespace campush;

namespace {

constexpr const char* answer = R"({"sessions": [
  {"camera_id": 0, "camera_name": "gate", "stream_id": 1, "stream": "sub", "destination": "cloud", "state": "connected"},
  {"camera_id": 7, "camera_name": "yard", "stream_id": 0, "stream": "main", "destination": "default", "state": "error"}]})";

struct naming_case {
  const char* name;
  const char* wanted;
  bool is_first, is_second;
};
constexpr naming_case naming_cases[] = {
    {"all of it", "0/sub/cloud", true, false},
    {"numbers", "7/0/default", false, true},
    {"names", "gate/sub", true, false},
    {"a camera", "7", false, true},
    {"another stream", "0/main", false, false},
    {"another destination", "0/sub/default", false, false},
    {"nothing", "", false, false},
    {"more than there is", "0/sub/cloud/x", false, false},
    {"no camera", "/sub", false, false},
};

}  // namespace

TEST(agent_client, reads_what_names_a_session) {
  const auto names = read_session_names(answer);
  ASSERT_TRUE(names);
  ASSERT_EQ(names->size(), 2u);
  EXPECT_EQ((*names)[0].path(), "0/sub/cloud");
  EXPECT_TRUE((*names)[0].is_connected);
  EXPECT_EQ((*names)[1].path(), "7/main/default");
  EXPECT_FALSE((*names)[1].is_connected);
}

TEST(agent_client, refuses_what_is_no_answer_of_an_agent) {
  for (const char* body : {"", "[]", "{}", R"({"sessions": 1})", R"({"sessions": [)"}) {
    const auto names = read_session_names(body);
    ASSERT_FALSE(names) << body;
    EXPECT_EQ(names.error().code, error_code::malformed);
  }
}

TEST(agent_client, finds_sessions_by_number_or_name_and_by_the_first_parts) {
  const auto names = read_session_names(answer);
  ASSERT_TRUE(names);
  for (const naming_case& each : naming_cases) {
    EXPECT_EQ(is_named((*names)[0], each.wanted), each.is_first) << each.name;
    EXPECT_EQ(is_named((*names)[1], each.wanted), each.is_second) << each.name;
  }
}
