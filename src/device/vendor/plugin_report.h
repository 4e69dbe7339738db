#pragma once

#include <string>
#include <vector>

#include "media/media_frame.h"
#include "util/result.h"

namespace campush {

/// One channel of a plug-in, as it describes it. 0: not said.
struct plugin_channel_report {
  track_kind kind = track_kind::video;
  uint32_t channel = 0, camera = 0;
  std::string name;
  std::vector<codec_id> codecs;
  uint32_t max_width = 0, max_height = 0, min_bitrate_kbps = 0, max_bitrate_kbps = 0;
  double max_frame_rate = 0;
  uint32_t max_sample_rate = 0, max_audio_channels = 0;
};

/// What a plug-in says of itself, for `campush devices` and for the limits that the configuration is held to.
struct plugin_report {
  std::string path, name, vendor, version;
  std::string interface_version;  ///< "1.0": what it was compiled against
  uint32_t cameras = 0;
  uint32_t max_encoders = 0;  ///< video channels that may be open at once; never 0 where there are video channels
  bool is_parallel = false;   ///< channels do not wait for each other
  bool has_keyframe_request = false, has_set_bitrate = false, has_set_codec = false;
  std::vector<plugin_channel_report> video, audio;
};

/// Loads the plug-in (once a process: it stays loaded) and returns what it said when it was loaded.
/// Errors: not_found, permission_denied, io_failed (the loader's own words); unsupported (another major version); malformed (no entry
///   symbol, a required function is missing, a description out of bounds); timed_out (it did not answer within 5 s). Texts name the
///   path, what was found and what is allowed.
/// Thread: any-thread; takes up to 5 s.
[[nodiscard]] result<plugin_report> describe_plugin(const std::string& path);

}  // namespace campush
