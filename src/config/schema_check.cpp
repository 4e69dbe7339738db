#include "config/schema_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "config/schema_text.h"

namespace campush {

namespace {

namespace json = campush_config_rapidjson;

constexpr int max_references = 8;
constexpr int max_branches = 8;

std::string text_of_pointer(const json::Pointer& pointer) {
  json::StringBuffer buffer;
  pointer.Stringify(buffer);
  return {buffer.GetString(), buffer.GetSize()};
}

const json_value* at_pointer(const json_value& root, const std::string& pointer) {
  const json::Pointer parsed(pointer.c_str(), pointer.size());
  return parsed.IsValid() ? parsed.Get(root) : nullptr;
}

/// Follows $ref, which in our schema is always local.
const json_value& resolve(const json_value& schema, const json_value& root) {
  const json_value* resolved = &schema;
  for (int i = 0; i < max_references; ++i) {
    const json_value* reference = find_member(*resolved, "$ref");
    if (reference == nullptr) break;
    const json_value* target = at_pointer(root, std::string(text_of(*reference)));
    if (target == nullptr) break;
    resolved = target;
  }
  return *resolved;
}

/// The draft 4 name of a value's type.
std::string_view type_name(const json_value& value) {
  switch (value.GetType()) {
    case json::kNullType: return "null";
    case json::kFalseType:
    case json::kTrueType: return "boolean";
    case json::kObjectType: return "object";
    case json::kArrayType: return "array";
    case json::kStringType: return "string";
    case json::kNumberType: return value.IsInt64() || value.IsUint64() ? "integer" : "number";
  }
  return "null";
}

bool is_branch_of(const json_value& branch, std::string_view type) {
  const json_value* allowed = find_member(branch, "type");
  if (allowed == nullptr) return false;
  return text_of(*allowed) == type || (text_of(*allowed) == "number" && type == "integer");
}

std::string number_text(const json_value& number) {
  if (number.IsInt64()) return std::to_string(number.GetInt64());
  if (number.IsUint64()) return std::to_string(number.GetUint64());
  return number.IsDouble() ? fmt::format("{}", number.GetDouble()) : "";
}

/// What stands where the schema expects a secret, or one of several forms that may be secrets, is told by its type alone.
std::string found_text(const json_value& value, const json_value& schema) {
  const bool is_shown = find_member(schema, "secret") == nullptr && find_member(schema, "type") != nullptr;
  if (!is_shown && value.IsString()) return fmt::format("a text of {} bytes", value.GetStringLength());
  if (!is_shown && value.IsNumber()) return "a number";
  switch (value.GetType()) {
    case json::kNullType: return "null";
    case json::kFalseType: return "false";
    case json::kTrueType: return "true";
    case json::kObjectType: return "an object";
    case json::kArrayType: return fmt::format("an array of {}", value.Size());
    case json::kNumberType: return number_text(value);
    case json::kStringType: break;
  }
  return fmt::format("\"{}\"", printable(text_of(value)));
}

std::string range_text(const json_value& schema, std::string_view type) {
  const json_value* lowest = find_member(schema, "minimum");
  const json_value* highest = find_member(schema, "maximum");
  std::string text(type);
  if (lowest != nullptr) text += (highest != nullptr ? " " : " from ") + number_text(*lowest);
  if (highest != nullptr) text += " to " + number_text(*highest);
  return text;
}

std::string allowed_text(const json_value& reference, const json_value& root);

std::string branches_text(const json_value& branches, const json_value& root) {
  std::string text;
  for (const json_value& branch : branches.GetArray())
    text += (text.empty() ? "" : " or ") + allowed_text(branch, root);
  return text;
}

std::string enum_text(const json_value& values) {
  std::string text;
  for (const json_value& value : values.GetArray())
    text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", text_of(value));
  return text;
}

std::string allowed_text(const json_value& reference, const json_value& root) {
  const json_value& schema = resolve(reference, root);
  if (const json_value* words = find_member(schema, "allowed")) return std::string(text_of(*words));
  if (const json_value* values = find_member(schema, "enum")) return enum_text(*values);
  if (const json_value* branches = find_member(schema, "oneOf")) return branches_text(*branches, root);
  const json_value* type = find_member(schema, "type");
  const std::string_view name = type == nullptr ? "" : text_of(*type);
  if (name == "integer" || name == "number") return range_text(schema, name);
  if (name == "boolean") return "true or false";
  const json_value* lowest = find_member(schema, name == "array" ? "minItems" : "minLength");
  const json_value* highest = find_member(schema, name == "array" ? "maxItems" : "maxLength");
  std::string text = name == "array" ? "array" : name == "object" ? "object" : "text";
  if (highest == nullptr) return text;
  return fmt::format("{} of {} to {} {}", text, lowest == nullptr ? "0" : number_text(*lowest), number_text(*highest),
                     name == "array" ? "entries" : "characters");
}

std::vector<std::string> property_names(const json_value& schema) {
  std::vector<std::string> names;
  const json_value* properties = find_member(schema, "properties");
  if (properties == nullptr) return names;
  for (const auto& property : properties->GetObject()) names.emplace_back(text_of(property.name));
  return names;
}

std::string unknown_key_text(std::string_view key, const json_value& schema) {
  const std::vector<std::string> known = property_names(schema);
  const std::string near = suggestion(key, known);
  if (!near.empty()) return "unknown key" + near;
  return fmt::format("unknown key, allowed: {}", fmt::join(known, ", "));
}

std::string missing_key_text(const json_value& value, const json_value& schema) {
  for (const json_value& key : find_member(schema, "required")->GetArray()) {
    if (find_member(value, text_of(key)) == nullptr) return fmt::format("the key \"{}\" is missing", text_of(key));
  }
  return "a key is missing";
}

/// One mistake as the validator reports it.
struct violation {
  std::string pointer;  ///< from the value that was validated
  std::string keyword;
  const json_value* value = nullptr;
  const json_value* schema = nullptr;
};

/// A schema document of its own for one branch of a oneOf: its keywords at the top, and the definitions that it refers to.
void make_branch_root(const json_value& branch, const json_value& root, json_tree& made) {
  made.CopyFrom(branch, made.GetAllocator());
  const json_value* definitions = find_member(root, "definitions");
  if (definitions == nullptr || made.HasMember("definitions")) return;
  made.AddMember("definitions", json_value(*definitions, made.GetAllocator()), made.GetAllocator());
}

class checker {
 public:
  explicit checker(const json_document& document) : m_document(document) {}

  result<void> check(const json_value& value, const json_value& root, const std::string& base, int depth) {
    const json::SchemaDocument compiled(root);
    json::SchemaValidator validator(compiled);
    if (value.Accept(validator)) return {};
    violation mistake;
    mistake.pointer = text_of_pointer(validator.GetInvalidDocumentPointer());
    mistake.keyword = validator.GetInvalidSchemaKeyword() == nullptr ? "" : validator.GetInvalidSchemaKeyword();
    mistake.value = at_pointer(value, mistake.pointer);
    const json_value* schema = at_pointer(root, text_of_pointer(validator.GetInvalidSchemaPointer()));
    mistake.schema = schema == nullptr ? &root : &resolve(*schema, root);
    return report(mistake, root, base + mistake.pointer, depth);
  }

 private:
  result<void> report(const violation& mistake, const json_value& root, const std::string& pointer, int depth) {
    if (mistake.keyword == "additionalProperties") {
      const std::string text = unknown_key_text(last_token(pointer), *mistake.schema);
      return tl::unexpected(m_document.error_at(pointer, text, place::key));
    }
    if (mistake.value == nullptr) return refuse(pointer, "not allowed here");
    if (mistake.keyword == "required") return refuse(pointer, missing_key_text(*mistake.value, *mistake.schema));
    if (mistake.keyword == "oneOf" && depth < max_branches) return check_branch(mistake, root, pointer, depth);
    return refuse(pointer, fmt::format("found {}, allowed: {}", found_text(*mistake.value, *mistake.schema),
                                       allowed_text(*mistake.schema, root)));
  }

  result<void> check_branch(const violation& mistake, const json_value& root, const std::string& pointer, int depth) {
    const std::string_view type = type_name(*mistake.value);
    for (const json_value& reference : find_member(*mistake.schema, "oneOf")->GetArray()) {
      const json_value& branch = resolve(reference, root);
      if (!is_branch_of(branch, type)) continue;
      json_tree branch_root;
      make_branch_root(branch, root, branch_root);
      if (auto checked = check(*mistake.value, branch_root, pointer, depth + 1); !checked) return checked;
    }
    return refuse(pointer, fmt::format("found {}, allowed: {}", found_text(*mistake.value, *mistake.schema),
                                       allowed_text(*mistake.schema, root)));
  }

  static std::string last_token(const std::string& pointer) {
    std::string token;
    for (size_t i = pointer.rfind('/') + 1; i < pointer.size(); ++i) {
      const bool is_escape = pointer[i] == '~' && i + 1 < pointer.size();
      token += is_escape ? (pointer[++i] == '1' ? '/' : '~') : pointer[i];
    }
    return token;
  }
  result<void> refuse(const std::string& pointer, const std::string& text) {
    return tl::unexpected(m_document.error_at(pointer, text));
  }

  const json_document& m_document;
};

json_tree parsed_schema() {
  json_tree schema;
  schema.Parse(config_schema_text().data(), config_schema_text().size());
  return schema;
}

size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= left.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t k = 1; k <= right.size(); ++k) {
      const size_t changed = diagonal + (left[i - 1] == right[k - 1] ? 0 : 1);
      diagonal = row[k];
      row[k] = std::min({changed, row[k] + 1, row[k - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

result<void> check_schema(const json_document& document) {
  const json_tree schema = parsed_schema();
  return checker(document).check(document.root(), schema, "", 0);
}

std::vector<std::string> top_level_keys() {
  return property_names(parsed_schema());
}

std::string suggestion(std::string_view found, const std::vector<std::string>& known) {
  constexpr size_t longest_key = 64;
  if (found.size() > longest_key) return "";
  const std::string* nearest = nullptr;
  size_t nearest_distance = SIZE_MAX;
  for (const std::string& name : known) {
    const size_t distance = edit_distance(found, name);
    if (distance >= nearest_distance) continue;
    nearest_distance = distance;
    nearest = &name;
  }
  const size_t allowed = std::max<size_t>(1, found.size() / 3);
  if (nearest == nullptr || nearest_distance > allowed) return "";
  return fmt::format(" (did you mean \"{}\"?)", *nearest);
}

}  // namespace campush
