#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/system_config.h"
#include "rtmp/multi_session_manager.h"

namespace campush {

/// What has to happen so that a running agent does what another system_config says, and nothing else: whatever is the same in both
/// keeps running untouched.
/// Shape: lists are in the order of the configurations. To be carried out as: destroy sessions, stop cameras, restart cameras, start
///   cameras, replace sessions (destroy, then create), create sessions; so that no address is pushed to twice at once. Enabled
///   cameras only: one that is switched off is in cameras_to_stop. `needs_process_restart` names the keys that a running process
///   cannot change; their old values stay in force.
/// Thread: a value type.
struct reload_plan {
  std::vector<uint32_t> cameras_to_stop;
  std::vector<camera_config> cameras_to_restart;
  std::vector<camera_config> cameras_to_start;
  std::vector<session_id> sessions_to_destroy;
  std::vector<session_config> sessions_to_replace;
  std::vector<session_config> sessions_to_create;
  std::optional<log_level> level;  ///< only the level differs: set_log_level() is enough
  std::optional<log_options> log;  ///< more differs: configure_logging()
  std::optional<http_options> http;
  std::vector<std::string> needs_process_restart;

  bool empty() const noexcept;
  /// "1 camera restarted, 2 sessions created, log level": one line for the log; "nothing changed" when empty().
  std::string summary() const;
};

/// Thread: any-thread (pure).
reload_plan make_reload_plan(const system_config& running, const system_config& wanted);

}  // namespace campush
