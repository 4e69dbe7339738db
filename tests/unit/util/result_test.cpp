#include "util/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace campush {
namespace {

TEST(error_name, is_distinct_snake_case_for_every_code) {
  std::set<std::string> names;
  for (int code = 1; code <= static_cast<int>(error_code::busy); ++code) {
    const std::string name = error_name(static_cast<error_code>(code));
    EXPECT_NE(name, "unknown") << code;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(result, holds_a_value_or_an_error) {
  const result<int> good = 7;
  const result<int> bad = fail(error_code::malformed, "no digit");
  EXPECT_EQ(good.value(), 7);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, error_code::malformed);
  EXPECT_EQ(bad.error().message, "no digit");
}

TEST(wrap, puts_the_context_in_front_and_keeps_the_code) {
  const error wrapped = wrap(wrap({error_code::truncated, "3 bytes missing"}, "avcC"), "gate.h264");
  EXPECT_EQ(wrapped.code, error_code::truncated);
  EXPECT_EQ(wrapped.message, "gate.h264: avcC: 3 bytes missing");
}

TEST(error_from_errno, maps_to_a_code_and_names_the_reason) {
  const struct {
    int errno_value;
    error_code code;
  } rows[] = {{ENOENT, error_code::not_found},
              {EACCES, error_code::permission_denied},
              {EADDRINUSE, error_code::already_exists},
              {ETIMEDOUT, error_code::timed_out},
              {ECONNREFUSED, error_code::connection_refused},
              {ENETUNREACH, error_code::unreachable},
              {EPIPE, error_code::connection_reset},
              {EBUSY, error_code::busy},
              {EIO, error_code::io_failed}};
  for (const auto& row : rows) EXPECT_EQ(error_from_errno(row.errno_value, "x").code, row.code) << row.errno_value;
  EXPECT_EQ(error_from_errno(ENOENT, "open clip").message, "open clip: No such file or directory");
}

}  // namespace
}  // namespace campush
