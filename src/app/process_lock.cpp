#include "app/process_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace campush {

namespace {

std::string read_pid(int descriptor) {
  std::array<char, 16> text{};
  const ssize_t size = ::pread(descriptor, text.data(), text.size() - 1, 0);
  std::string pid(text.data(), size > 0 ? static_cast<size_t>(size) : 0);
  while (!pid.empty() && (pid.back() < '0' || pid.back() > '9')) pid.pop_back();
  return pid.empty() ? "unknown" : pid;
}

/// Made if missing, a folder, owned by us or by root, and writable: a folder that another user prepared in /tmp is not taken.
bool is_usable(const std::string& path) {
  std::error_code failure;
  std::filesystem::create_directories(path, failure);
  struct stat entry {};
  if (::lstat(path.c_str(), &entry) != 0 || !S_ISDIR(entry.st_mode)) return false;
  if (entry.st_uid != ::geteuid() && entry.st_uid != 0) return ::geteuid() == 0;
  return ::access(path.c_str(), W_OK | X_OK) == 0;
}

}  // namespace

result<process_lock> process_lock::acquire(const std::string& state_dir) {
  const std::string path = state_dir + "/campush.lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (descriptor < 0) return tl::unexpected(error_from_errno(errno, path));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    const std::string pid = read_pid(descriptor);
    ::close(descriptor);
    if (reason == EWOULDBLOCK) return fail(error_code::busy, "already running, pid " + pid + " (" + path + ")");
    return tl::unexpected(error_from_errno(reason, path));
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  // The number is for people only: a full disk must not keep the agent from running.
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, pid.data(), pid.size(), 0) < 0) errno = 0;
  return process_lock(descriptor);
}

process_lock::~process_lock() {
  if (m_descriptor >= 0) ::close(m_descriptor);
}

result<state_folder> choose_state_folder(const std::string& wanted) {
  if (is_usable(wanted)) return state_folder{wanted, {}};
  const char* state_home = std::getenv("XDG_STATE_HOME");
  const char* temporary = std::getenv("TMPDIR");
  const std::string in_temporary = std::string(temporary != nullptr && *temporary != 0 ? temporary : "/tmp") +
                                   "/campush-" + std::to_string(::geteuid());
  std::vector<std::string> candidates;
  if (state_home != nullptr && *state_home == '/') candidates.push_back(std::string(state_home) + "/campush");
  candidates.push_back(in_temporary);
  for (const std::string& candidate : candidates) {
    if (is_usable(candidate))
      return state_folder{candidate, "state_dir " + wanted + " cannot be written, using " + candidate};
  }
  return fail(error_code::io_failed, "no folder for the state can be written: " + wanted + ", " + in_temporary);
}

}  // namespace campush
