#pragma once

#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace campush {

/// A network of the test's own: this thread moves into an empty network namespace, where `ip` and `nft` may do anything.
/// Shape: why_not() says why it could not be made (no permission, no tool); the thread then stays where it was. As root it is a plain
///   namespace, else one inside a user namespace. It ends with the process; a further object makes a further one.
/// Thread: any, but the process should have no other yet.
class private_network {
 public:
  private_network() {
    if (std::system("ip -V >/dev/null 2>&1") != 0) {
      m_why_not = "no `ip` program (iproute2)";
    } else if (::unshare(CLONE_NEWNET) != 0 && !become_root_of_own()) {
      m_why_not = "no network namespace can be made here";
    } else if (!run("ip link set lo up")) {
      m_why_not = "the new network namespace cannot be configured";
    }
  }
  const std::string& why_not() const noexcept { return m_why_not; }
  /// Commands for the shell; false if one fails.
  static bool run(const std::string& commands) { return std::system(("set -e; " + commands).c_str()) == 0; }

 private:
  /// Programs that are started keep their rights only where this user is called root.
  static bool become_root_of_own() {
    const std::string user = std::to_string(::getuid());
    const std::string group = std::to_string(::getgid());
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " + user + " 1";
    std::ofstream("/proc/self/gid_map") << "0 " + group + " 1";
    return true;
  }
  std::string m_why_not;
};

}  // namespace campush
