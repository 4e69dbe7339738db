#include "config/json_reader.h"

#include <gtest/gtest.h>

namespace campush {

namespace {

std::string problem(const std::string& text) {
  const auto document = json_document::parse(text, "f.json");
  return document ? "parses" : document.error().message;
}

}  // namespace

TEST(json_document, refuses_what_is_not_plain_json_with_line_and_column) {
  const struct {
    const char* name;
    std::string text;
    const char* expected;
  } cases[] = {
      {"empty", "", "f.json:1:1: the text ends too early"},
      {"cut off", "{\"a\":\n [1,", "f.json:2:5: the text ends too early"},
      {"line comment", "{\n  // note\n}", "f.json:2:3: comments are not allowed: this is plain JSON"},
      {"block comment", "{ /* note */ }", "f.json:1:3: comments are not allowed: this is plain JSON"},
      {"hash comment", "{\"a\": 1\n# note\n}", "f.json:2:1: comments are not allowed: this is plain JSON"},
      {"comma in object", "{\"a\": 1,\n}", "f.json:2:1: a comma before } is not allowed: this is plain JSON"},
      {"comma in array", "{\"a\": [1, ]}", "f.json:1:11: a comma before ] is not allowed: this is plain JSON"},
      {"single quotes", "{\"a\": 'x'}", "f.json:1:7: names and texts stand in double quotes"},
      {"bare name", "{a: 1}", "f.json:1:2: names and texts stand in double quotes"},
      {"no comma", "{\"a\": 1\n \"b\": 2}", "f.json:2:2: Missing a comma or '}' after an object member."},
      {"two roots", "{} {}", "f.json:1:4: The document root must not be followed by other values."},
      {"duplicate key", "{\"ä\": 1, \"ä\": 2}", "f.json:1:10: the key \"ä\" is given twice"},
      {"duplicate by escape", "{\"a\": 1,\n\"\\u0061\": 2}", "f.json:2:1: the key \"a\" is given twice"},
      {"bad utf-8", "{\"a\": \"\xC3\x28\"}", "f.json:1:8: Invalid encoding in string."},
      {"nul byte", std::string("{\"a\"\0: 1}", 9), "f.json:1:5: a NUL byte: this is not a text file"},
      {"nul escape", "{\"a\": \"x\\u0000y\"}", "f.json:1:7: a string holds a NUL character"},
      {"number too big", "{\"a\": 1e999}", "f.json:1:7: Number too big to be stored in double."},
  };
  for (const auto& c : cases) EXPECT_EQ(problem(c.text), c.expected) << c.name;
}

TEST(json_document, bounds_depth_and_size) {
  const std::string deepest = std::string(32, '[') + std::string(32, ']');
  EXPECT_EQ(problem(deepest), "parses");
  EXPECT_EQ(problem("[" + deepest + "]"), "f.json:1:33: nested deeper than 32 levels");
  EXPECT_EQ(problem(std::string(200000, '[')), "f.json:1:33: nested deeper than 32 levels");
  EXPECT_EQ(problem("{}" + std::string((1 << 20) - 2, ' ')), "parses");
  EXPECT_EQ(problem("{}" + std::string((1 << 20) - 1, ' ')), "f.json: 1048577 bytes, allowed: at most 1048576");
}

TEST(json_document, accepts_a_byte_order_mark_and_dos_lines) {
  EXPECT_EQ(problem("\xEF\xBB\xBF{}"), "parses");
  const auto document = json_document::parse("\xEF\xBB\xBF{\r\n  \"a\": 1\r\n}\r\n", "f.json");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->line_at("/a", "x"), "f.json:2:8: /a: x");
}

TEST(json_document, finds_keys_and_values_of_every_type) {
  const auto document = json_document::parse(
      "{\n"
      "  \"text\": \"q\\\"\\\\\",\n"
      "  \"n\" : -1.5e3, \"t\":true,\n"
      "  \"list\": [ null, [7,\n"
      "     {\"é/~\":   {}} ] ],\n"
      "  \"last\": \"\" }",
      "f.json");
  ASSERT_TRUE(document) << document.error().message;
  const struct {
    const char* pointer;
    place part;
    size_t line, column;
  } cases[] = {
      {"", place::value, 1, 1},
      {"/text", place::key, 2, 3},
      {"/text", place::value, 2, 11},
      {"/n", place::value, 3, 9},
      {"/t", place::key, 3, 17},
      {"/t", place::value, 3, 21},
      {"/list", place::value, 4, 11},
      {"/list/0", place::value, 4, 13},
      {"/list/1", place::value, 4, 19},
      {"/list/1/0", place::key, 4, 20},
      {"/list/1/0", place::value, 4, 20},
      {"/list/1/1", place::value, 5, 6},
      {"/list/1/1/é~1~0", place::key, 5, 7},
      {"/list/1/1/é~1~0", place::value, 5, 16},
      {"/last", place::value, 6, 11},
  };
  for (const auto& c : cases) {
    const text_position found = document->locate(c.pointer, c.part);
    EXPECT_EQ(found.line, c.line) << c.pointer;
    EXPECT_EQ(found.column, c.column) << c.pointer;
  }
}

TEST(json_document, points_at_what_holds_a_value_that_is_not_there) {
  const auto document = json_document::parse("{\n \"a\": [ {} ] }", "f.json");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->line_at("/a/0/b/c", "x"), "f.json:2:9: /a/0/b/c: x");
}

TEST(json_document, survives_a_huge_flat_file) {
  std::string text = "[0";
  while (text.size() + 4 < (1u << 20)) text += ",{}";
  EXPECT_EQ(problem(text + "]"), "parses");
}

TEST(printable, hides_addresses_and_control_bytes_and_cuts_long_texts) {
  EXPECT_EQ(printable("fast"), "fast");
  EXPECT_EQ(printable("rtmp://server/live/secret"), "(hidden)");
  EXPECT_EQ(printable("a\nb\x7F"), "a\\x0ab\\x7f");
  EXPECT_EQ(printable(std::string(61, 'x')), std::string(60, 'x') + "…");
}

TEST(child_pointer, escapes_as_rfc_6901_says) {
  EXPECT_EQ(child_pointer("/a", "b/c~d"), "/a/b~1c~0d");
  EXPECT_EQ(child_pointer("", 3), "/3");
}

}  // namespace campush
