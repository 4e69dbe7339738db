#pragma once

#include <cstdlib>

#include "media/picture_timing.h"

namespace campush {

/// What both codecs promise for any stream: bounded values, DTS that counts pictures, no PTS before its DTS.
inline void fuzz_video_stream(codec_id codec, byte_view stream) {
  const auto require = [](bool condition) {
    if (!condition) std::abort();
  };
  codec_config config(codec);
  annexb_cursor cursor(stream);
  for (nal_unit unit; cursor.next(unit);) {
    const uint32_t version = config.version();
    config.feed(unit);
    require(config.version() - version <= 1);
    config.feed(unit);
  }
  if (config.is_complete()) require(config.width() - 1 < 16384 && config.height() - 1 < 16384);

  picture_timing timing(codec), unlearned(codec);
  for (int pass = 0; pass < 2; ++pass) {
    access_unit_splitter splitter(codec);
    require(splitter.append(stream).has_value());
    splitter.finish();
    timing.start_over();
    for (byte_view access_unit; splitter.next(access_unit);) {
      const bool has_picture = inspect_access_unit(codec, access_unit, config.highest_temporal_id()).has_picture;
      if (pass == 0) timing.learn(access_unit);
      if (pass == 0) continue;
      const auto times = timing.next(access_unit);
      const auto other = unlearned.next(access_unit);
      require(!times || has_picture);
      require(times.has_value() == other.has_value());
      if (!times) continue;
      require(times->composition <= 48 && other->composition <= 48);
      require(times->decode_index == other->decode_index);
    }
  }
}

}  // namespace campush
