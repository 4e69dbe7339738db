#include "rtmp/session_config.h"

#include <gtest/gtest.h>

#include <functional>

namespace campush {
namespace {

using namespace std::chrono_literals;

struct change_row {
  const char* name;
  std::function<void(session_config&)> change;
};
class changed_config : public testing::TestWithParam<change_row> {};

TEST_P(changed_config, differs) {
  session_config config;
  config.urls = {"rtmp://a/live/k", "rtmp://b/live/k"};
  session_config other = config;
  EXPECT_TRUE(config == other);
  GetParam().change(other);
  EXPECT_TRUE(config != other);
}

INSTANTIATE_TEST_SUITE_P(
    session_config, changed_config,
    testing::Values(change_row{"camera", [](session_config& c) { c.camera_id = 1; }},
                    change_row{"stream", [](session_config& c) { c.stream_id = 1; }},
                    change_row{"stream_name", [](session_config& c) { c.stream_name = "sub"; }},
                    change_row{"camera_name", [](session_config& c) { c.camera_name = "gate"; }},
                    change_row{"destination", [](session_config& c) { c.destination = "cloud"; }},
                    change_row{"device", [](session_config& c) { c.device_id = "d"; }},
                    change_row{"url_template", [](session_config& c) { c.url_template = "rtmp://c/live/k"; }},
                    change_row{"fallback", [](session_config& c) { c.fallback_urls = {"rtmp://c/live/k"}; }},
                    change_row{"url", [](session_config& c) { c.urls[1].url += "2"; }},
                    change_row{"url_count", [](session_config& c) { c.urls.pop_back(); }},
                    change_row{"url_order", [](session_config& c) { std::swap(c.urls[0], c.urls[1]); }},
                    change_row{"stream_key", [](session_config& c) { c.urls[0].stream_key = "k"; }},
                    change_row{"retry", [](session_config& c) { c.retry_policy.max_delay = 1s; }},
                    change_row{"splay", [](session_config& c) { c.retry_policy.failover_splay = 1s; }},
                    change_row{"failback", [](session_config& c) { c.failback.after = 1s; }},
                    change_row{"queue", [](session_config& c) { c.queue.critical_bytes = 1; }},
                    change_row{"deadline", [](session_config& c) { c.timeouts.unpublish = 2s; }},
                    change_row{"chunk_size", [](session_config& c) { c.chunk_size = 128; }},
                    change_row{"message_size", [](session_config& c) { c.max_message_bytes = 1; }},
                    change_row{"resume", [](session_config& c) { c.resume = resume_mode::gop_cache; }},
                    change_row{"hevc", [](session_config& c) { c.hevc = hevc_mode::legacy12; }},
                    change_row{"age", [](session_config& c) { c.max_session_age = 1s; }},
                    change_row{"backend", [](session_config& c) { c.backend = publish_backend::librtmp; }},
                    change_row{"ca_file", [](session_config& c) { c.tls.ca_file = "ca.pem"; }},
                    change_row{"pins", [](session_config& c) { c.tls.pin_sha256 = {"x"}; }},
                    change_row{"tls_version", [](session_config& c) { c.tls.min_version = tls_version::v1_3; }},
                    change_row{"insecure", [](session_config& c) { c.tls.insecure = true; }},
                    change_row{"bind_address", [](session_config& c) { c.bind_address = "::1"; }},
                    change_row{"bind_interface", [](session_config& c) { c.bind_interface = "lo"; }},
                    change_row{"sign_type", [](session_config& c) { c.sign.type = sign_type::aliyun; }},
                    change_row{"sign_key", [](session_config& c) { c.sign.key_file = "k"; }},
                    change_row{"secondary", [](session_config& c) { c.is_secondary = true; }},
                    change_row{"hevc_fallback", [](session_config& c) { c.fallback.stream_id = 1; }},
                    change_row{"bitrate_floor", [](session_config& c) { c.adaptive_bitrate.floor_kbps = 1; }},
                    change_row{"encoder", [](session_config& c) { c.encoder_kbps = 1; }},
                    change_row{"first_timestamp", [](session_config& c) { c.initial_timestamp_ms = 1; }}),
    [](const auto& row) { return row.param.name; });

std::string joined(const std::vector<url_entry>& entries) {
  std::string text;
  for (const url_entry& entry : entries) text += entry.url + (entry.stream_key ? "|" + *entry.stream_key : "") + " ";
  return text;
}

TEST(session_config, puts_the_template_before_its_fallbacks) {
  session_config config;
  config.url_template = "t";
  config.fallback_urls = {"f1", "f2"};
  EXPECT_EQ(joined(effective_urls(config)), "t f1 f2 ");
  config.url_template.clear();
  EXPECT_EQ(joined(effective_urls(config)), "f1 f2 ");
}

TEST(session_config, takes_a_static_list_before_template_and_fallbacks) {
  session_config config;
  config.url_template = "t";
  config.fallback_urls = {"f1"};
  config.urls = {url_entry("u1", "key/with/slashes"), "u2"};
  EXPECT_EQ(joined(effective_urls(config)), "u1|key/with/slashes u2 ");
}

TEST(session_config, has_no_address_by_default) {
  EXPECT_TRUE(effective_urls(session_config{}).empty());
}

}  // namespace
}  // namespace campush
