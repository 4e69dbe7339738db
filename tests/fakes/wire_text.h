#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace campush {

/// Bytes from a notation for golden vectors: hex pairs, and text in single quotes: `02 00 04 'hvc1'`. Spaces and bars are ignored.
inline std::vector<uint8_t> wire(std::string_view notation) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < notation.size(); ++i) {
    if (notation[i] == ' ' || notation[i] == '|' || notation[i] == '\n') continue;
    if (notation[i] == '\'') {
      for (++i; notation[i] != '\''; ++i) bytes.push_back(static_cast<uint8_t>(notation[i]));
      continue;
    }
    bytes.push_back(static_cast<uint8_t>(digit(notation[i]) * 16 + digit(notation[i + 1])));
    ++i;
  }
  return bytes;
}

}  // namespace campush
