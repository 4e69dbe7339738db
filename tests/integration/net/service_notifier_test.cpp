#include "net/service_notifier.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

namespace campush {
namespace {

using namespace std::chrono_literals;

/// A service manager's end: a socket with this name, which `@` puts into the abstract space.
class listening_manager {
 public:
  explicit listening_manager(const std::string& name) : m_name(name) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    const bool is_abstract = name.front() == '@';
    if (is_abstract) at.sun_path[0] = '\0';
    const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1));
    is_bound = ::bind(m_socket, reinterpret_cast<const sockaddr*>(&at), bytes) == 0;
  }
  ~listening_manager() {
    ::close(m_socket);
    if (m_name.front() == '/') ::unlink(m_name.c_str());
  }
  std::string hear() const {
    char text[256];
    const ssize_t got = ::recv(m_socket, text, sizeof text, MSG_DONTWAIT);
    return got < 0 ? "nothing" : std::string(text, static_cast<size_t>(got));
  }
  bool is_bound = false;

 private:
  const std::string m_name;
  const int m_socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

std::string own_name(const std::string& start) {
  return start + "campush_notify_" + std::to_string(::getpid());
}

TEST(service_notifier, sends_datagrams_to_a_path_and_to_an_abstract_name) {
  for (const std::string& name : {own_name(::testing::TempDir()), own_name("@")}) {
    SCOPED_TRACE(name);
    const listening_manager manager(name);
    ASSERT_TRUE(manager.is_bound);
    const service_notifier notifier(name);
    EXPECT_TRUE(notifier.is_connected());
    notifier.send("READY=1\nSTATUS=on");
    notifier.send("WATCHDOG=1");
    EXPECT_EQ(manager.hear(), "READY=1\nSTATUS=on");
    EXPECT_EQ(manager.hear(), "WATCHDOG=1");
  }
}

TEST(service_notifier, does_nothing_without_an_address_that_it_can_use) {
  for (const std::string& name : {std::string(), std::string("relative/path"), std::string("/nobody/listens"),
                                  "@" + std::string(200, 'x'), std::string("vsock:2:1234")}) {
    const service_notifier notifier(name);
    EXPECT_FALSE(notifier.is_connected()) << name;
    notifier.send("READY=1");
  }
}

TEST(service_notifier, never_blocks_on_a_manager_that_does_not_read) {
  const listening_manager manager(own_name("@full"));
  const service_notifier notifier(own_name("@full"));
  for (int i = 0; i < 100'000; ++i) notifier.send("WATCHDOG=1");
  EXPECT_EQ(manager.hear(), "WATCHDOG=1");
}

TEST(watchdog_interval, is_that_of_the_environment_if_it_is_meant_for_this_process) {
  struct row {
    const char* name;
    const char* microseconds;
    const char* pid;
    duration expected;
  };
  for (const row& each : {row{"not set", nullptr, nullptr, 0s}, row{"set", "30000000", nullptr, 30s},
                          row{"for us", "30000000", "77", 30s}, row{"for another", "30000000", "78", 0s},
                          row{"no number", "30s", nullptr, 0s}, row{"negative", "-5", nullptr, 0s},
                          row{"no process", "30000000", "x", 0s}}) {
    EXPECT_EQ(watchdog_interval(each.microseconds, each.pid, 77), each.expected) << each.name;
  }
}

}  // namespace
}  // namespace campush
