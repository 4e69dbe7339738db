#include "app/process_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace campush {

namespace {

std::string read_pid(int descriptor) {
  std::array<char, 16> text{};
  const ssize_t size = ::pread(descriptor, text.data(), text.size() - 1, 0);
  std::string pid(text.data(), size > 0 ? static_cast<size_t>(size) : 0);
  while (!pid.empty() && (pid.back() < '0' || pid.back() > '9')) pid.pop_back();
  return pid.empty() ? "unknown" : pid;
}

/// Made if missing, a folder or a link to one, and writable: the configuration says whose it is.
bool is_writable_folder(const std::string& path) {
  std::error_code failure;
  std::filesystem::create_directories(path, failure);
  return std::filesystem::is_directory(path, failure) && ::access(path.c_str(), W_OK | X_OK) == 0;
}

/// The same where everybody may make names: what another user prepared there, or lets others write to, is not taken.
bool is_own_folder(const std::string& path) {
  ::mkdir(path.c_str(), 0700);
  struct stat entry {};
  if (::lstat(path.c_str(), &entry) != 0 || !S_ISDIR(entry.st_mode)) return false;
  return entry.st_uid == ::geteuid() && (entry.st_mode & (S_IWGRP | S_IWOTH)) == 0 && is_writable_folder(path);
}

/// Where the state goes when the folder that is wanted cannot be written.
struct fallback_folders {
  std::string in_home;  ///< empty: the environment names none
  std::string in_temporary;
};

fallback_folders find_fallbacks() {
  const char* state_home = std::getenv("XDG_STATE_HOME");
  const char* temporary = std::getenv("TMPDIR");
  fallback_folders found;
  if (state_home != nullptr && *state_home == '/') found.in_home = std::string(state_home) + "/campush";
  found.in_temporary = std::string(temporary != nullptr && *temporary != 0 ? temporary : "/tmp") + "/campush-" +
                       std::to_string(::geteuid());
  return found;
}

std::optional<std::string> find_holder(const std::string& folder) {
  const int descriptor = ::open((folder + "/campush.lock").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return std::nullopt;
  const std::string pid = read_pid(descriptor);
  ::close(descriptor);
  std::ifstream program("/proc/" + pid + "/comm");
  std::string name;
  if (!std::getline(program, name) || name != "campush") return std::nullopt;
  return pid;
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

std::optional<std::string> find_running_agent(const std::string& state_dir) {
  const fallback_folders instead = find_fallbacks();
  for (const std::string& folder : {state_dir, instead.in_home, instead.in_temporary}) {
    if (folder.empty()) continue;
    if (auto pid = find_holder(folder)) return pid;
  }
  return std::nullopt;
}

result<state_folder> choose_state_folder(const std::string& wanted) {
  if (is_writable_folder(wanted)) return state_folder{wanted, {}};
  const auto instead = [&wanted](const std::string& path) {
    return state_folder{path, "state_dir " + wanted + " cannot be written, using " + path};
  };
  const fallback_folders others = find_fallbacks();
  if (!others.in_home.empty() && is_writable_folder(others.in_home)) return instead(others.in_home);
  if (is_own_folder(others.in_temporary)) return instead(others.in_temporary);
  return fail(error_code::io_failed, "no folder for the state can be written: " + wanted + ", " + others.in_temporary);
}

}  // namespace campush
