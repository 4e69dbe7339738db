#include "util/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace campush {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

/// A folder of its own and the console as log target again afterwards.
class log_test : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/campush_log_XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    m_folder = name;
  }
  void TearDown() override {
    EXPECT_TRUE(configure_logging({}));
    const std::string command = "rm -r " + m_folder;
    EXPECT_EQ(std::system(command.c_str()), 0);
  }
  std::string path(const std::string& name = "log") const { return m_folder + "/" + name; }
  log_options to_file() const {
    log_options options;
    options.target = log_target::file;
    options.path = path();
    return options;
  }
  static std::vector<std::string> lines_of(const std::string& file) {
    std::ifstream in(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  static uint64_t size_of(const std::string& file) {
    struct stat about {};
    return ::stat(file.c_str(), &about) == 0 ? static_cast<uint64_t>(about.st_size) : 0;
  }

 private:
  std::string m_folder;
};

TEST_F(log_test, writes_module_level_and_text_to_the_file) {
  ASSERT_TRUE(configure_logging(to_file()));
  log_info(log_module::session, "Session {} connected", "cam0_stream0");
  log_debug(log_module::session, "not at info");
  log_error(log_module::net, "port {}", 1935);
  EXPECT_THAT(lines_of(path()), ElementsAre(EndsWith(" info    [session] Session cam0_stream0 connected"),
                                            EndsWith(" error   [net] port 1935")));
}

TEST_F(log_test, changes_the_level_of_one_module_at_once) {
  ASSERT_TRUE(configure_logging(to_file()));
  set_log_level(log_module::rtmp, log_level::debug);
  EXPECT_TRUE(is_logged(log_module::rtmp, log_level::debug));
  EXPECT_FALSE(is_logged(log_module::rtmp, log_level::trace));
  EXPECT_FALSE(is_logged(log_module::net, log_level::debug));
  set_log_level(log_level::off);
  EXPECT_FALSE(is_logged(log_module::rtmp, log_level::error));
  EXPECT_FALSE(is_logged(log_module::rtmp, log_level::off));
}

TEST_F(log_test, escapes_what_could_forge_a_line_or_drive_a_terminal) {
  const struct {
    const char* name;
    std::string text;
    const char* written;
  } rows[] = {
      {"newline", "a\nb\r\tc", "a\\nb\\r\\tc"},
      {"escape sequence", "\x1b[31mred", "\\x1b[31mred"},
      {"nul", std::string("a\0b", 3), "a\\x00b"},
      {"delete", "a\x7f", "a\\x7f"},
      {"c1 control in utf-8",
       "\xc2\x9b"
       "31m",
       "\\xc2\\x9b31m"},
      {"lone byte above 127",
       "\x9b"
       "31m",
       "\\x9b31m"},
      {"cut sequence", "\xe2\x82", "\\xe2\\x82"},
      {"letters of any language", "Tür größer 門", "Tür größer 門"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    ::unlink(path().c_str());
    ASSERT_TRUE(configure_logging(to_file()));
    write_log(log_module::rtmp, log_level::info, row.text);
    EXPECT_THAT(lines_of(path()), ElementsAre(EndsWith("[rtmp] " + std::string(row.written))));
  }
}

TEST_F(log_test, cuts_a_line_that_is_too_long) {
  ASSERT_TRUE(configure_logging(to_file()));
  write_log(log_module::rtmp, log_level::info, std::string(1 << 20, 'x'));
  ASSERT_EQ(lines_of(path()).size(), 1U);
  EXPECT_LT(size_of(path()), 5000U);
}

TEST_F(log_test, rotates_by_size_and_keeps_max_files_in_all) {
  log_options options = to_file();
  options.max_bytes = 1000;
  options.max_files = 3;
  ASSERT_TRUE(configure_logging(options));
  for (int i = 0; i < 100; ++i) log_info(log_module::app, "line {} {}", i, std::string(50, 'x'));
  EXPECT_THAT(lines_of(path()).back(), HasSubstr("line 99 "));
  EXPECT_THAT(lines_of(path("log.1")).back(), HasSubstr("xxx"));
  EXPECT_GT(size_of(path("log.2")), 0U);
  EXPECT_EQ(size_of(path("log.3")), 0U);
  for (const char* name : {"log", "log.1", "log.2"}) EXPECT_LE(size_of(path(name)), 1000U) << name;
}

TEST_F(log_test, counts_what_is_already_in_the_file_towards_rotation) {
  std::ofstream(path()) << std::string(990, 'o') << "\n";
  log_options options = to_file();
  options.max_bytes = 1000;
  ASSERT_TRUE(configure_logging(options));
  log_info(log_module::app, "first");
  EXPECT_EQ(size_of(path("log.1")), 991U);
  EXPECT_EQ(lines_of(path()).size(), 1U);
}

TEST_F(log_test, says_once_on_stderr_that_the_disk_is_full_and_goes_on) {
  log_options options = to_file();
  options.path = "/dev/full";
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(configure_logging(options));
  for (int i = 0; i < 1000; ++i) log_info(log_module::app, "line {}", i);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("No space left on device"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
}

TEST_F(log_test, survives_a_folder_that_goes_away_and_reports_the_gap_when_it_is_back) {
  log_options options = to_file();
  options.path = path("sub/log");
  options.max_bytes = 200;
  ASSERT_EQ(::mkdir(path("sub").c_str(), 0700), 0);
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(configure_logging(options));
  log_info(log_module::app, "{}", std::string(120, 'a'));
  ASSERT_EQ(std::system(("rm -r " + path("sub")).c_str()), 0);
  log_info(log_module::app, "{}", std::string(120, 'b'));
  log_info(log_module::app, "lost too");
  ASSERT_EQ(::mkdir(path("sub").c_str(), 0700), 0);
  log_info(log_module::app, "here again");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("log lines are being lost"));
  EXPECT_THAT(lines_of(path("sub/log")), ElementsAre(EndsWith("here again"), HasSubstr("2 log lines were lost")));
}

TEST_F(log_test, keeps_the_console_when_the_file_cannot_be_opened) {
  const struct {
    const char* name;
    std::string path;
    uint32_t max_files;
    error_code code;
  } rows[] = {{"missing folder", "/nonexistent/log", 3, error_code::not_found},
              {"no path", "", 3, error_code::invalid_argument},
              {"no file allowed", path(), 0, error_code::invalid_argument}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    log_options options = to_file();
    options.path = row.path;
    options.max_files = row.max_files;
    const auto outcome = configure_logging(options);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, row.code) << outcome.error().message;
  }
  ::testing::internal::CaptureStderr();
  log_info(log_module::app, "still here");
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, EndsWith("[app] still here\n"));
  EXPECT_THAT(said, Not(HasSubstr("\x1b"))) << "colours belong on a terminal only";
}

TEST(log_level, parses_names_in_any_case) {
  EXPECT_EQ(parse_log_level("INFO"), log_level::info);
  EXPECT_EQ(parse_log_level("Warning"), log_level::warn);
  EXPECT_EQ(parse_log_level("off"), log_level::off);
  for (const char* text : {"", "inf", "information", "verbose"}) {
    const auto level = parse_log_level(text);
    ASSERT_FALSE(level) << text;
    EXPECT_EQ(level.error().code, error_code::invalid_argument);
    EXPECT_THAT(level.error().message, HasSubstr("trace, debug, info, warn, error, off"));
  }
}

TEST(log_module, has_a_name_for_each) {
  EXPECT_STREQ(log_module_name(log_module::app), "app");
  EXPECT_STREQ(log_module_name(log_module::server), "server");
}

}  // namespace
}  // namespace campush
