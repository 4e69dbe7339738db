#include <algorithm>
#include <set>

#include "config/key_bindings.h"
#include "config/legacy_keys.h"
#include "config/schema_check.h"
#include "config/schema_text.h"
#include "config_text.h"

namespace campush {

namespace {

json_tree tree_of(const std::string& text) {
  json_tree tree;
  tree.Parse(text.data(), text.size());
  EXPECT_FALSE(tree.HasParseError());
  return tree;
}

json_tree schema() {
  return tree_of(std::string(config_schema_text()));
}

void remove_descriptions(json_value& value) {
  if (value.IsObject()) {
    value.RemoveMember("description");
    for (auto& member : value.GetObject()) remove_descriptions(member.value);
  }
  if (value.IsArray()) {
    for (json_value& entry : value.GetArray()) remove_descriptions(entry);
  }
}

/// What is wrong with a schema for RapidJSON 1.1, as one text.
std::string lint(const json_value& value) {
  static const std::set<std::string_view> known = {
      "$schema",     "$ref",       "type",     "properties", "additionalProperties",
      "required",    "items",      "minItems", "maxItems",   "oneOf",
      "enum",        "minimum",    "maximum",  "minLength",  "maxLength",
      "pattern",     "default",    "unit",     "allowed",    "secret",
      "definitions", "description"};
  std::string found;
  const auto lint_members = [&found](const json_value& holder) {
    for (const auto& member : holder.GetObject()) found += lint(member.value);
  };
  for (const auto& member : value.GetObject()) {
    const std::string_view word = text_of(member.name);
    if (known.count(word) == 0) found += std::string(word) + " is not among the words in use; ";
    if (word == "properties" || word == "definitions") lint_members(member.value);
    if (word == "items") found += lint(member.value);
    if (word != "oneOf") continue;
    for (const json_value& branch : member.value.GetArray()) found += lint(branch);
  }
  return found;
}

void list_leaves(const json_value& definition, const std::string& path, std::set<std::string>& leaves) {
  for (const auto& member : definition["properties"].GetObject()) {
    const std::string key = path + "/" + std::string(text_of(member.name));
    if (find_member(member.value, "properties") != nullptr) {
      list_leaves(member.value, key, leaves);
    } else {
      leaves.insert(key);
    }
  }
}

}  // namespace

TEST(schema, is_the_file_in_etc_without_descriptions) {
  json_tree file = tree_of(read_text(CAMPUSH_ETC "/system_config.schema.json"));
  remove_descriptions(file);
  EXPECT_TRUE(file == schema());
}

TEST(schema, uses_only_words_that_rapidjson_obeys) {
  EXPECT_EQ(lint(schema()), "");
  for (const char* bad : {R"({"const": 1})", R"({"properties": {"a": {"if": {}}}})", R"({"items": {"$defs": {}}})",
                          R"({"propertyNames": {}})", R"({"oneOf": [{"patternProperties": {}}]})"}) {
    EXPECT_NE(lint(tree_of(bad)), "") << bad;
  }
}

TEST(schema, has_a_field_for_every_key_and_a_key_for_every_field) {
  const json_tree root = schema();
  std::set<std::string> leaves;
  for (const char* section : {"system", "http", "rtmp", "source", "audio", "encoder"}) {
    list_leaves(root["definitions"][section], section, leaves);
  }
  const std::vector<std::string> bound = bound_keys();
  EXPECT_EQ(std::set<std::string>(bound.begin(), bound.end()), leaves);
}

/// Lays every default of the schema over an empty target: nothing may change.
template <class Target>
void expect_defaults_are_those_of(const char* section, bool (*is_same)(const Target&, const Target&)) {
  const json_tree root = schema();
  json_tree given(campush_config_rapidjson::kObjectType);
  auto& memory = given.GetAllocator();
  for (const auto& member : root["definitions"][section]["properties"].GetObject()) {
    json_value inner(campush_config_rapidjson::kObjectType);
    if (const json_value* own = find_member(member.value, "default")) {
      given.AddMember(json_value(member.name, memory), json_value(*own, memory), memory);
    }
    if (find_member(member.value, "properties") == nullptr) continue;
    for (const auto& deeper : member.value["properties"].GetObject()) {
      if (find_member(deeper.value, "default") == nullptr) continue;
      inner.AddMember(json_value(deeper.name, memory), json_value(deeper.value["default"], memory), memory);
    }
    given.AddMember(json_value(member.name, memory), inner, memory);
  }
  ASSERT_GT(given.MemberCount(), 0u);
  Target target;
  apply_section(target, given);
  EXPECT_TRUE(is_same(target, Target())) << section;
}

TEST(schema, states_the_defaults_of_the_code) {
  expect_defaults_are_those_of<session_draft>("rtmp", [](const session_draft& a, const session_draft& b) {
    return a.config == b.config && a.is_enabled == b.is_enabled;
  });
  expect_defaults_are_those_of<http_options>("http",
                                             [](const http_options& a, const http_options& b) { return a == b; });
  expect_defaults_are_those_of<encoder_config>("encoder",
                                               [](const encoder_config& a, const encoder_config& b) { return a == b; });
  expect_defaults_are_those_of<audio_config>("audio",
                                             [](const audio_config& a, const audio_config& b) { return a == b; });
  expect_defaults_are_those_of<source_config>("source",
                                              [](const source_config& a, const source_config& b) { return a == b; });
  expect_defaults_are_those_of<system_options>("system", [](const system_options& a, const system_options& b) {
    return a.max_cameras == b.max_cameras && a.io_threads == b.io_threads && a.state_dir == b.state_dir &&
           a.seccomp == b.seccomp && a.fleet == b.fleet && a.log.level == b.log.level && a.log.target == b.log.target &&
           a.log.max_bytes == b.log.max_bytes && a.log.max_files == b.log.max_files;
  });
}

TEST(schema, has_texts_for_its_patterns) {
  const json_tree root = schema();
  for (const auto& section : root["definitions"].GetObject()) {
    const json_value* properties = find_member(section.value, "properties");
    if (find_member(section.value, "pattern") != nullptr) {
      EXPECT_NE(find_member(section.value, "allowed"), nullptr) << text_of(section.name);
    }
    if (properties == nullptr) continue;
    for (const auto& member : properties->GetObject()) {
      if (find_member(member.value, "pattern") == nullptr) continue;
      EXPECT_NE(find_member(member.value, "allowed"), nullptr) << text_of(member.name);
    }
  }
}

TEST(suggestion, names_a_near_key_only) {
  const std::vector<std::string> known = {"bitrate", "framerate", "gop"};
  EXPECT_EQ(suggestion("bitrat", known), " (did you mean \"bitrate\"?)");
  EXPECT_EQ(suggestion("bit_rate", known), " (did you mean \"bitrate\"?)");
  EXPECT_EQ(suggestion("gob", known), " (did you mean \"gop\"?)");
  EXPECT_EQ(suggestion("colour", known), "");
  EXPECT_EQ(suggestion(std::string(100000, 'x'), known), "");
}

}  // namespace campush
