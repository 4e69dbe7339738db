#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/agent_control.h"

namespace campush {

/// Writes one JSON text. Strings are made valid UTF-8 first, numbers that JSON cannot hold become null; real numbers carry at
/// most three decimals.
/// Errors: none; keys and values must alternate as JSON wants it (checked by RapidJSON's assertions in debug builds).
/// Thread: any-thread (one thread an object).
class json_writer {
 public:
  json_writer();
  ~json_writer();
  json_writer(const json_writer&) = delete;
  json_writer& operator=(const json_writer&) = delete;

  json_writer& begin_object();
  json_writer& end_object();
  json_writer& begin_array();
  json_writer& end_array();
  json_writer& key(std::string_view name);
  json_writer& value(std::string_view text);
  json_writer& value(uint64_t number);
  json_writer& value(int64_t number);
  json_writer& value(double number);
  json_writer& value(bool flag);
  json_writer& null();

  json_writer& member(std::string_view name, std::string_view text) { return key(name).value(text); }
  json_writer& member(std::string_view name, const char* text) { return key(name).value(std::string_view(text)); }
  json_writer& member(std::string_view name, const std::string& text) {
    return key(name).value(std::string_view(text));
  }
  json_writer& member(std::string_view name, uint64_t number) { return key(name).value(number); }
  json_writer& member(std::string_view name, int64_t number) { return key(name).value(number); }
  json_writer& member(std::string_view name, double number) { return key(name).value(number); }
  json_writer& member(std::string_view name, bool flag) { return key(name).value(flag); }

  /// The text so far; the writer is empty afterwards.
  std::string take();

 private:
  struct state;
  std::unique_ptr<state> m_state;
};

/// Bytes that are not UTF-8 replaced by U+FFFD.
std::string to_valid_utf8(std::string_view text);

void write_session(json_writer& out, const session_status& status, time_point now);

}  // namespace campush
