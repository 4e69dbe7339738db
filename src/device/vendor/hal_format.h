#pragma once

#include "device/vendor/camera_hal.h"
#include "device/vendor/plugin_report.h"

namespace campush {

/// What open() of a plug-in said, checked.
struct hal_opened {
  codec_id codec = codec_id::none;
  uint32_t codecs = 0;  ///< of the interface: what may come out of this channel
  uint32_t width = 0, height = 0, bitrate_kbps = 0;
  uint32_t min_bitrate_kbps = 0, max_bitrate_kbps = 0;
  double frame_rate = 0;
  uint32_t sample_rate = 0, audio_channels = 0;
  std::vector<uint8_t> config;
};

/// Errors: malformed, with what open said and what is allowed.
[[nodiscard]] result<hal_opened> check_format(const campush_hal_format& format, const plugin_channel_report& channel);

}  // namespace campush
