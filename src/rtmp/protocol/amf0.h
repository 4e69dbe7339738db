#pragma once

#include <string>
#include <utility>
#include <vector>

#include "util/byte_reader.h"
#include "util/byte_writer.h"
#include "util/result.h"

namespace campush {

enum class amf0_type : uint8_t {
  number,
  boolean,
  string,
  object,
  null,
  undefined,
  ecma_array,
  strict_array,
  date,
  unsupported
};

/// One AMF0 value as a tree. Objects and ECMA arrays keep the order of their properties; strict arrays use empty names.
/// Thread: any-thread (a value type).
struct amf0_value {
  using property = std::pair<std::string, amf0_value>;
  amf0_type type = amf0_type::undefined;
  double number = 0;
  bool boolean = false;
  std::string string;
  std::vector<property> properties;

  static amf0_value of(double value);
  static amf0_value of(bool value);
  static amf0_value of(std::string_view value);
  static amf0_value of(const char* value) { return of(std::string_view(value)); }
  static amf0_value null();
  static amf0_value object(std::vector<property> properties = {});
  static amf0_value ecma_array(std::vector<property> properties = {});
  static amf0_value strict_array(std::vector<amf0_value> items);

  bool is_object() const noexcept { return type == amf0_type::object || type == amf0_type::ecma_array; }
  /// The named property of an object or ECMA array, or null.
  const amf0_value* find(std::string_view name) const noexcept;
  /// The named string property, or an empty view.
  std::string_view text(std::string_view name) const noexcept;
};

struct amf0_limits {
  uint32_t max_depth = 8;
  uint32_t max_values = 1024;  ///< in one message
  uint32_t max_string_bytes = 16 * 1024;
};

/// Appends one value. Strings over 65535 bytes become long strings.
void write_amf0(byte_writer& out, const amf0_value& value);

/// Reads one value at the reader's position; `budget` counts down max_values over several calls of one message.
/// Errors: truncated, malformed (unknown marker, missing object end, reference), too_big (any limit).
[[nodiscard]] result<amf0_value> read_amf0(byte_reader& in, const amf0_limits& limits, uint32_t& budget);
/// All values of a message body, e.g. a command: name, transaction id, object, arguments. An AMF3 escape or a value after a broken one
/// is an error of the whole.
[[nodiscard]] result<std::vector<amf0_value>> read_amf0_all(byte_view body, const amf0_limits& limits = {});

}  // namespace campush
