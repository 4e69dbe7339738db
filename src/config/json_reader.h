#pragma once

#include <string>
#include <string_view>

#include "config/rapidjson.h"
#include "util/result.h"

namespace campush {

/// Both count from 1; columns count characters, not bytes.
struct text_position {
  size_t line = 1;
  size_t column = 1;
};

/// Which part of a member a position means.
enum class place : uint8_t { value, key };

/// A JSON text that was read whole, with the way back from a JSON pointer to its line and column.
/// Shape: pointers are RFC 6901 texts ("/cameras/0/name", "" for the top). Positions are found by reading the text again, when an
///   error or a warning needs one, so that a good file costs no map.
/// Errors: parse: too_big (over 1 MiB), malformed (not plain JSON: comments, trailing commas, deeper than 32, a key given twice,
///   bytes that are not UTF-8, NUL). Every message is one line "NAME:LINE:COL: what".
/// Thread: any-thread (a value type).
class json_document {
 public:
  [[nodiscard]] static result<json_document> parse(std::string text, std::string name);

  json_tree& root() noexcept { return m_root; }
  const json_tree& root() const noexcept { return m_root; }

  /// "NAME:LINE:COL: /pointer: message".
  std::string line_at(std::string_view pointer, std::string_view message, place part = place::value) const;
  error error_at(std::string_view pointer, std::string_view message, place part = place::value) const;
  /// Of a value that is not there: where the object stands that would hold it.
  text_position locate(std::string_view pointer, place part = place::value) const;

 private:
  json_document() = default;
  std::string m_text;
  std::string m_name;
  json_tree m_root;
};

/// pointer + "/" + key, escaped as RFC 6901 says.
std::string child_pointer(std::string_view pointer, std::string_view key);
std::string child_pointer(std::string_view pointer, size_t index);

/// A short text from the file made fit for an error line: control bytes escaped, at most 60 characters, and nothing of it when it
/// looks like an address, which may hold a stream key.
std::string printable(std::string_view text);

/// The member `key` of an object, or null when there is none or `parent` is not an object.
const json_value* find_member(const json_value& parent, std::string_view key);
std::string_view text_of(const json_value& value);

}  // namespace campush
