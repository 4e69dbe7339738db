#pragma once

#include <cstring>
#include <optional>
#include <vector>

#include "device/vendor/camera_hal.h"
#include "media/media_frame.h"

namespace campush {

/// A structure that a plug-in fills, with `size` set and bytes behind it that no honest plug-in touches.
template <class Struct>
struct guarded {
  Struct value{};
  unsigned char guard[64];

  guarded() noexcept { reset(); }
  void reset() noexcept {
    value = Struct{};
    value.size = sizeof(Struct);
    std::memset(guard, guard_byte, sizeof guard);
  }
  bool is_overrun() const noexcept {
    for (const unsigned char byte : guard) {
      if (byte != guard_byte) return true;
    }
    return false;
  }

 private:
  static constexpr unsigned char guard_byte = 0xa5;
};

std::optional<codec_id> codec_of_hal(uint32_t codec) noexcept;
/// 0 for a codec that the interface does not have.
uint32_t hal_of_codec(codec_id codec) noexcept;
const char* hal_result_name(int code) noexcept;
/// The text of a fixed array that may lack its zero byte; what is not printable ASCII becomes '?'.
std::string hal_text(const char* text, size_t capacity);

/// A unit that has been looked at. `payload` points into the plug-in's memory, or into the buffer that joined its parts.
struct checked_unit {
  codec_id codec = codec_id::none;
  byte_view payload;
  int64_t dts_us = 0, pts_us = 0;
  uint32_t sequence = 0;
};

/// What is wrong with a unit, or null when `out` is set. `codecs`: those of the interface that are allowed here.
/// Shape: parts that do not follow each other in memory are copied into `joined`, which grows up to the largest unit.
/// Errors: as one of a few constant texts, so that a plug-in which lies with every unit costs no allocation.
const char* check_unit(const campush_hal_unit& unit, uint32_t codecs, std::vector<uint8_t>& joined, checked_unit& out);

}  // namespace campush
