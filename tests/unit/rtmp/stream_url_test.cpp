#include "rtmp/stream_url.h"

#include <gtest/gtest.h>

#include "rtmp/capability_store.h"

namespace campush {
namespace {

struct url_parts {
  const char* name;
  const char* url;
  const char* host;
  uint16_t port;
  const char* app;
  const char* key;
  const char* tc_url;
};
class good_url : public testing::TestWithParam<url_parts> {};

TEST_P(good_url, comes_apart_without_changing_a_byte) {
  const url_parts& row = GetParam();
  const auto url = stream_url::parse(row.url);
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->host(), row.host);
  EXPECT_EQ(url->port(), row.port);
  EXPECT_EQ(url->app(), row.app);
  EXPECT_EQ(url->key().reveal(), row.key);
  EXPECT_EQ(url->tc_url(), row.tc_url);
  EXPECT_EQ(url->full().reveal(), row.url);
}

// The first rows are what librtmp gets wrong (facts/rtmp 7.9).
INSTANTIATE_TEST_SUITE_P(
    stream_url, good_url,
    testing::Values(
        url_parts{"plain", "rtmp://h/live/key", "h", 1935, "live", "key", "rtmp://h/live"},
        url_parts{"query_of_the_key", "rtmp://h:19350/live/key?auth_key=1-2-3", "h", 19350, "live",
                  "key?auth_key=1-2-3", "rtmp://h:19350/live"},
        url_parts{"slash_in_the_query", "rtmp://h/live/inst/key?a=b/c", "h", 1935, "live/inst", "key?a=b/c",
                  "rtmp://h/live/inst"},
        url_parts{"app_of_three_segments", "rtmp://h/a/b/c/d", "h", 1935, "a/b/c", "d", "rtmp://h/a/b/c"},
        url_parts{"percent_stays", "rtmp://h/live/k%20y", "h", 1935, "live", "k%20y", "rtmp://h/live"},
        url_parts{"ipv6", "rtmp://[::1]:1935/live/key", "::1", 1935, "live", "key", "rtmp://[::1]:1935/live"},
        url_parts{"user_and_password", "rtmp://u:p@h/live/key", "h", 1935, "live", "key", "rtmp://h/live"},
        url_parts{"query_of_the_app", "rtmp://h/app?vhost=x/key", "h", 1935, "app?vhost=x", "key",
                  "rtmp://h/app?vhost=x"},
        url_parts{"rtmps", "rtmps://h/app/key", "h", 443, "app", "key", "rtmps://h/app"},
        url_parts{"extension_stays", "rtmp://h/live/cam.flv", "h", 1935, "live", "cam.flv", "rtmp://h/live"},
        url_parts{"query_of_app_and_key", "rtmp://h/app?vhost=x/key?sign=a/b", "h", 1935, "app?vhost=x", "key?sign=a/b",
                  "rtmp://h/app?vhost=x"},
        url_parts{"default_port_typed", "rtmp://h:1935/live/key", "h", 1935, "live", "key", "rtmp://h:1935/live"},
        url_parts{"upper_case_scheme", "RTMP://h/live/key", "h", 1935, "live", "key", "RTMP://h/live"},
        url_parts{"tunnel", "rtmpt://h/live/key", "h", 80, "live", "key", "rtmpt://h/live"},
        url_parts{"tls_tunnel", "rtmpts://h/live/key", "h", 443, "live", "key", "rtmpts://h/live"},
        url_parts{"encrypted", "rtmpe://h/live/key", "h", 1935, "live", "key", "rtmpe://h/live"},
        url_parts{"encrypted_tunnel", "rtmpte://h/live/key", "h", 80, "live", "key", "rtmpte://h/live"},
        url_parts{"ipv6_without_port", "rtmp://[2001:db8::7]/live/key", "2001:db8::7", 1935, "live", "key",
                  "rtmp://[2001:db8::7]/live"},
        url_parts{"ipv6_with_interface", "rtmp://[fe80::1%eth0]/live/key", "fe80::1%eth0", 1935, "live", "key",
                  "rtmp://[fe80::1%eth0]/live"},
        url_parts{"ipv4", "rtmp://192.168.1.9:1936/live/key", "192.168.1.9", 1936, "live", "key",
                  "rtmp://192.168.1.9:1936/live"},
        url_parts{"at_sign_in_the_password", "rtmp://u:p@ss@h/live/key", "h", 1935, "live", "key", "rtmp://h/live"},
        url_parts{"colon_in_the_password", "rtmp://u:p:w@[::1]/live/key", "::1", 1935, "live", "key",
                  "rtmp://[::1]/live"},
        url_parts{"user_alone", "rtmp://u@h/live/key", "h", 1935, "live", "key", "rtmp://h/live"},
        url_parts{"empty_password", "rtmp://u:@h/live/key", "h", 1935, "live", "key", "rtmp://h/live"},
        url_parts{"at_sign_in_the_key", "rtmp://h/live/a@b:c", "h", 1935, "live", "a@b:c", "rtmp://h/live"},
        url_parts{"empty_segment_in_the_app", "rtmp://h/live//key", "h", 1935, "live/", "key", "rtmp://h/live/"},
        url_parts{"facebook_key", "rtmps://live-api-s.facebook.com:443/rtmp/FB-1?s_bl=1&s_ps=1&a=Ab-c",
                  "live-api-s.facebook.com", 443, "rtmp", "FB-1?s_bl=1&s_ps=1&a=Ab-c",
                  "rtmps://live-api-s.facebook.com:443/rtmp"},
        url_parts{"utf8_key", "rtmp://h/live/\xe9\x97\xa8", "h", 1935, "live", "\xe9\x97\xa8", "rtmp://h/live"},
        url_parts{"fragment_sign", "rtmp://h/live/key#1", "h", 1935, "live", "key#1", "rtmp://h/live"}),
    [](const auto& row) { return row.param.name; });

TEST(stream_url, keeps_user_and_password_verbatim) {
  const auto url = stream_url::parse("rtmp://u%41:p@ss:w@h/live/key");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->user(), "u%41");
  EXPECT_EQ(url->password().reveal(), "p@ss:w");
}

TEST(stream_url, knows_which_schemes_are_tls) {
  EXPECT_FALSE(stream_url::parse("rtmp://h/a/k")->is_tls());
  EXPECT_TRUE(stream_url::parse("rtmps://h/a/k")->is_tls());
  EXPECT_FALSE(stream_url::parse("rtmpte://h/a/k")->is_tls());
  EXPECT_TRUE(stream_url::parse("rtmpts://h/a/k")->is_tls());
}

struct apart_row {
  const char* name;
  const char* url;
  const char* key;
  const char* app;
  const char* full;
};
class key_apart : public testing::TestWithParam<apart_row> {};

TEST_P(key_apart, takes_the_whole_path_as_app) {
  const auto url = stream_url::parse(GetParam().url, GetParam().key);
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->app(), GetParam().app);
  EXPECT_EQ(url->key().reveal(), GetParam().key);
  EXPECT_EQ(url->full().reveal(), GetParam().full);
}

INSTANTIATE_TEST_SUITE_P(stream_url, key_apart,
                         testing::Values(apart_row{"app_alone", "rtmp://h/live", "key", "live", "rtmp://h/live/key"},
                                         apart_row{"trailing_slash_is_dropped", "rtmps://h:443/rtmp/", "FB-1?a=b",
                                                   "rtmp", "rtmps://h:443/rtmp/FB-1?a=b"},
                                         apart_row{"slashes_in_the_key", "rtmp://h/live", "a/b/c", "live",
                                                   "rtmp://h/live/a/b/c"},
                                         apart_row{"app_with_instance", "rtmp://h/live/_definst_", "key",
                                                   "live/_definst_", "rtmp://h/live/_definst_/key"},
                                         apart_row{"app_with_query", "rtmp://h/live/i?vhost=x", "key", "live/i?vhost=x",
                                                   "rtmp://h/live/i?vhost=x/key"}),
                         [](const auto& row) { return row.param.name; });

struct mistake_row {
  const char* name;
  const char* url;
  const char* message;
};
class bad_url : public testing::TestWithParam<mistake_row> {};

TEST_P(bad_url, is_refused_with_what_is_allowed) {
  const auto url = stream_url::parse(GetParam().url);
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().code, error_code::invalid_argument);
  EXPECT_NE(url.error().message.find(GetParam().message), std::string::npos) << url.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    stream_url, bad_url,
    testing::Values(mistake_row{"empty", "", "must begin with rtmp://"},
                    mistake_row{"no_scheme", "h/live/key", "must begin with rtmp://"},
                    mistake_row{"other_scheme", "http://h/live/key", "must begin with rtmp://"},
                    mistake_row{"one_slash", "rtmp:/h/live/key", "must begin with rtmp://"},
                    mistake_row{"scheme_alone", "rtmp://", "host is missing"},
                    mistake_row{"no_host", "rtmp:///live/key", "host is missing"},
                    mistake_row{"port_without_host", "rtmp://:1935/live/key", "host is missing"},
                    mistake_row{"user_without_host", "rtmp://u:p@/live/key", "host is missing"},
                    mistake_row{"no_user", "rtmp://:p@h/live/key", "user name"},
                    mistake_row{"empty_port", "rtmp://h:/live/key", "1 to 65535"},
                    mistake_row{"port_zero", "rtmp://h:0/live/key", "1 to 65535"},
                    mistake_row{"port_too_big", "rtmp://h:65536/live/key", "1 to 65535"},
                    mistake_row{"port_with_letters", "rtmp://h:19a/live/key", "1 to 65535"},
                    mistake_row{"port_with_sign", "rtmp://h:+19/live/key", "1 to 65535"},
                    mistake_row{"ipv6_without_brackets", "rtmp://fe80::1/live/key", "stands in brackets"},
                    mistake_row{"open_bracket", "rtmp://[::1/live/key", "IPv6"},
                    mistake_row{"no_ipv6_in_brackets", "rtmp://[1.2.3.4]/live/key", "IPv6"},
                    mistake_row{"empty_brackets", "rtmp://[]/live/key", "IPv6"},
                    mistake_row{"empty_interface", "rtmp://[fe80::1%]/live/key", "IPv6"},
                    mistake_row{"text_after_bracket", "rtmp://[::1]x/live/key", "1 to 65535"},
                    mistake_row{"odd_host", "rtmp://h,x/live/key", "host may hold"},
                    mistake_row{"query_in_the_host", "rtmp://h?a/live/key", "host may hold"},
                    mistake_row{"host_alone", "rtmp://h", "application name is missing"},
                    mistake_row{"host_and_slash", "rtmp://h/", "application name is missing"},
                    mistake_row{"empty_app", "rtmp://h//key", "application name is missing"},
                    mistake_row{"query_for_app", "rtmp://h/?a=b/key", "application name is missing"},
                    mistake_row{"app_alone", "rtmp://h/live", "stream key is missing"},
                    mistake_row{"app_and_slash", "rtmp://h/live/", "stream key is missing"},
                    mistake_row{"app_and_query", "rtmp://h/live?a=b", "stream key is missing"},
                    mistake_row{"query_for_key", "rtmp://h/live/?a=b", "stream key is missing"},
                    mistake_row{"space", "rtmp://h/app/stream name", "at column 20"},
                    mistake_row{"line_end", "rtmp://h/live/key\n", "at column 18"},
                    mistake_row{"delete", "rtmp://h/li\x7f/key", "at column 12"}),
    [](const auto& row) { return row.param.name; });

TEST(stream_url, refuses_a_zero_byte) {
  EXPECT_FALSE(stream_url::parse(std::string_view("rtmp://h/live/k\0y", 17)));
}

TEST(stream_url, bounds_url_and_key_together) {
  const std::string begin = "rtmp://h/live/";
  EXPECT_TRUE(stream_url::parse(begin + std::string(2048 - begin.size(), 'k')));
  EXPECT_FALSE(stream_url::parse(begin + std::string(2049 - begin.size(), 'k')));
  EXPECT_FALSE(stream_url::parse("rtmp://h/live", std::string(2040, 'k')));
  EXPECT_FALSE(stream_url::parse("rtmp://" + std::string(254, 'h') + "/live/key"));
}

TEST(stream_url, refuses_a_bad_key_apart) {
  EXPECT_EQ(stream_url::parse("rtmp://h/live", "").error().message,
            "URL: stream key is missing, expected scheme://host/app/key");
  EXPECT_FALSE(stream_url::parse("rtmp://h/live", "a b"));
  EXPECT_FALSE(stream_url::parse("rtmp://h", "key"));
  EXPECT_FALSE(stream_url::parse("rtmp://h/", "key"));
}

TEST(stream_url, keeps_the_address_out_of_errors) {
  for (const char* text : {"rtmp://u:s3cr3t/s3cr3t@h/live/key", "s3cr3t://h", "rtmp://s3cr3t:s3cr3t/s3cr3t",
                           "rtmp://u:s3cr3t@h", "rtmp://u:s3cr3t@[s3cr3t]/a/s3cr3t", "rtmp://h/a/s3cr3t s3cr3t"}) {
    const auto url = stream_url::parse(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().message.find("s3cr3t"), std::string::npos) << url.error().message;
  }
}

struct masking_row {
  const char* name;
  const char* url;
  const char* masked;
};
class masking : public testing::TestWithParam<masking_row> {};

TEST_P(masking, shows_no_secret) {
  EXPECT_EQ(stream_url::parse(GetParam().url)->masked(), GetParam().masked);
}

INSTANTIATE_TEST_SUITE_P(
    stream_url, masking,
    testing::Values(masking_row{"plain_key", "rtmp://server/live/cam0_main", "rtmp://server/live/cam0_main"},
                    masking_row{"sixteen_characters", "rtmp://h/live/a23456789012345_",
                                "rtmp://h/live/a23456789012345_"},
                    masking_row{"seventeen_characters", "rtmp://h/live/a2345678901234567", "rtmp://h/live/a2***"},
                    masking_row{"other_characters", "rtmp://h/live/ab-cdef", "rtmp://h/live/ab***"},
                    masking_row{"short_with_other_characters", "rtmp://h/live/a-b", "rtmp://h/live/***"},
                    masking_row{"utf8", "rtmp://h/live/\xe9\x97\xa8\xe9\x97\xa8", "rtmp://h/live/***"},
                    masking_row{"query_of_a_plain_key", "rtmp://h/live/cam0?k=v", "rtmp://h/live/cam0?***"},
                    masking_row{"query_of_another_key", "rtmp://h/live/sk-12345?k=v", "rtmp://h/live/sk***?***"},
                    masking_row{"query_of_the_app", "rtmp://h/live?k=v/cam0", "rtmp://h/live?***/cam0"},
                    masking_row{"user_and_password", "rtmp://u:p@h:1936/live/cam0", "rtmp://***@h:1936/live/cam0"},
                    masking_row{"user_alone", "rtmp://u@[::1]/live/cam0", "rtmp://***@[::1]/live/cam0"}),
    [](const auto& row) { return row.param.name; });

TEST(stream_url, hides_a_key_that_a_secret_made) {
  auto url = stream_url::parse("rtmp://h/live/cam0_main").value();
  url.mark_key_secret();
  EXPECT_EQ(url.masked(), "rtmp://h/live/ca***");
  auto short_key = stream_url::parse("rtmp://h/live/abc").value();
  short_key.mark_key_secret();
  EXPECT_EQ(short_key.masked(), "rtmp://h/live/***");
}

TEST(stream_url, hides_a_key_apart_with_slashes) {
  EXPECT_EQ(stream_url::parse("rtmp://h/live", "abcd/efgh?x=y")->masked(), "rtmp://h/live/ab***?***");
}

TEST(stream_url, hides_every_part_that_a_secret_made) {
  auto url = stream_url::parse("rtmp://h.example/live_x9/cam0").value();
  url.mark_secrets({"x9/cam0"});
  EXPECT_EQ(url.masked(), "rtmp://h.example/***/ca***");
  url.mark_secrets({"example"});
  EXPECT_EQ(url.masked(), "rtmp://***/***/ca***");
  auto open = stream_url::parse("rtmp://h/live/cam0").value();
  open.mark_secrets({});
  EXPECT_EQ(open.masked(), "rtmp://h/live/cam0");
}

TEST(stream_url, compares_whole_addresses) {
  const auto url = [](const char* text) { return stream_url::parse(text).value(); };
  EXPECT_TRUE(url("rtmp://h/live/a") == url("rtmp://h/live/a"));
  EXPECT_TRUE(url("rtmp://h/live/a") == stream_url::parse("rtmp://h/live", "a").value());
  EXPECT_FALSE(url("rtmp://h/live/a") == url("rtmp://h/live/b"));
  EXPECT_FALSE(url("rtmp://u:1@h/live/a") == url("rtmp://u:2@h/live/a"));
}

TEST(stream_url, is_redirected_within_its_scheme_with_its_key) {
  const struct {
    const char* name;
    const char* url;
    const char* tc_url;
    const char* full;  ///< null: refused
  } rows[] = {
      {"the same again", "rtmp://a/live/k?q=1", "", "rtmp://a/live/k?q=1"},
      {"absolute", "rtmp://a/live/k?q=1", "rtmp://b:1936/app2", "rtmp://b:1936/app2/k?q=1"},
      {"absolute with a query", "rtmp://a/live/k", "rtmp://b/app2?vhost=c", "rtmp://b/app2?vhost=c/k"},
      {"absolute with a slash at its end", "rtmp://a/live/k", "rtmp://b/app2/", "rtmp://b/app2/k"},
      {"ipv6", "rtmp://a/live/k", "rtmp://[::1]/live", "rtmp://[::1]/live/k"},
      {"another host", "rtmps://a:444/live/k", "//b/live", "rtmps://b/live/k"},
      {"another app", "rtmp://a:1936/live/k", "/other/inst", "rtmp://a:1936/other/inst/k"},
      {"a relative path", "rtmp://a/live/one/k", "two", "rtmp://a/live/two/k"},
      {"a query only", "rtmp://a/live?x=1/k", "?x=2", "rtmp://a/live?x=2/k"},
      {"an address in a query is none", "rtmp://a/live/k", "/app?from=rtmp://x/y", "rtmp://a/app?from=rtmp://x/y/k"},
      {"a key behind the app", "rtmp://a/live/longkey?q=1", "rtmp://b/app2/longkey", "rtmp://b/app2/longkey?q=1"},
      {"a key with a query", "rtmp://a/live/longkey?q=1", "rtmp://b/x/longkey?q=1", "rtmp://b/x/longkey?q=1"},
      {"a key with a slash", "rtmp://a/live/longkey", "/app2/longkey/", "rtmp://a/app2/longkey"},
      {"an app that is called as the key is", "rtmp://a/live/live", "rtmp://b/live", "rtmp://b/live/live"},
      {"and one that ends so", "rtmp://a/one/live/live", "rtmp://b/one/live", "rtmp://b/one/live/live"},
      {"user stays on the same host", "rtmp://u:p@a/live/k", "/other", "rtmp://u:p@a/other/k"},
      {"also if it is spelled otherwise", "rtmp://u:p@a/live/k", "rtmp://A:1935/x", "rtmp://u:p@A:1935/x/k"},
      {"user does not go to another host", "rtmp://u:p@a/live/k", "rtmp://b/live", "rtmp://b/live/k"},
      {"nor to another port", "rtmp://u:p@a/live/k", "rtmp://a:1936/live", "rtmp://a:1936/live/k"},
      {"never out of TLS", "rtmps://a/live/k", "rtmp://a/live", nullptr},
      {"nor into it", "rtmp://a/live/k", "rtmps://a/live", nullptr},
      {"no foreign user", "rtmp://a/live/k", "rtmp://u:p@b/live", nullptr},
      {"no other protocol", "rtmp://a/live/k", "http://b/live", nullptr},
      {"no app", "rtmp://a/live/k", "rtmp://b", nullptr},
      {"control bytes", "rtmp://a/live/k", "rtmp://b/li\nve", nullptr},
  };
  for (const auto& row : rows) {
    const auto url = stream_url::parse(row.url);
    ASSERT_TRUE(url.has_value()) << row.name;
    const auto target = url->redirected(row.tc_url);
    ASSERT_EQ(target.has_value(), row.full != nullptr) << row.name;
    if (row.full != nullptr) {
      EXPECT_EQ(target->full().reveal(), row.full) << row.name;
    }
  }
}

TEST(stream_url, hides_after_a_redirect_what_was_hidden_before) {
  auto url = stream_url::parse("rtmp://u:p@secrethost/live/plainkey?q=1");
  ASSERT_TRUE(url.has_value());
  url->mark_secrets({"secrethost"});
  url->mark_key_secret();
  EXPECT_EQ(url->redirected("/other")->masked(), "rtmp://***@***/other/pl***?***");
  EXPECT_EQ(url->redirected("rtmp://b/other")->masked(), "rtmp://b/other/pl***?***");
}

TEST(stream_url, hides_after_a_redirect_what_repeats_a_secret) {
  const struct {
    const char* name;
    const char* tc_url;
    const char* masked;
    const char* server;
  } rows[] = {
      {"behind the app", "rtmp://b/app/key-of-camera", "rtmp://b/app/ke***?***", "rtmp://b:1935/app"},
      {"with its query", "rtmp://b/app/key-of-camera?t=1", "rtmp://b/app/ke***?***", "rtmp://b:1935/app"},
      {"before a slash", "/app/key-of-camera/", "rtmp://***@a/app/ke***?***", "rtmp://a:1935/app"},
      {"relative", "key-of-camera", "rtmp://***@a/***/ke***?***", nullptr},
      {"as the app", "rtmp://b/key-of-camera", "rtmp://b/***/ke***?***", nullptr},
      {"within the app", "rtmp://b/x-KEY-of-camera-1/y", "rtmp://b/***/ke***?***", nullptr},
      {"as a host", "rtmp://Key-of-Camera.b/app", "rtmp://***/app/ke***?***", nullptr},
      {"the user", "rtmp://b/live/joe", "rtmp://b/***/ke***?***", nullptr},
      {"a short user by chance", "rtmp://b/joeys", "rtmp://b/joeys/ke***?***", "rtmp://b:1935/joeys"},
      {"the password", "rtmp://passw0rd/live", "rtmp://***/live/ke***?***", nullptr},
  };
  const auto url = stream_url::parse("rtmp://joe:passw0rd@a/live/key-of-camera?t=1");
  ASSERT_TRUE(url.has_value());
  for (const auto& row : rows) {
    const auto target = url->redirected(row.tc_url);
    ASSERT_TRUE(target.has_value()) << row.name;
    EXPECT_EQ(target->masked(), row.masked) << row.name;
    EXPECT_EQ(target->is_host_secret() || target->is_app_secret(), row.server == nullptr) << row.name;
    if (row.server != nullptr) {
      EXPECT_EQ(server_key(*target), row.server) << row.name;
    }
  }
}

}  // namespace
}  // namespace campush
