#include "device/sound/node_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>

namespace campush {

void node_watch::start() noexcept {
  if (m_descriptor >= 0) return;
  m_descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (m_descriptor < 0) return;
  // A node is made by the kernel and opened up by udev later: both count.
  constexpr uint32_t events = IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR;
  if (::inotify_add_watch(m_descriptor, m_folder.c_str(), events) >= 0) return;
  const std::string parent = m_folder.substr(0, m_folder.rfind('/'));
  if (parent.empty() || ::inotify_add_watch(m_descriptor, parent.c_str(), IN_CREATE | IN_ONLYDIR) < 0) stop();
}

void node_watch::stop() noexcept {
  if (m_descriptor >= 0) ::close(m_descriptor);
  m_descriptor = -1;
}

/// A folder that has come or gone since is watched anew: its watch went with it.
void node_watch::forget() noexcept {
  if (m_descriptor < 0) return;
  std::array<char, 1024> events{};
  bool has_changed = false;
  while (::read(m_descriptor, events.data(), events.size()) > 0) has_changed = true;
  if (!has_changed) return;
  stop();
  start();
}

}  // namespace campush
