#include "config/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

namespace campush {

namespace {

namespace json = campush_config_rapidjson;

constexpr size_t max_file_bytes = 1u << 20;
constexpr size_t max_depth = 32;
constexpr size_t max_shown_characters = 60;
// Not kParseFullPrecisionFlag: it counts the leading zeros of 0 for "0e40" (undefined), and 0.2 is exact without it.
constexpr unsigned parse_flags = json::kParseIterativeFlag | json::kParseValidateEncodingFlag;

bool is_continuation_byte(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0u) == 0x80u;
}

text_position position_of(std::string_view text, size_t offset) {
  text_position position;
  for (size_t i = 0; i < std::min(offset, text.size()); ++i) {
    if (text[i] == '\n') {
      ++position.line;
      position.column = 1;
    } else if (!is_continuation_byte(text[i])) {
      ++position.column;
    }
  }
  return position;
}

std::vector<std::string> split_pointer(std::string_view pointer) {
  std::vector<std::string> tokens;
  for (size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      tokens.emplace_back();
    } else if (tokens.empty()) {
      break;
    } else if (pointer[i] == '~' && i + 1 < pointer.size()) {
      tokens.back() += pointer[++i] == '1' ? '/' : '~';
    } else {
      tokens.back() += pointer[i];
    }
  }
  return tokens;
}

/// Walks the events of one reading of the text: refuses what our files must not hold, and finds where a wanted pointer stands.
/// A handler is told of a token after it was taken (containers: before), so that starts are found backwards from there.
class text_walker {
 public:
  text_walker(std::string_view text, const json::MemoryStream& stream) : m_text(text), m_stream(stream) {}
  void want(std::vector<std::string> tokens) { m_wanted = std::move(tokens); }

  bool Null() { return on_value(word_start()); }
  bool Bool(bool) { return on_value(word_start()); }
  bool Int(int) { return on_value(word_start()); }
  bool Uint(unsigned) { return on_value(word_start()); }
  bool Int64(int64_t) { return on_value(word_start()); }
  bool Uint64(uint64_t) { return on_value(word_start()); }
  bool Double(double) { return on_value(word_start()); }
  bool RawNumber(const char*, json::SizeType, bool) { return on_value(word_start()); }
  bool String(const char* text, json::SizeType length, bool) {
    const size_t start = string_start();
    return has_no_nul({text, length}, start) && on_value(start);
  }
  bool StartObject() { return on_value(m_stream.Tell()) && enter(false); }
  bool StartArray() { return on_value(m_stream.Tell()) && enter(true); }
  bool EndObject(json::SizeType) { return leave(); }
  bool EndArray(json::SizeType) { return leave(); }
  bool Key(const char* text, json::SizeType length, bool) {
    m_key_start = string_start();
    frame& object = m_frames.back();
    object.label.assign(text, length);
    if (!has_no_nul(object.label, m_key_start)) return false;
    if (!object.keys.insert(object.label).second) {
      return refuse(m_key_start, fmt::format("the key \"{}\" is given twice", printable(object.label)));
    }
    return true;
  }

  const std::string& problem() const { return m_problem; }
  size_t problem_offset() const { return m_problem_offset; }
  bool has_found() const { return m_has_found; }
  size_t found_offset(place part) const { return part == place::key ? m_found_key : m_found_value; }

 private:
  struct frame {
    bool is_array = false;
    size_t next_index = 0;
    std::string label;
    std::set<std::string> keys;
  };

  size_t string_start() const {
    size_t i = m_stream.Tell() - 1;
    while (i > 0) {
      --i;
      if (m_text[i] != '"') continue;
      // Inside the string every quote has an odd number of backslashes before it.
      size_t backslashes = 0;
      while (backslashes < i && m_text[i - 1 - backslashes] == '\\') ++backslashes;
      if (backslashes % 2 == 0) break;
    }
    return i;
  }
  size_t word_start() const {
    size_t i = m_stream.Tell();
    while (i > 0 && std::string_view(" \t\r\n,:[").find(m_text[i - 1]) == std::string_view::npos) --i;
    return i;
  }
  bool refuse(size_t offset, std::string problem) {
    m_problem = std::move(problem);
    m_problem_offset = offset;
    return false;
  }
  bool has_no_nul(std::string_view text, size_t start) {
    return text.find('\0') == std::string_view::npos || refuse(start, "a string holds a NUL character");
  }
  bool enter(bool is_array) {
    if (m_frames.size() == max_depth) {
      return refuse(m_stream.Tell(), fmt::format("nested deeper than {} levels", max_depth));
    }
    m_frames.emplace_back();
    m_frames.back().is_array = is_array;
    return true;
  }
  bool leave() {
    m_frames.pop_back();
    return true;
  }
  bool on_value(size_t start) {
    if (!m_frames.empty() && m_frames.back().is_array) {
      m_key_start = start;
      m_frames.back().label = std::to_string(m_frames.back().next_index++);
    }
    if (!m_wanted || m_wanted->size() != m_frames.size()) return true;
    if (!std::equal(m_frames.begin(), m_frames.end(), m_wanted->begin(),
                    [](const frame& level, const std::string& token) { return level.label == token; })) {
      return true;
    }
    m_has_found = true;
    m_found_value = start;
    m_found_key = m_frames.empty() ? start : m_key_start;
    return false;
  }

  std::string_view m_text;
  const json::MemoryStream& m_stream;
  std::vector<frame> m_frames;
  std::optional<std::vector<std::string>> m_wanted;
  bool m_has_found = false;
  size_t m_key_start = 0, m_found_key = 0, m_found_value = 0;
  std::string m_problem;
  size_t m_problem_offset = 0;
};

/// RapidJSON's words, except where people who edit by hand go wrong.
std::string parse_problem(std::string_view text, json::ParseErrorCode code, size_t offset) {
  const char found = offset < text.size() ? text[offset] : '\0';
  if (offset >= text.size()) return "the text ends too early";
  if (found == '/' || found == '#') return "comments are not allowed: this is plain JSON";
  const bool is_name_missing = code == json::kParseErrorObjectMissName;
  if ((is_name_missing && found == '}') || (code == json::kParseErrorValueInvalid && found == ']')) {
    return fmt::format("a comma before {} is not allowed: this is plain JSON", found);
  }
  if (is_name_missing || (code == json::kParseErrorValueInvalid && found == '\'')) {
    return "names and texts stand in double quotes";
  }
  return json::GetParseError_En(code);
}

std::string at(std::string_view name, text_position position, std::string_view message) {
  return fmt::format("{}:{}:{}: {}", name, position.line, position.column, message);
}

std::string shown_pointer(std::string_view pointer) {
  if (pointer.empty()) return "/";
  std::string shown;
  for (const std::string& token : split_pointer(pointer)) shown += "/" + printable(token);
  return shown;
}

result<void> check_text(const std::string& text, const std::string& name) {
  if (text.size() > max_file_bytes) {
    return fail(error_code::too_big,
                fmt::format("{}: {} bytes, allowed: at most {}", name, text.size(), max_file_bytes));
  }
  // The reader takes a NUL for the end and would ignore what follows it.
  const size_t nul = text.find('\0');
  if (nul != std::string::npos) {
    return fail(error_code::malformed, at(name, position_of(text, nul), "a NUL byte: this is not a text file"));
  }
  json::MemoryStream stream(text.data(), text.size());
  text_walker walker(text, stream);
  json::Reader reader;
  const json::ParseResult parsed = reader.Parse<parse_flags>(stream, walker);
  if (!parsed.IsError()) return {};
  const bool is_ours = !walker.problem().empty();
  const size_t offset = is_ours ? walker.problem_offset() : parsed.Offset();
  const std::string problem = is_ours ? walker.problem() : parse_problem(text, parsed.Code(), offset);
  return fail(error_code::malformed, at(name, position_of(text, offset), problem));
}

}  // namespace

result<json_document> json_document::parse(std::string text, std::string name) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (std::string_view(text).substr(0, 3) == byte_order_mark) text.erase(0, 3);
  if (auto checked = check_text(text, name); !checked) return tl::unexpected(checked.error());
  json_document document;
  document.m_text = std::move(text);
  document.m_name = std::move(name);
  json::MemoryStream stream(document.m_text.data(), document.m_text.size());
  document.m_root.ParseStream<parse_flags>(stream);
  return document;
}

text_position json_document::locate(std::string_view pointer, place part) const {
  std::vector<std::string> tokens = split_pointer(pointer);
  for (;;) {
    json::MemoryStream stream(m_text.data(), m_text.size());
    text_walker walker(m_text, stream);
    walker.want(tokens);
    json::Reader reader;
    reader.Parse<parse_flags>(stream, walker);
    if (walker.has_found() || tokens.empty()) return position_of(m_text, walker.found_offset(part));
    tokens.pop_back();
  }
}

std::string json_document::line_at(std::string_view pointer, std::string_view message, place part) const {
  return at(m_name, locate(pointer, part), fmt::format("{}: {}", shown_pointer(pointer), message));
}

error json_document::error_at(std::string_view pointer, std::string_view message, place part) const {
  return {error_code::invalid_argument, line_at(pointer, message, part)};
}

std::string child_pointer(std::string_view pointer, std::string_view key) {
  std::string child(pointer);
  child += '/';
  for (const char c : key) {
    if (c == '~') {
      child += "~0";
    } else if (c == '/') {
      child += "~1";
    } else {
      child += c;
    }
  }
  return child;
}

std::string child_pointer(std::string_view pointer, size_t index) {
  return child_pointer(pointer, std::to_string(index));
}

std::string printable(std::string_view text) {
  if (text.find("://") != std::string_view::npos) return "(hidden)";
  std::string shown;
  size_t characters = 0;
  for (const char c : text) {
    if (!is_continuation_byte(c) && ++characters > max_shown_characters) return shown + "…";
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  return shown;
}

const json_value* find_member(const json_value& parent, std::string_view key) {
  if (!parent.IsObject()) return nullptr;
  const auto member =
      parent.FindMember(json_value(json::StringRef(key.data(), static_cast<json::SizeType>(key.size()))));
  return member == parent.MemberEnd() ? nullptr : &member->value;
}

std::string_view text_of(const json_value& value) {
  return value.IsString() ? std::string_view(value.GetString(), value.GetStringLength()) : std::string_view();
}

}  // namespace campush
