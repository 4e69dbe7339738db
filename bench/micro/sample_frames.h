#pragma once

#include <vector>

#include "media/media_frame.h"

namespace campush::bench {

/// A keyframe with parameter sets, `slice_bytes` of random slice data without a start code in it.
inline std::vector<uint8_t> sample_keyframe(size_t slice_bytes) {
  std::vector<uint8_t> bytes = {0,    0,    0,    1,    0x67, 0x64, 0x00, 0x28, 0xac, 0xb2, 0x00, 0xf0,
                                0x04, 0x4f, 0xcb, 0x80, 0x88, 0x00, 0x00, 0x03, 0x00, 0x08, 0x00, 0x00,
                                0x03, 0x01, 0x90, 0x78, 0xc1, 0x92, 0x40, 0,    0,    0,    1,    0x68,
                                0xeb, 0xc3, 0xcb, 0x22, 0xc0, 0,    0,    0,    1,    0x65, 0x88, 0x84};
  uint32_t state = 1;
  size_t zeros = 0;
  for (size_t i = 0; i < slice_bytes; ++i) {
    state = state * 1664525 + 1013904223;
    auto byte = static_cast<uint8_t>(state >> 8);
    if (zeros >= 2 && byte <= 3) byte |= 4;
    zeros = byte == 0 ? zeros + 1 : 0;
    bytes.push_back(byte);
  }
  bytes.push_back(0x80);
  return bytes;
}

inline media_frame sample_frame(const std::vector<uint8_t>& bytes, time_point at) {
  media_frame frame;
  frame.codec = codec_id::h264;
  frame.dts = frame.pts = frame.capture_time = at;
  frame.is_keyframe = true;
  frame.payload = bytes;
  return frame;
}

}  // namespace campush::bench
