#include "device/v4l2/node_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <exception>

namespace campush {

namespace {

/// The permissions of a node come after the node itself, hence IN_ATTRIB.
constexpr uint32_t watched_events = IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_ONLYDIR;

std::string folder_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string link_target(const std::string& path) {
  std::array<char, 4096> text{};
  const ssize_t size = ::readlink(path.c_str(), text.data(), text.size());
  if (size <= 0) return {};
  const std::string target(text.data(), static_cast<size_t>(size));
  return target.front() == '/' ? target : folder_of(path) + "/" + target;
}

}  // namespace

void node_watch::arm() noexcept {
  disarm();
  m_descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (m_descriptor < 0) return;
  try {
    watch_folder_of(m_path);
    const std::string node = link_target(m_path);
    if (!node.empty()) watch_folder_of(node);
  } catch (const std::exception&) {
    // No memory for a path: found again by trying.
    disarm();
  }
}

void node_watch::disarm() noexcept {
  if (m_descriptor >= 0) ::close(m_descriptor);
  m_descriptor = -1;
}

void node_watch::watch_folder_of(const std::string& path) {
  std::string folder = folder_of(path);
  while (::inotify_add_watch(m_descriptor, folder.c_str(), watched_events) < 0 && folder != "/" && folder != ".") {
    folder = folder_of(folder);
  }
}

}  // namespace campush
