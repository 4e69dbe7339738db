#pragma once

#include <string>
#include <vector>

#include "media/media_frame.h"
#include "util/result.h"

namespace campush {

/// What `campush devices` prints. Every list function looks at the machine as it is now, changes nothing, and leaves out what it may not
/// open, with the reason in `error`. Thread: any-thread.

struct frame_size_report {
  uint32_t width = 0, height = 0;          ///< for a range: its largest
  uint32_t min_width = 0, min_height = 0;  ///< 0: one discrete size
  std::vector<double> frame_rates;         ///< highest first; of a range its two ends
};
struct camera_format_report {
  std::string fourcc, description;  ///< "H264", the driver's words
  bool is_compressed = false;
  std::vector<frame_size_report> sizes;
};
struct control_report {
  std::string name;  ///< the driver's words
  int64_t minimum = 0, maximum = 0, value = 0;
  bool is_read_only = false;
};
struct camera_report {
  std::string device, name, driver, bus,
      serial_link;  ///< serial_link: /dev/v4l/by-id/… where there is one, for the config
  bool can_stream = false, can_read = false, is_multiplanar = false,
       is_encoder = false;  ///< is_encoder: memory-to-memory
  std::vector<camera_format_report> formats;
  std::vector<control_report> controls;
  std::string error;
};
struct microphone_report {
  std::string device, name;  ///< "hw:CARD=Loopback,DEV=1", "Loopback PCM"
  uint32_t min_rate = 0, max_rate = 0, min_channels = 0, max_channels = 0;
  std::string error;
};

std::vector<camera_report> list_cameras();
std::vector<microphone_report> list_microphones();

}  // namespace campush
