#pragma once

#include <cstdint>

namespace campush {

/// What a server explicitly said of itself in its answer to connect (Enhanced RTMP v1 and v2, either object of `_result`).
/// Thread: any-thread (a value type).
/// Source: facts/rtmp 4.2 to 4.4.
struct server_capabilities {
  bool has_video_list = false;      ///< videoFourCcInfoMap or fourCcList was there
  bool takes_hevc = false;          ///< "hvc1" or "*" in it, with CanDecode or CanForward (or listed)
  bool has_reconnect = false;       ///< capsEx bit 0
  bool refuses_properties = false;  ///< connect failed with our Enhanced properties and worked without
  friend bool operator==(const server_capabilities& left, const server_capabilities& right) noexcept {
    return left.has_video_list == right.has_video_list && left.takes_hevc == right.takes_hevc &&
           left.has_reconnect == right.has_reconnect && left.refuses_properties == right.refuses_properties;
  }
};

}  // namespace campush
