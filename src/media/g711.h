#pragma once

#include <cstdint>

namespace campush {

/// G.711 is one byte a sample; over RTMP only 8 kHz mono is interoperable (facts/rtmp 1.5).
inline constexpr uint32_t g711_sample_rate = 8000;
/// 20 ms.
inline constexpr uint32_t g711_samples_per_frame = 160;
/// The byte that decodes to silence: A-law 0xD5, mu-law 0xFF (ITU-T G.711).
inline constexpr uint8_t g711a_silence = 0xd5, g711u_silence = 0xff;

}  // namespace campush
