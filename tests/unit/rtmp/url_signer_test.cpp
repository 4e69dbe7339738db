#include "rtmp/url_signer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace campush {
namespace {

using wall_time = std::chrono::system_clock::time_point;
constexpr wall_time start_time{std::chrono::seconds(1700000000)};
constexpr const char* random_field = "477b3bbc253f467b8def6711128c7bec";

/// A file with a CDN's secret, gone with the test.
class key_file {
 public:
  explicit key_file(const std::string& text)
      : m_path(std::filesystem::temp_directory_path() / ("campush_sign_" + std::to_string(::getpid()))) {
    std::ofstream(m_path) << text;
  }
  ~key_file() { std::filesystem::remove(m_path); }
  std::string path() const { return m_path.string(); }

 private:
  std::filesystem::path m_path;
};

std::string signed_text(const std::string& address, const sign_options& options, const std::string& random) {
  const auto url = stream_url::parse(address);
  if (!url) return url.error().message;
  const auto made = sign_url(*url, options, start_time, random);
  return made ? made->full().reveal() : made.error().message;
}

// Golden vectors: each hash was made with md5sum, for example
//   printf %s '/live/cam0-1700003600-0-0-aliyun_s3cret' | md5sum       1700003600 is 1700000000 and an hour
//   printf %s 'tencent_s3cretcam06553FF10' | md5sum                    6553FF10 is the same in base 16
TEST(url_signer, agrees_with_md5sum) {
  const struct {
    const char* name;
    sign_type type;
    const char* secret;
    const char* random;
    const char* address;
    const char* expected;
  } cases[] = {
      {"aliyun", sign_type::aliyun, "aliyun_s3cret", "0", "rtmp://push.example/live/cam0",
       "rtmp://push.example/live/cam0?auth_key=1700003600-0-0-72b1d13e2c067f8bca6efde3ef9c601f"},
      {"aliyun with random", sign_type::aliyun, "aliyun_s3cret", random_field, "rtmp://push.example/live/cam0",
       "rtmp://push.example/live/"
       "cam0?auth_key=1700003600-477b3bbc253f467b8def6711128c7bec-0-4040537dcee896ce5cde55ea0b54c04a"},
      {"aliyun, no random is 0", sign_type::aliyun, "aliyun_s3cret", "", "rtmp://push.example/live/cam0",
       "rtmp://push.example/live/cam0?auth_key=1700003600-0-0-72b1d13e2c067f8bca6efde3ef9c601f"},
      {"aliyun, queries do not count", sign_type::aliyun, "aliyun_s3cret", "0",
       "rtmp://u:p@push.example:1936/live/cam0?b=%2f&a=",
       "rtmp://u:p@push.example:1936/live/cam0?b=%2f&a=&auth_key=1700003600-0-0-72b1d13e2c067f8bca6efde3ef9c601f"},
      {"aliyun, query of the app", sign_type::aliyun, "aliyun_s3cret", "0", "rtmp://push.example/live?vhost=x/cam0",
       "rtmp://push.example/live?vhost=x/cam0?auth_key=1700003600-0-0-72b1d13e2c067f8bca6efde3ef9c601f"},
      {"aliyun, instance", sign_type::aliyun, "aliyun_s3cret", "0", "rtmp://push.example/live/inst/cam0?",
       "rtmp://push.example/live/inst/cam0?auth_key=1700003600-0-0-b1d7ddd4492ccefd2d826d24c8e2c12e"},
      {"tencent", sign_type::tencent, "tencent_s3cret", "0", "rtmps://push.example/live/cam0",
       "rtmps://push.example/live/cam0?txSecret=33ccba673c614c0fed3a991d3d7eb7e0&txTime=6553FF10"},
      {"tencent, queries do not count", sign_type::tencent, "tencent_s3cret", random_field,
       "rtmp://push.example/live/cam0?z=1&",
       "rtmp://push.example/live/cam0?z=1&txSecret=33ccba673c614c0fed3a991d3d7eb7e0&txTime=6553FF10"},
  };
  for (const auto& c : cases) {
    const key_file file(std::string(c.secret) + "\r\nsecond line\n");
    EXPECT_EQ(signed_text(c.address, {c.type, file.path(), std::chrono::hours(1)}, c.random), c.expected) << c.name;
  }
}

TEST(url_signer, signs_a_key_that_stands_apart_with_its_slashes) {
  const key_file file("aliyun_s3cret");
  const auto url = stream_url::parse("rtmp://push.example/live", "a/b?x=1");
  ASSERT_TRUE(url);
  const auto made = sign_url(*url, {sign_type::aliyun, file.path(), std::chrono::hours(1)}, start_time, "0");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->key().reveal(), "a/b?x=1&auth_key=1700003600-0-0-988449bb38a8b3037c4486c3fc304067");
  EXPECT_EQ(made->app(), "live");
  EXPECT_EQ(made->tc_url(), url->tc_url());
}

TEST(url_signer, counts_the_expiry_from_now_on) {
  const key_file file("tencent_s3cret");
  EXPECT_EQ(signed_text("rtmp://h/live/cam0", {sign_type::tencent, file.path(), std::chrono::seconds(86400)}, "0"),
            "rtmp://h/live/cam0?txSecret=892d4786fbd206c0aa96178480a54c1a&txTime=65554280");
}

TEST(url_signer, leaves_an_address_alone_without_a_type) {
  EXPECT_EQ(signed_text("rtmp://h/live/cam0?auth_key=x", {}, "0"), "rtmp://h/live/cam0?auth_key=x");
}

TEST(url_signer, refuses_what_is_signed_already) {
  const key_file file("s3cret");
  const struct {
    sign_type type;
    const char* address;
    const char* expected;
  } cases[] = {
      {sign_type::aliyun, "rtmp://h/live/k?a=1&auth_key=1-0-0-x", "sign: the address carries auth_key already"},
      {sign_type::aliyun, "rtmp://h/live/k?auth_key", "sign: the address carries auth_key already"},
      {sign_type::tencent, "rtmp://h/live/k?txSecret=1", "sign: the address carries txSecret already"},
      {sign_type::tencent, "rtmp://h/live/k?txTime=1", "sign: the address carries txTime already"},
  };
  for (const auto& c : cases) {
    const auto made =
        sign_url(*stream_url::parse(c.address), {c.type, file.path(), std::chrono::hours(1)}, start_time, "0");
    ASSERT_FALSE(made) << c.address;
    EXPECT_EQ(made.error().code, error_code::invalid_argument);
    EXPECT_EQ(made.error().message, c.expected);
  }
  EXPECT_NE(signed_text("rtmp://h/live/k?my_auth_key=1", {sign_type::aliyun, file.path(), std::chrono::hours(1)}, "0")
                .find("&auth_key="),
            std::string::npos);
}

TEST(url_signer, says_what_is_wrong_with_the_key_file) {
  const key_file empty("\nsecond line");
  const struct {
    std::string path;
    error_code code;
    std::string expected;
  } cases[] = {
      {"/nonexistent/key", error_code::not_found, "sign.key_file: /nonexistent/key: No such file or directory"},
      {empty.path(), error_code::invalid_argument, "sign.key_file: " + empty.path() + ": first line is empty"},
      {"/dev/null", error_code::invalid_argument, "sign.key_file: /dev/null: not a regular file"},
  };
  for (const auto& c : cases) {
    const auto made = sign_url(*stream_url::parse("rtmp://h/live/k"),
                               {sign_type::aliyun, c.path, std::chrono::hours(1)}, start_time, "0");
    ASSERT_FALSE(made) << c.path;
    EXPECT_EQ(made.error().code, c.code);
    EXPECT_EQ(made.error().message, c.expected);
  }
}

TEST(url_signer, keeps_its_signature_out_of_the_masked_address) {
  const key_file file("aliyun_s3cret");
  auto url = stream_url::parse("rtmp://h/live/secretkey");
  ASSERT_TRUE(url);
  url->mark_key_secret();
  const auto made = sign_url(*url, {sign_type::aliyun, file.path(), std::chrono::hours(1)}, start_time, "0");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->masked(), "rtmp://h/live/se***?***");
}

}  // namespace
}  // namespace campush
