#include "cli/help_format.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

using namespace campush;

namespace {

size_t longest_line(const std::string& text) {
  std::istringstream lines(text);
  size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

}  // namespace

TEST(help_format, wraps_at_spaces_and_keeps_breaks) {
  EXPECT_EQ(wrap_text("one two three", 7), "one two\nthree");
  EXPECT_EQ(wrap_text("one two three", 8), "one two\nthree");
  EXPECT_EQ(wrap_text("one\ntwo three", 9), "one\ntwo three");
  EXPECT_EQ(wrap_text("a word_that_is_too_long here", 6), "a\nword_that_is_too_long\nhere");
  EXPECT_EQ(wrap_text("", 5), "");
}

TEST(help_format, tells_the_facts_of_an_option) {
  CLI::App app;
  uint32_t seconds = 5;
  std::string file;
  std::vector<std::string> rest;
  CLI::Option* const flag = app.add_flag("--both");
  const CLI::Option* const number = app.add_option("-s,--seconds", seconds, "How long")
                                        ->type_name("SECONDS")
                                        ->check(CLI::Range(5u, 86400u))
                                        ->capture_default_str()
                                        ->needs(flag);
  const CLI::Option* const path =
      app.add_option("path", file, "Which")->required()->type_name("FILE")->check(CLI::ExistingFile);
  const CLI::Option* const address = app.add_option("--address", rest, "Where")->type_name("HOST:PORT");

  const option_facts facts = facts_of(*number);
  EXPECT_EQ(facts.names, (std::vector<std::string>{"-s", "--seconds"}));
  EXPECT_EQ(facts.value, "SECONDS");
  EXPECT_EQ(facts.range, "5 to 86400");
  EXPECT_EQ(facts.preset, "5");
  EXPECT_EQ(facts.needs, (std::vector<std::string>{"--both"}));
  EXPECT_FALSE(facts.is_repeated);
  EXPECT_EQ(facts_of(*flag).value, "");
  EXPECT_EQ(facts_of(*path).positional, "path");
  EXPECT_EQ(facts_of(*path).value, "FILE");
  EXPECT_TRUE(facts_of(*path).is_required);
  EXPECT_EQ(facts_of(*address).value, "HOST:PORT");
  EXPECT_TRUE(facts_of(*address).is_repeated);
}

TEST(help_format, fits_80_columns) {
  CLI::App app(
      "A sentence that describes what the program does, and goes on for longer than a terminal is wide, as some do.");
  use_plain_help(app);
  std::string text;
  app.add_option("--text", text,
                 "An explanation of an option that would not fit beside its name on one line of a terminal");
  app.add_subcommand("go",
                     "Another one, of a command, which is just as long as that of the option that stands above it");
  EXPECT_LE(longest_line(app.help()), 80u);
  EXPECT_NE(app.help().find("--text TEXT"), std::string::npos) << app.help();
}
