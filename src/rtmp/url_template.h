#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace campush {

/// A URL with variables: "rtmp://server/live/cam{camera_id}_{stream_name}".
/// Shape: {name} is a variable, {{ and }} are literal braces, everything else is taken byte for byte. {env:NAME} and
///   {file:PATH} (first line of the file, at most 4096 bytes, without line end) are read anew at each expand(); both are secrets.
///   {hostname} is the system's name where `values` has none.
/// Errors: parse errors are kept and returned by expand() and by check(): invalid_argument with the column and what is
///   allowed (unclosed brace, lone brace, empty name, unknown variable, empty template, over 8192 bytes). At expand():
///   invalid_argument for a variable without value, an empty result, an empty secret, a path that is no regular file;
///   not_found / permission_denied / io_failed / too_big for a file; not_found for an unset environment variable. No text of an
///   error holds a value.
/// Thread: any-thread; expand() reads files.
class url_template {
 public:
  url_template() = default;
  explicit url_template(std::string text);

  using variables = std::map<std::string, std::string>;
  /// Not [[nodiscard]]: a firmware's old call `t.expand(…)` compiles.
  result<std::string> expand(const variables& values) const;

  struct expansion {
    std::string text;
    bool has_secret = false;           ///< an env or file variable took part
    std::vector<std::string> secrets;  ///< their values, for masking
  };
  [[nodiscard]] result<expansion> expand_marked(const variables& values) const;

  /// Checked without values: braces and names. Empty when all is well.
  [[nodiscard]] result<void> check() const;
  const std::string& text() const noexcept { return m_text; }
  bool has_variables() const noexcept;

 private:
  enum class part_kind : uint8_t { literal, variable, environment, file };
  struct part {
    part_kind kind = part_kind::literal;
    std::string text;
    size_t column = 0;
  };
  void parse();
  void add_variable(std::string_view name, size_t column);
  static result<std::string> value_of(const part& wanted, const variables& values);

  std::string m_text;
  std::vector<part> m_parts;
  std::string m_problem;
};

/// The plain variable names that templates know: camera_id, stream_id, stream_name, camera_name, device_id, hostname.
using url_variable_names = std::array<std::string_view, 6>;
const url_variable_names& url_template_variables() noexcept;

}  // namespace campush
