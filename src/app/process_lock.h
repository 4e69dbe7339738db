#pragma once

#include <optional>
#include <string>
#include <vector>

#include "util/result.h"

namespace campush {

/// Keeps a second agent from running on the same state folder. Held until destroyed or the process ends, however it ends.
/// Shape: an flock on state_dir/campush.lock, which holds the pid for people.
/// Thread: control-thread.
class process_lock {
 public:
  /// Errors: busy ("already running, pid N"), permission_denied, io_failed.
  [[nodiscard]] static result<process_lock> acquire(const std::string& state_dir);

  process_lock(process_lock&& other) noexcept : m_descriptor(other.m_descriptor) { other.m_descriptor = -1; }
  process_lock& operator=(process_lock&&) = delete;
  process_lock(const process_lock&) = delete;
  ~process_lock();

 private:
  explicit process_lock(int descriptor) noexcept : m_descriptor(descriptor) {}
  int m_descriptor = -1;
};

/// The pid of an agent that holds the lock of this folder, or of one that choose_state_folder() takes instead, as far as its
/// file and /proc tell; nothing is locked or made.
std::optional<std::string> find_running_agent(const std::string& state_dir);

/// `wanted`, made if missing, when it can be written; else $XDG_STATE_HOME/campush, else a folder of the user's own in the
/// temporary directory. `warning` says what was done instead, empty if nothing had to be.
/// Errors: io_failed when no folder at all can be written.
struct state_folder {
  std::string path;
  std::string warning;
};
[[nodiscard]] result<state_folder> choose_state_folder(const std::string& wanted);

}  // namespace campush
