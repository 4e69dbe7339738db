#pragma once

#include <cstdint>
#include <vector>

namespace campush {

/// Opus counts in 48 kHz, whatever rate it was made from.
inline constexpr uint32_t opus_sample_rate = 48000;

/// OpusHead (RFC 7845 5.1) for an encoder that does not give one: 312 samples of pre-skip, as libopus has them.
inline std::vector<uint8_t> make_opus_head(uint32_t channels) {
  return {'O',  'p',  'u',  's',  'H', 'e', 'a', 'd', 1, static_cast<uint8_t>(channels),
          0x38, 0x01, 0x80, 0xbb, 0,   0,   0,   0,   0};
}

}  // namespace campush
