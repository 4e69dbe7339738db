#include "rtmp/url_template.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "rtmp/secret_file.h"

namespace campush {

namespace {

constexpr size_t longest_template = 8192;
constexpr size_t longest_expansion = 65536;
constexpr std::string_view environment_prefix = "env:", file_prefix = "file:";

std::string at_column(size_t column) {
  return " at column " + std::to_string(column);
}

/// How many single-byte edits lead from one name to the other.
size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= from.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= to.size(); ++j) {
      const size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[to.size()];
}

std::string known_names() {
  std::string text;
  for (std::string_view name : url_template_variables()) text.append(name).append(", ");
  return text + "env:NAME, file:PATH";
}

/// Names the known variable that was meant, never what was typed: that may be part of a key with braces in it.
std::string unknown_variable(std::string_view typed, size_t column) {
  std::string text = "unknown variable" + at_column(column);
  if (typed.size() <= 64) {
    for (std::string_view name : url_template_variables()) {
      if (edit_distance(typed, name) <= 3) return text + ", did you mean {" + std::string(name) + "}?";
    }
  }
  return text + ", allowed are " + known_names() + "; {{ is a literal brace";
}

bool is_environment_name(std::string_view name) {
  const auto is_name_byte = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), is_name_byte) && !(name[0] >= '0' && name[0] <= '9');
}

bool is_path(std::string_view path) {
  return !path.empty() && std::all_of(path.begin(), path.end(), [](char c) { return static_cast<uint8_t>(c) >= 0x20; });
}

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

result<std::string> environment_value(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return fail(error_code::not_found, "environment variable " + name + " is not set");
  if (*value == '\0') return fail(error_code::invalid_argument, "environment variable " + name + " is empty");
  return std::string(value);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

result<std::string> variable_value(const std::string& name, const url_template::variables& values) {
  const auto found = values.find(name);
  if (found != values.end()) return found->second;
  if (name == "hostname") return host_name();
  return fail(error_code::invalid_argument, "no value for {" + name + "}");
}

}  // namespace

const url_variable_names& url_template_variables() noexcept {
  static constexpr url_variable_names names = {"camera_id",   "stream_id", "stream_name",
                                               "camera_name", "device_id", "hostname"};
  return names;
}

url_template::url_template(std::string text) : m_text(std::move(text)) {
  if (m_text.empty()) m_problem = "template is empty";
  if (m_text.size() > longest_template) m_problem = "template over " + std::to_string(longest_template) + " bytes";
  if (m_problem.empty()) parse();
  if (!m_problem.empty()) m_parts.clear();
}

void url_template::parse() {
  std::string literal;
  size_t at = 0;
  while (at < m_text.size() && m_problem.empty()) {
    const char c = m_text[at];
    const bool is_doubled = at + 1 < m_text.size() && m_text[at + 1] == c;
    if (c != '{' && c != '}') {
      literal += c;
      ++at;
    } else if (is_doubled) {
      literal += c;
      at += 2;
    } else if (c == '}') {
      m_problem = "'}' without '{'" + at_column(at + 1) + ", write }} for a literal brace";
    } else {
      const size_t end = m_text.find_first_of("{}", at + 1);
      if (end == std::string::npos || m_text[end] == '{') {
        m_problem = "'{' is never closed" + at_column(at + 1) + ", write {{ for a literal brace";
        break;
      }
      if (!literal.empty()) m_parts.push_back({part_kind::literal, std::exchange(literal, {}), 0});
      add_variable(std::string_view(m_text).substr(at + 1, end - at - 1), at + 1);
      at = end + 1;
    }
  }
  if (!literal.empty()) m_parts.push_back({part_kind::literal, std::move(literal), 0});
}

void url_template::add_variable(std::string_view name, size_t column) {
  const auto& known = url_template_variables();
  if (name.empty()) {
    m_problem = "empty variable name" + at_column(column) + ", allowed are " + known_names();
  } else if (starts_with(name, environment_prefix)) {
    name.remove_prefix(environment_prefix.size());
    if (!is_environment_name(name)) m_problem = "bad environment variable name" + at_column(column) + ", as {env:NAME}";
    m_parts.push_back({part_kind::environment, std::string(name), column});
  } else if (starts_with(name, file_prefix)) {
    name.remove_prefix(file_prefix.size());
    if (!is_path(name)) m_problem = "bad path" + at_column(column) + ", as {file:/etc/campush/key}";
    m_parts.push_back({part_kind::file, std::string(name), column});
  } else if (std::find(known.begin(), known.end(), name) != known.end()) {
    m_parts.push_back({part_kind::variable, std::string(name), column});
  } else {
    m_problem = unknown_variable(name, column);
  }
}

result<void> url_template::check() const {
  if (m_text.empty()) return fail(error_code::invalid_argument, "template is empty");
  if (!m_problem.empty()) return fail(error_code::invalid_argument, m_problem);
  return {};
}

bool url_template::has_variables() const noexcept {
  return std::any_of(m_parts.begin(), m_parts.end(), [](const part& p) { return p.kind != part_kind::literal; });
}

result<std::string> url_template::value_of(const part& wanted, const variables& values) {
  switch (wanted.kind) {
    case part_kind::literal: return wanted.text;
    case part_kind::variable: return variable_value(wanted.text, values);
    case part_kind::environment: return environment_value(wanted.text);
    case part_kind::file: return first_line_of_secret_file(wanted.text);
  }
  return wanted.text;
}

result<url_template::expansion> url_template::expand_marked(const variables& values) const {
  if (auto checked = check(); !checked) return tl::unexpected(std::move(checked).error());
  expansion made;
  for (const part& next : m_parts) {
    auto value = value_of(next, values);
    if (!value) return tl::unexpected(wrap(std::move(value).error(), "template" + at_column(next.column)));
    if (made.text.size() + value->size() > longest_expansion) {
      return fail(error_code::too_big, "template expands to over " + std::to_string(longest_expansion) + " bytes");
    }
    made.text += *value;
    if (next.kind != part_kind::environment && next.kind != part_kind::file) continue;
    made.has_secret = true;
    made.secrets.push_back(std::move(*value));
  }
  if (made.text.empty()) return fail(error_code::invalid_argument, "template expands to nothing");
  return made;
}

result<std::string> url_template::expand(const variables& values) const {
  auto made = expand_marked(values);
  if (!made) return tl::unexpected(std::move(made).error());
  return std::move(made->text);
}

}  // namespace campush
