#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace campush::vm {

using bytes = std::vector<uint8_t>;

/// The pictures that a test prepared: each as its length (4 bytes, big endian) and its Annex-B bytes. Empty if the file is unusable.
inline std::vector<bytes> read_access_units(const std::string& path) {
  std::vector<bytes> units;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return units;
  uint8_t prefix[4];
  while (std::fread(prefix, 1, sizeof prefix, file) == sizeof prefix) {
    const uint32_t size = uint32_t{prefix[0]} << 24 | uint32_t{prefix[1]} << 16 | uint32_t{prefix[2]} << 8 | prefix[3];
    bytes unit(size);
    if (size > (1U << 24) || std::fread(unit.data(), 1, size, file) != size) {
      units.clear();
      break;
    }
    units.push_back(std::move(unit));
  }
  std::fclose(file);
  return units;
}

}  // namespace campush::vm
