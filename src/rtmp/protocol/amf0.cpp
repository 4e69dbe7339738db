#include "rtmp/protocol/amf0.h"

#include <algorithm>

namespace campush {

namespace {

enum marker : uint8_t {
  marker_number = 0x00,
  marker_boolean = 0x01,
  marker_string = 0x02,
  marker_object = 0x03,
  marker_null = 0x05,
  marker_undefined = 0x06,
  marker_ecma_array = 0x08,
  marker_object_end = 0x09,
  marker_strict_array = 0x0A,
  marker_date = 0x0B,
  marker_long_string = 0x0C,
  marker_unsupported = 0x0D,
};

constexpr size_t max_short_string = 0xffff;

amf0_value of_type(amf0_type type) {
  amf0_value value;
  value.type = type;
  return value;
}

void write_string(byte_writer& out, std::string_view text) {
  if (text.size() > max_short_string) {
    out.write_u8(marker_long_string);
    out.write_u32(static_cast<uint32_t>(text.size()));
  } else {
    out.write_u8(marker_string);
    out.write_u16(static_cast<uint16_t>(text.size()));
  }
  out.write_bytes(byte_view::of_text(text));
}

void write_properties(byte_writer& out, const std::vector<amf0_value::property>& properties) {
  for (const auto& [name, value] : properties) {
    // A name has a 16-bit length and no long form.
    const std::string_view wire_name = std::string_view(name).substr(0, max_short_string);
    out.write_u16(static_cast<uint16_t>(wire_name.size()));
    out.write_bytes(byte_view::of_text(wire_name));
    write_amf0(out, value);
  }
  out.write_u16(0);
  out.write_u8(marker_object_end);
}

/// One parse of one value: carries limits and the depth reached.
class amf0_parser {
 public:
  amf0_parser(byte_reader& in, const amf0_limits& limits, uint32_t& budget)
      : m_in(in), m_limits(limits), m_budget(budget) {}

  result<amf0_value> read_value() {
    if (m_budget == 0) return fail(error_code::too_big, "AMF0: too many values");
    --m_budget;
    if (m_in.remaining() == 0) return truncated();
    const uint8_t type = m_in.read_u8();
    switch (type) {
      case marker_number: return checked(amf0_value::of(m_in.read_f64()));
      case marker_boolean: return checked(amf0_value::of(m_in.read_u8() != 0));
      case marker_string: return read_string(m_in.read_u16());
      case marker_long_string: return read_string(m_in.read_u32());
      case marker_null: return amf0_value::null();
      case marker_undefined: return of_type(amf0_type::undefined);
      case marker_unsupported: return of_type(amf0_type::unsupported);
      case marker_date: return read_date();
      case marker_object: return read_nested(&amf0_parser::read_object);
      case marker_ecma_array: return read_nested(&amf0_parser::read_ecma_array);
      case marker_strict_array: return read_nested(&amf0_parser::read_strict_array);
      default: return fail(error_code::malformed, "AMF0: unknown type marker " + std::to_string(type));
    }
  }

 private:
  static tl::unexpected<error> truncated() { return fail(error_code::truncated, "AMF0: value is cut off"); }

  result<amf0_value> checked(amf0_value value) const {
    if (m_in.failed()) return truncated();
    return value;
  }

  result<amf0_value> read_string(uint32_t size) {
    if (m_in.failed()) return truncated();
    if (size > m_limits.max_string_bytes) return fail(error_code::too_big, "AMF0: string is too long");
    const byte_view text = m_in.read_bytes(size);
    if (m_in.failed()) return truncated();
    return amf0_value::of(text.as_text());
  }

  result<amf0_value> read_date() {
    amf0_value value = of_type(amf0_type::date);
    value.number = m_in.read_f64();
    m_in.skip(2);  // time zone: reserved, 0
    return checked(std::move(value));
  }

  result<amf0_value> read_nested(result<amf0_value> (amf0_parser::*read)()) {
    if (m_depth == m_limits.max_depth) return fail(error_code::too_big, "AMF0: nested too deeply");
    ++m_depth;
    result<amf0_value> value = (this->*read)();
    --m_depth;
    return value;
  }

  result<amf0_value> read_object() { return read_properties(amf0_type::object); }

  result<amf0_value> read_ecma_array() {
    m_in.skip(4);  // the count is only a hint: servers write 0 or wrong ones
    return read_properties(amf0_type::ecma_array);
  }

  result<amf0_value> read_properties(amf0_type type) {
    amf0_value value = of_type(type);
    for (;;) {
      const uint16_t name_bytes = m_in.read_u16();
      if (name_bytes > m_limits.max_string_bytes) return fail(error_code::too_big, "AMF0: name is too long");
      const byte_view name = m_in.read_bytes(name_bytes);
      if (m_in.failed() || m_in.remaining() == 0) return truncated();
      if (name.empty() && m_in.rest()[0] == marker_object_end) {
        m_in.skip(1);
        return value;
      }
      result<amf0_value> item = read_value();
      if (!item) return item;
      value.properties.emplace_back(std::string(name.as_text()), std::move(*item));
    }
  }

  result<amf0_value> read_strict_array() {
    const uint32_t count = m_in.read_u32();
    if (m_in.failed()) return truncated();
    if (count > m_budget) return fail(error_code::too_big, "AMF0: too many values");
    amf0_value value = of_type(amf0_type::strict_array);
    for (uint32_t i = 0; i < count; ++i) {
      result<amf0_value> item = read_value();
      if (!item) return item;
      value.properties.emplace_back(std::string(), std::move(*item));
    }
    return value;
  }

  byte_reader& m_in;
  const amf0_limits& m_limits;
  uint32_t& m_budget;
  uint32_t m_depth = 0;
};

}  // namespace

amf0_value amf0_value::of(double value) {
  amf0_value made = of_type(amf0_type::number);
  made.number = value;
  return made;
}

amf0_value amf0_value::of(bool value) {
  amf0_value made = of_type(amf0_type::boolean);
  made.boolean = value;
  return made;
}

amf0_value amf0_value::of(std::string_view value) {
  amf0_value made = of_type(amf0_type::string);
  made.string = value;
  return made;
}

amf0_value amf0_value::null() {
  return of_type(amf0_type::null);
}

amf0_value amf0_value::object(std::vector<property> properties) {
  amf0_value made = of_type(amf0_type::object);
  made.properties = std::move(properties);
  return made;
}

amf0_value amf0_value::ecma_array(std::vector<property> properties) {
  amf0_value made = of_type(amf0_type::ecma_array);
  made.properties = std::move(properties);
  return made;
}

amf0_value amf0_value::strict_array(std::vector<amf0_value> items) {
  amf0_value made = of_type(amf0_type::strict_array);
  for (amf0_value& item : items) made.properties.emplace_back(std::string(), std::move(item));
  return made;
}

const amf0_value* amf0_value::find(std::string_view name) const noexcept {
  if (!is_object()) return nullptr;
  const auto found =
      std::find_if(properties.begin(), properties.end(), [name](const property& each) { return each.first == name; });
  return found == properties.end() ? nullptr : &found->second;
}

std::string_view amf0_value::text(std::string_view name) const noexcept {
  const amf0_value* value = find(name);
  return value != nullptr && value->type == amf0_type::string ? std::string_view(value->string) : std::string_view();
}

void write_amf0(byte_writer& out, const amf0_value& value) {
  switch (value.type) {
    case amf0_type::number:
      out.write_u8(marker_number);
      out.write_f64(value.number);
      return;
    case amf0_type::boolean:
      out.write_u8(marker_boolean);
      out.write_u8(value.boolean ? 1 : 0);
      return;
    case amf0_type::string: write_string(out, value.string); return;
    case amf0_type::object:
      out.write_u8(marker_object);
      write_properties(out, value.properties);
      return;
    case amf0_type::null: out.write_u8(marker_null); return;
    case amf0_type::undefined: out.write_u8(marker_undefined); return;
    case amf0_type::ecma_array:
      out.write_u8(marker_ecma_array);
      out.write_u32(static_cast<uint32_t>(value.properties.size()));
      write_properties(out, value.properties);
      return;
    case amf0_type::strict_array:
      out.write_u8(marker_strict_array);
      out.write_u32(static_cast<uint32_t>(value.properties.size()));
      for (const auto& item : value.properties) write_amf0(out, item.second);
      return;
    case amf0_type::date:
      out.write_u8(marker_date);
      out.write_f64(value.number);
      out.write_u16(0);
      return;
    case amf0_type::unsupported: out.write_u8(marker_unsupported); return;
  }
}

result<amf0_value> read_amf0(byte_reader& in, const amf0_limits& limits, uint32_t& budget) {
  return amf0_parser(in, limits, budget).read_value();
}

result<std::vector<amf0_value>> read_amf0_all(byte_view body, const amf0_limits& limits) {
  std::vector<amf0_value> values;
  byte_reader in(body);
  uint32_t budget = limits.max_values;
  while (in.remaining() != 0) {
    result<amf0_value> value = read_amf0(in, limits, budget);
    if (!value) return tl::unexpected<error>(std::move(value.error()));
    values.push_back(std::move(*value));
  }
  return values;
}

}  // namespace campush
