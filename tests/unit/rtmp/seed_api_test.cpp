#include <gtest/gtest.h>

#include "rtmp/multi_session_manager.h"
#include "rtmp/url_template.h"

namespace campush {
namespace {

using namespace std::chrono_literals;

/// Three uses that firmware of before has in its code: they compile and do what they did. No camera feeds these streams, so that no
/// connection is made.

TEST(seed_api, expands_a_template) {
  url_template t("rtmp://server/live/cam{camera_id}_{stream_name}");
  t.expand({{"camera_id", "0"}, {"stream_name", "main"}});
  EXPECT_EQ(t.expand({{"camera_id", "0"}, {"stream_name", "main"}}).value(), "rtmp://server/live/cam0_main");
}

TEST(seed_api, creates_a_session_through_the_instance) {
  auto mgr = multi_session_manager::instance();
  session_config cfg;
  cfg.url_template = "rtmp://server/live/cam{camera_id}_{stream_name}";
  cfg.camera_id = 0;
  cfg.stream_name = "main";
  mgr->create_session(cfg);

  EXPECT_EQ(mgr, multi_session_manager::instance());
  EXPECT_TRUE(mgr->wait_until_settled(30s));
  const auto found = mgr->find(0, 0, "rtmp://server/live/cam0_main");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->url.view(), "rtmp://server/live/cam0_main");
  EXPECT_EQ(found->state, session_state::disconnected);
  EXPECT_EQ(mgr->create_session(cfg).error().code, error_code::already_exists);
  EXPECT_TRUE(mgr->destroy_session({0, 0, "default"}));
  EXPECT_EQ(mgr->destroy_session({0, 0, "default"}).error().code, error_code::not_found);
}

TEST(seed_api, creates_a_session_with_a_list_of_urls_and_a_retry_policy) {
  auto mgr = multi_session_manager::instance();
  session_config cfg;
  cfg.camera_id = 1;
  cfg.urls = {"rtmp://primary/live/cam1", "rtmp://backup1/live/cam1", "rtmp://backup2/live/cam1"};
  cfg.retry_policy.max_attempts = 10;
  cfg.retry_policy.initial_delay = 1s;
  cfg.retry_policy.max_delay = 60s;
  const auto id = mgr->create_session(cfg);
  ASSERT_TRUE(id) << id.error().message;
  EXPECT_EQ(id->to_string(), "cam1_stream0/default");
  EXPECT_EQ(mgr->find(*id)->url_count, 3u);
  EXPECT_TRUE(mgr->find(1, 0, "rtmp://backup2/live/cam1"));
  EXPECT_TRUE(mgr->destroy_session(*id));
}

}  // namespace
}  // namespace campush
