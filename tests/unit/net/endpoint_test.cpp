#include "net/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace campush {
namespace {

using ::testing::HasSubstr;

TEST(endpoint, prints_what_it_parsed) {
  const struct {
    const char* address;
    const char* printed;
  } rows[] = {{"127.0.0.1", "127.0.0.1:1935"},
              {"::1", "[::1]:1935"},
              {"2001:DB8::5", "[2001:db8::5]:1935"},
              {"fe80::1%1", "[fe80::1%1]:1935"},
              {"fe80::1%lo", "[fe80::1%1]:1935"}};
  for (const auto& row : rows) {
    const auto parsed = parse_endpoint(row.address, 1935);
    ASSERT_TRUE(parsed) << row.address;
    EXPECT_EQ(parsed->to_string(), row.printed);
  }
}

TEST(endpoint, refuses_names_and_half_addresses) {
  for (const char* address : {"", "localhost", "127.0.0", "127.0.0.1 ", "[::1]", "::1%", "::1%nosuchif", "127.0.0.1%lo",
                              "1.2.3.4.5", "0x7f.1", ":::"}) {
    const auto parsed = parse_endpoint(address, 1);
    ASSERT_FALSE(parsed) << address;
    EXPECT_EQ(parsed.error().code, error_code::invalid_argument);
  }
  EXPECT_FALSE(parse_endpoint(std::string_view("127.0.0.1\0x", 11), 1));
}

TEST(endpoint, differs_by_family_port_and_scope) {
  const auto any4 = parse_endpoint("0.0.0.0", 1).value();
  EXPECT_EQ(any4, parse_endpoint("0.0.0.0", 1).value());
  EXPECT_NE(any4, parse_endpoint("::", 1).value());
  EXPECT_NE(any4, parse_endpoint("0.0.0.0", 2).value());
  EXPECT_NE(parse_endpoint("fe80::1%1", 1).value(), parse_endpoint("fe80::1%2", 1).value());
}

TEST(listen_address, parses_host_and_port) {
  EXPECT_EQ(parse_listen_address("127.0.0.1:8080")->to_string(), "127.0.0.1:8080");
  EXPECT_EQ(parse_listen_address("[::1]:0")->to_string(), "[::1]:0");
}

TEST(listen_address, names_the_part_that_is_wrong) {
  const struct {
    const char* text;
    const char* said;
  } rows[] = {{"127.0.0.1", "no port"},          {"127.0.0.1:", "\"\" is not a port"},
              {"127.0.0.1:65536", "\"65536\""},  {"127.0.0.1:-1", "\"-1\""},
              {"localhost:80", "\"localhost\""}, {"::1:80", "brackets"},
              {"[127.0.0.1]:80", "brackets"},    {":80", "\"\""}};
  for (const auto& row : rows) {
    const auto parsed = parse_listen_address(row.text);
    ASSERT_FALSE(parsed) << row.text;
    EXPECT_EQ(parsed.error().code, error_code::invalid_argument);
    EXPECT_THAT(parsed.error().message, HasSubstr(row.said));
  }
}

}  // namespace
}  // namespace campush
