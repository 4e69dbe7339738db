#include <chrono>
#include <cstdio>

#include "rtmp/multi_session_manager.h"
#include "rtmp/url_template.h"

/// The three uses that firmware of before has in its code, as a program of somebody else's.
int main() {
  using namespace campush;
  using namespace std::chrono_literals;

  url_template t("rtmp://server/live/cam{camera_id}_{stream_name}");
  const auto url = t.expand({{"camera_id", "0"}, {"stream_name", "main"}});
  if (!url || *url != "rtmp://server/live/cam0_main") return 1;

  auto mgr = multi_session_manager::instance();
  session_config cfg;
  cfg.url_template = "rtmp://server/live/cam{camera_id}_{stream_name}";
  cfg.camera_id = 0;
  cfg.stream_name = "main";
  if (!mgr->create_session(cfg)) return 2;

  session_config listed;
  listed.camera_id = 1;
  listed.urls = {"rtmp://primary/live/cam1", "rtmp://backup1/live/cam1", "rtmp://backup2/live/cam1"};
  listed.retry_policy.max_attempts = 10;
  listed.retry_policy.initial_delay = 1s;
  listed.retry_policy.max_delay = 60s;
  const auto id = mgr->create_session(listed);
  if (!id || !mgr->destroy_session(*id) || !mgr->destroy_session({0, 0, "default"})) return 3;
  std::puts(url->c_str());
  return 0;
}
