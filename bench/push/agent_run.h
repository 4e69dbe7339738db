#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/push/drain.h"

namespace campush::bench {

/// A stream of the agent's configuration: clip files, and how many servers it goes to.
struct agent_stream {
  std::string video_path, audio_path;
  uint32_t frame_rate = 25, destinations = 1;
  wire_kind wire = wire_kind::plain;
};

/// The shipped program, `campush run`, on a configuration written for it: file sources, HTTP on a free port, one camera with all streams or
/// cameras of `streams_per_camera` streams each.
/// Errors: io_failed, timed_out when not all sessions connect.
/// Thread: the one that measures.
class agent_run {
 public:
  [[nodiscard]] static result<agent_run> start(const std::string& program, const std::string& folder,
                                               const std::vector<agent_stream>& streams, drain_process& drain,
                                               size_t streams_per_camera = SIZE_MAX);

  pid_t pid() const noexcept { return m_process.pid(); }
  /// By name, over `window`, all threads: `strace -c -f`. Errors: not_found without strace, permission_denied.
  [[nodiscard]] result<std::map<std::string, uint64_t>> count_system_calls(duration window) const;

 private:
  agent_run(child_process process, std::string folder) noexcept
      : m_process(std::move(process)), m_folder(std::move(folder)) {}

  child_process m_process;
  std::string m_folder;
};

}  // namespace campush::bench
