#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "device/camera_config.h"
#include "rtmp/reconnect_gate.h"
#include "rtmp/session_config.h"
#include "server/http_options.h"
#include "util/log.h"

namespace campush {

/// What becomes of system calls that an agent has no use for (app/syscall_filter.h).
enum class seccomp_mode : uint8_t {
  off,
  log,  ///< they pass, and the kernel's log names them
  on,   ///< they fail
};

/// Section `system` of system_config.json.
struct system_options {
  uint32_t max_cameras = 4;
  uint32_t uplink_kbps = 0;  ///< 0: not checked
  log_options log;
  uint32_t io_threads = 1;
  std::string device_id;  ///< never empty after loading: without the key it is the host name
  std::string state_dir = "/var/lib/campush";
  seccomp_mode seccomp = seccomp_mode::off;
  fleet_manners fleet;
};

/// A whole system_config.json, checked, with defaults filled in.
/// Shape: `cameras` holds enabled and disabled cameras in the order of the file, without their disabled streams. `sessions` holds one
///   entry for every enabled camera × enabled stream × enabled destination, in that order; templates are still templates (they are
///   expanded at each attempt), but their {file:PATH} and all other paths are no longer relative to the config file. `warnings`
///   are lines for people ("FILE:LINE:COL: /pointer: …"), at most 65, without secrets; `file_problems` are such lines of files that
///   cannot be used now and may still come (CAs, client certificates, secrets of signatures).
/// Thread: a value type.
struct system_config {
  system_options system;
  std::vector<camera_config> cameras;
  std::vector<session_config> sessions;
  http_options http;
  std::vector<std::string> warnings, file_problems;
};

/// What the configuration says of a stream's codec; what a file without a telling name holds is not known before it is read: none.
codec_id declared_codec(const stream_config& stream);

}  // namespace campush
