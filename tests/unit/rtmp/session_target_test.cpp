#include "rtmp/session_target.h"

#include <gtest/gtest.h>
#include <stdlib.h>

namespace campush {
namespace {

class session_target : public testing::Test {
 protected:
  session_target() { ::setenv("CAMPUSH_TEST_SECRET", "plainkey", 1); }
  ~session_target() override { ::unsetenv("CAMPUSH_TEST_SECRET"); }
  static std::string shown(const url_entry& entry) {
    const auto url = expand_url(entry, url_variables(session_config{}));
    return url ? url->masked() : url.error().message;
  }
};

TEST_F(session_target, shows_no_value_that_a_secret_made) {
  struct secret_case {
    const char* name;
    url_entry entry;
    const char* shown;
  };
  const secret_case cases[] = {
      {"no secret", {"rtmp://host/live/plainkey"}, "rtmp://host/live/plainkey"},
      {"the key", {"rtmp://host/live/{env:CAMPUSH_TEST_SECRET}"}, "rtmp://host/live/pl***"},
      {"the key apart", {"rtmp://host/live", "{env:CAMPUSH_TEST_SECRET}"}, "rtmp://host/live/pl***"},
      {"the application", {"rtmp://host/{env:CAMPUSH_TEST_SECRET}/key1"}, "rtmp://host/***/ke***"},
      {"the application beside a key apart",
       {"rtmp://host/{env:CAMPUSH_TEST_SECRET}", "key1"},
       "rtmp://host/***/ke***"},
      {"the host", {"rtmp://{env:CAMPUSH_TEST_SECRET}/live/key1"}, "rtmp://***/live/ke***"},
  };
  for (const secret_case& one : cases) EXPECT_EQ(shown(one.entry), one.shown) << one.name;
}

TEST_F(session_target, knows_what_templates_may_use) {
  session_config config;
  config.camera_id = 3;
  config.stream_id = 1;
  config.stream_name = "sub";
  config.device_id = "cam-7f31";
  const url_entry entry("rtmp://h/{camera_id}/{stream_id}/{stream_name}/{camera_name}/{device_id}/k");
  const auto unnamed = expand_url(entry, url_variables(config));
  ASSERT_TRUE(unnamed);
  EXPECT_EQ(unnamed->app(), "3/1/sub/cam3/cam-7f31");
  config.camera_name = "gate";
  EXPECT_EQ(expand_url(entry, url_variables(config))->app(), "3/1/sub/gate/cam-7f31");
}

TEST_F(session_target, keeps_values_out_of_errors) {
  for (const url_entry& entry :
       {url_entry("rtmp://host:x/live/{env:CAMPUSH_TEST_SECRET}"),
        url_entry("rtmp://host/live", "{env:CAMPUSH_TEST_SECRET} x"), url_entry("{env:CAMPUSH_TEST_SECRET}")}) {
    const std::string text = shown(entry);
    EXPECT_EQ(text.find("plainkey"), std::string::npos) << text;
    EXPECT_NE(text.find("URL: "), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace campush
