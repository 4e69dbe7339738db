#pragma once

#include <chrono>
#include <cstdint>

namespace campush {

/// How a session comes back (DESIGN 5). Plain data; config keys in rtmp.* and rtmp.retry.*.
struct retry_policy {
  bool auto_reconnect = true;
  uint32_t max_attempts = 10;  ///< passes over all URLs; 0 = for ever
  std::chrono::milliseconds initial_delay{1000};
  std::chrono::milliseconds max_delay{60000};
  double jitter = 0.2;  ///< share of the delay, either way; 0 is exact
  std::chrono::seconds stable{30};
  std::chrono::seconds rest{900};  ///< after gave_up; 0 = never again
  std::chrono::seconds busy_wait{120};
  std::chrono::milliseconds failover_splay{0};
};

struct failback_policy {
  bool enabled = true;
  std::chrono::seconds after{300};
};

}  // namespace campush
