#include "server/json.h"

#include <cmath>

#include "server/rapidjson.h"

namespace campush {

namespace {

/// Length of the UTF-8 sequence that starts at `at`, 0 if it is not one (RFC 3629: no overlong forms, no surrogates).
size_t sequence_length(std::string_view text, size_t at) noexcept {
  const auto byte = [&](size_t offset) -> uint32_t {
    return at + offset < text.size() ? static_cast<uint8_t>(text[at + offset]) : 0u;
  };
  const auto is_tail = [&](size_t offset) { return (byte(offset) & 0xc0) == 0x80; };
  const uint32_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0 && is_tail(1)) return 2;
  if (first >= 0xe0 && first < 0xf0 && is_tail(1) && is_tail(2)) {
    const uint32_t point = (first & 0x0f) << 12 | (byte(1) & 0x3f) << 6;
    return point >= 0x800 && (point < 0xd800 || point > 0xdfff) ? 3 : 0;
  }
  if (first >= 0xf0 && first < 0xf5 && is_tail(1) && is_tail(2) && is_tail(3)) {
    const uint32_t point = (first & 0x07) << 18 | (byte(1) & 0x3f) << 12;
    return point >= 0x10000 && point < 0x110000 ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_length(text, at);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      ++at;
    } else {
      out.append(text, at, length);
      at += length;
    }
  }
  return out;
}

struct json_writer::state {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer{buffer};
  state() { writer.SetMaxDecimalPlaces(3); }
};

json_writer::json_writer() : m_state(std::make_unique<state>()) {}
json_writer::~json_writer() = default;

json_writer& json_writer::begin_object() {
  m_state->writer.StartObject();
  return *this;
}
json_writer& json_writer::end_object() {
  m_state->writer.EndObject();
  return *this;
}
json_writer& json_writer::begin_array() {
  m_state->writer.StartArray();
  return *this;
}
json_writer& json_writer::end_array() {
  m_state->writer.EndArray();
  return *this;
}
json_writer& json_writer::key(std::string_view name) {
  m_state->writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  return *this;
}
json_writer& json_writer::value(std::string_view text) {
  const std::string valid = to_valid_utf8(text);
  m_state->writer.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
  return *this;
}
json_writer& json_writer::value(uint64_t number) {
  m_state->writer.Uint64(number);
  return *this;
}
json_writer& json_writer::value(int64_t number) {
  m_state->writer.Int64(number);
  return *this;
}
json_writer& json_writer::value(double number) {
  if (!std::isfinite(number)) return null();
  m_state->writer.Double(number);
  return *this;
}
json_writer& json_writer::value(bool flag) {
  m_state->writer.Bool(flag);
  return *this;
}
json_writer& json_writer::null() {
  m_state->writer.Null();
  return *this;
}

std::string json_writer::take() {
  std::string text(m_state->buffer.GetString(), m_state->buffer.GetSize());
  m_state->buffer.Clear();
  m_state->writer.Reset(m_state->buffer);
  return text;
}

}  // namespace campush
