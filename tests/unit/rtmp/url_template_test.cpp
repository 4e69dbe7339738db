#include "rtmp/url_template.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace campush {
namespace {

const url_template::variables gate = {{"camera_id", "0"},      {"stream_id", "1"},        {"stream_name", "main"},
                                      {"camera_name", "gate"}, {"device_id", "cam-7f31"}, {"hostname", "nvr"}};

struct expansion_row {
  const char* name;
  const char* text;
  const char* expanded;
};
class good_template : public testing::TestWithParam<expansion_row> {};

TEST_P(good_template, expands) {
  const url_template shape(GetParam().text);
  ASSERT_TRUE(shape.check());
  const auto text = shape.expand(gate);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, GetParam().expanded);
}

INSTANTIATE_TEST_SUITE_P(
    url_template, good_template,
    testing::Values(
        expansion_row{"no_variable", "rtmp://h/live/key", "rtmp://h/live/key"},
        expansion_row{"the_default", "rtmp://server/live/cam{camera_id}_{stream_name}", "rtmp://server/live/cam0_main"},
        expansion_row{"every_variable", "{camera_id}{stream_id}{stream_name}{camera_name}{device_id}{hostname}",
                      "01maingatecam-7f31nvr"},
        expansion_row{"one_twice", "{camera_id}/{camera_id}", "0/0"},
        expansion_row{"literal_braces", "a{{b}}c", "a{b}c"},
        expansion_row{"braces_round_a_variable", "{{{camera_id}}}", "{0}"},
        expansion_row{"only_literal_braces", "{{}}", "{}"},
        expansion_row{"bytes_as_they_are", "rtmp://h/l/\xc3\xa9%7Bx?a=b&c", "rtmp://h/l/\xc3\xa9%7Bx?a=b&c"}),
    [](const auto& row) { return row.param.name; });

struct mistake_row {
  const char* name;
  const char* text;
  const char* message;
};
class bad_template : public testing::TestWithParam<mistake_row> {};

TEST_P(bad_template, is_reported_by_check_and_by_expand) {
  const url_template shape(GetParam().text);
  const auto checked = shape.check();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, error_code::invalid_argument);
  EXPECT_NE(checked.error().message.find(GetParam().message), std::string::npos) << checked.error().message;
  const auto text = shape.expand(gate);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().message, checked.error().message);
}

INSTANTIATE_TEST_SUITE_P(
    url_template, bad_template,
    testing::Values(mistake_row{"empty", "", "template is empty"},
                    mistake_row{"unclosed", "rtmp://h/{camera_id", "'{' is never closed at column 10"},
                    mistake_row{"opened_twice", "ab{cd{camera_id}", "'{' is never closed at column 3"},
                    mistake_row{"lone_closing", "abc}", "'}' without '{' at column 4"},
                    mistake_row{"no_name", "x{}", "empty variable name at column 2"},
                    mistake_row{"misspelt", "{camera}", "at column 1"},
                    mistake_row{"close_name", "{camera_idd}", "did you mean {camera_id}?"},
                    mistake_row{"far_name", "{resolution}", "allowed are camera_id, stream_id, stream_name"},
                    mistake_row{"upper_case", "{CAMERA_NAME}", "allowed are"},
                    mistake_row{"spaces_inside", "{ camera_id }", "did you mean {camera_id}?"},
                    mistake_row{"no_environment_name", "{env:}", "bad environment variable name at column 1"},
                    mistake_row{"odd_environment_name", "{env:A-B}", "bad environment variable name"},
                    mistake_row{"no_path", "{file:}", "bad path at column 1"}),
    [](const auto& row) { return row.param.name; });

TEST(url_template, does_not_repeat_what_may_be_a_key_with_braces) {
  const auto checked = url_template("rtmp://h/live/{s3cr3tkey}").check();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message.find("s3cr3t"), std::string::npos) << checked.error().message;
}

TEST(url_template, refuses_a_template_over_its_bound) {
  EXPECT_TRUE(url_template(std::string(8192, 'a')).check());
  EXPECT_FALSE(url_template(std::string(8193, 'a')).check());
}

TEST(url_template, refuses_an_expansion_over_its_bound) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "{camera_name}";
  const auto expanded = url_template(text).expand({{"camera_name", std::string(5000, 'x')}});
  ASSERT_FALSE(expanded);
  EXPECT_EQ(expanded.error().code, error_code::too_big);
}

TEST(url_template, names_the_variable_that_has_no_value) {
  const auto text = url_template("rtmp://h/{camera_name}").expand({{"camera_id", "0"}});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().message, "template at column 10: no value for {camera_name}");
}

TEST(url_template, reports_an_expansion_to_nothing) {
  const auto text = url_template("{camera_name}").expand({{"camera_name", ""}});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().message, "template expands to nothing");
}

TEST(url_template, knows_the_name_of_the_host_by_itself) {
  const auto text = url_template("{hostname}").expand({});
  ASSERT_TRUE(text);
  EXPECT_FALSE(text->empty());
}

TEST(url_template, tells_whether_it_has_variables) {
  EXPECT_FALSE(url_template("rtmp://h/live/{{key}}").has_variables());
  EXPECT_TRUE(url_template("rtmp://h/live/{camera_id}").has_variables());
  EXPECT_TRUE(url_template("{env:HOME}").has_variables());
}

class secret_template : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "campush_template_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    m_folder = pattern;
  }
  void TearDown() override {
    std::filesystem::remove_all(m_folder);
    ::unsetenv("CAMPUSH_TEST_KEY");
  }
  std::string file(const std::string& content) {
    std::ofstream(m_folder / "key", std::ios::binary) << content;
    return "{file:" + (m_folder / "key").string() + "}";
  }
  std::filesystem::path m_folder;
};

TEST_F(secret_template, reads_the_environment_anew_at_each_expansion) {
  const url_template shape("rtmp://h/live/{env:CAMPUSH_TEST_KEY}");
  ASSERT_TRUE(shape.check()) << "check needs no value";
  EXPECT_EQ(shape.expand({}).error().code, error_code::not_found);
  ::setenv("CAMPUSH_TEST_KEY", "first", 1);
  EXPECT_EQ(shape.expand({}).value(), "rtmp://h/live/first");
  ::setenv("CAMPUSH_TEST_KEY", "second", 1);
  EXPECT_EQ(shape.expand({}).value(), "rtmp://h/live/second");
  ::setenv("CAMPUSH_TEST_KEY", "", 1);
  EXPECT_EQ(shape.expand({}).error().code, error_code::invalid_argument);
}

TEST_F(secret_template, reads_the_first_line_of_a_file_anew_at_each_expansion) {
  struct {
    const char* name;
    std::string content;
    std::string line;
  } const rows[] = {
      {"no line end", "abc", "abc"},
      {"line end", "abc\n", "abc"},
      {"dos line end", "abc\r\n", "abc"},
      {"second line", "abc\ndef\n", "abc"},
      {"spaces stay", " abc \n", " abc "},
      {"braces are not variables", "{camera_id}\n", "{camera_id}"},
      {"longest", std::string(4096, 'k') + "\n", std::string(4096, 'k')},
  };
  for (const auto& row : rows) {
    const url_template shape("<" + file(row.content) + ">");
    const auto text = shape.expand({});
    ASSERT_TRUE(text) << row.name << ": " << text.error().message;
    EXPECT_EQ(*text, "<" + row.line + ">") << row.name;
  }
}

TEST_F(secret_template, reports_a_file_that_gives_no_secret) {
  const auto code_of = [](const std::string& text) { return url_template(text).expand({}).error().code; };
  EXPECT_EQ(code_of("{file:" + (m_folder / "missing").string() + "}"), error_code::not_found);
  EXPECT_EQ(code_of("{file:" + m_folder.string() + "}"), error_code::invalid_argument);
  EXPECT_EQ(code_of(file("")), error_code::invalid_argument);
  EXPECT_EQ(code_of(file("\nsecond")), error_code::invalid_argument);
  EXPECT_EQ(code_of(file(std::string(4097, 'k'))), error_code::too_big);
}

TEST_F(secret_template, does_not_wait_for_the_writer_of_a_fifo) {
  const std::string path = (m_folder / "fifo").string();
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(url_template("{file:" + path + "}").expand({}).error().code, error_code::invalid_argument);
}

TEST_F(secret_template, marks_what_a_secret_took_part_in) {
  ::setenv("CAMPUSH_TEST_KEY", "k1", 1);
  const auto open = url_template("rtmp://h/{camera_id}").expand_marked(gate);
  EXPECT_FALSE(open->has_secret);
  const auto closed = url_template("rtmp://h/" + file("k2") + "{env:CAMPUSH_TEST_KEY}").expand_marked(gate);
  EXPECT_TRUE(closed->has_secret);
  EXPECT_EQ(closed->secrets, (std::vector<std::string>{"k2", "k1"}));
}

TEST_F(secret_template, keeps_values_out_of_errors) {
  ::setenv("CAMPUSH_TEST_KEY", "s3cr3t", 1);
  const auto text = url_template("{env:CAMPUSH_TEST_KEY}" + file("t0ps3cr3t") + "{camera_name}").expand({});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().message.find("s3cr3t"), std::string::npos);
}

}  // namespace
}  // namespace campush
