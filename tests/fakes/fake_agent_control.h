#pragma once

#include <vector>

#include "fakes/fake_clock.h"
#include "server/agent_control.h"

namespace campush {

/// An agent whose every answer is a field.
class fake_agent_control final : public agent_control {
 public:
  const clock& time() const override { return now; }
  agent_summary summary() const override { return agent; }
  std::vector<session_status> sessions() const override { return all; }
  session_totals totals() const override { return sums; }
  std::vector<stream_status> streams() const override { return all_streams; }
  std::vector<camera_summary> cameras() const override { return all_cameras; }
  result<void> retry(const session_id& id) override {
    retried.push_back(id);
    return {};
  }

  fake_clock now;
  agent_summary agent;
  std::vector<session_status> all;
  session_totals sums;
  std::vector<stream_status> all_streams;
  std::vector<camera_summary> all_cameras;
  std::vector<session_id> retried;
};

inline session_status make_status(uint32_t camera_id, const char* destination, session_state state) {
  session_status status;
  status.camera_id = camera_id;
  status.stream_name = "main";
  status.destination = destination;
  status.state = state;
  status.reason = state == session_state::connected ? disconnect_reason::none : disconnect_reason::connect_refused;
  status.is_acknowledging = state == session_state::connected;
  status.url = "rtmp://server/live/cam0_main";
  return status;
}

}  // namespace campush
