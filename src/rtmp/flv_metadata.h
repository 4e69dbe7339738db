#pragma once

#include <string>
#include <vector>

#include "rtmp/flv_tag.h"

namespace campush {

/// What onMetaData says of a stream. A field that is 0 or none is left out: ZLMediaKit makes its tracks from this message, so it
/// must not promise what does not come (facts/rtmp 1.7).
/// Units: frame_rate in pictures/s, rates in kbit/s, sample_rate in Hz.
struct flv_metadata {
  codec_id video_codec = codec_id::none;
  codec_id audio_codec = codec_id::none;
  uint32_t width = 0, height = 0;
  double frame_rate = 0;
  uint32_t video_kbps = 0, audio_kbps = 0;
  uint32_t sample_rate = 0, channels = 0;
  std::string encoder;
};

/// The body of the data message: "@setDataFrame", "onMetaData", an ECMA array. In a dialect that cannot carry the video codec
/// (H.265 in legacy) the video's fields are missing.
/// Thread: any-thread.
std::vector<uint8_t> make_metadata_body(const flv_metadata& facts, video_dialect dialect);

}  // namespace campush
