#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rtmp/reconnect_gate.h"
#include "rtmp/retry_policy.h"

namespace campush::fleet {

/// A fleet of agents of one site, in simulated time: switched on together, then their primary dies, then it comes back.
/// Units: counts; times from the moment of switching on.
struct plan {
  uint32_t cameras = 9900;  ///< agents of one session
  uint32_t recorders = 100;
  uint32_t sessions_per_recorder = 64;
  bool has_backup = true;
  double accepts_per_s =
      2000;  ///< what one server works off; what waits longer than the agents do is worked off for nothing
  std::chrono::seconds dies_at{600}, returns_at{840}, ends_at{1800};
  retry_policy retry;
  failback_policy failback;
  fleet_manners manners;
};

/// One stretch of the story, beginning with what happened.
struct stretch {
  std::string name;
  uint32_t peak[2] = {0, 0};  ///< most connection attempts in one second, at the primary and at the backup
  uint64_t attempts = 0;      ///< in all
  double seconds_to_99 = -1;  ///< until 99 % publish again, or are home; -1: never in this stretch
};

struct outcome {
  std::vector<uint32_t> arrivals[2];  ///< connection attempts in each second, primary and backup
  std::vector<uint32_t> publishing;   ///< sessions that publish at the end of each second
  std::vector<stretch> stretches;     ///< switched on, primary lost, primary back
};

/// The agents are the real connection_manager and reconnect_gate; only network and servers are played. It repeats exactly.
outcome run(const plan& plan);

}  // namespace campush::fleet
