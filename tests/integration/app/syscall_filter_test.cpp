#include "app/syscall_filter.h"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

namespace campush {
namespace {

constexpr int no_error = 0, no_filter = 200, child_died = 201;

/// What `attempt` (0, or the errno of what failed) gives in a process of its own that has this filter.
int outcome(seccomp_mode mode, int (*attempt)()) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(apply_syscall_filter(mode) ? attempt() : no_filter);
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return child_died;
  return WEXITSTATUS(status);
}

int error_of(long returned) {
  return returned == -1 ? errno : no_error;
}

int run_a_program() {
  char name[] = "/bin/true";
  char* arguments[] = {name, nullptr};
  return error_of(::execve(name, arguments, nullptr));
}

int begin_a_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  if (child > 0) ::waitpid(child, nullptr, 0);
  return error_of(child);
}

int open_socket(int family, int type, int protocol) {
  return error_of(::socket(family, type, protocol));
}

int map_memory(int protection) {
  return ::mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : no_error;
}

int make_memory_runnable() {
  void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return error_of(::mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

int begin_a_thread() {
  int seen = -1;
  std::thread([&seen] { seen = error_of(::getppid() > 0 ? 0 : -1); }).join();
  return seen;
}

int fail_in_a_thread_of_before() {
  int pipes[2];
  if (::pipe(pipes) != 0) return errno;
  int seen = -1;
  std::thread early([&] {
    char go = 0;
    if (::read(pipes[0], &go, 1) == 1) seen = run_a_program();
  });
  const auto applied = apply_syscall_filter(seccomp_mode::on);
  if (!applied || ::write(pipes[1], "x", 1) != 1) return no_filter;
  early.join();
  return seen;
}

/// Emulators of single programs, and kernels of some devices, have no filters.
class syscall_filter : public testing::Test {
 protected:
  void SetUp() override {
    if (outcome(seccomp_mode::on, [] { return no_error; }) == no_filter) GTEST_SKIP() << "this kernel has no filters";
  }
};

struct attempted_call {
  const char* name;
  int (*attempt)();
  int expected;
};

TEST_F(syscall_filter, refuses_what_an_agent_has_no_use_for) {
  const attempted_call calls[] = {
      {"execve", run_a_program, EPERM},
      {"fork", begin_a_process, EPERM},
      {"unshare", [] { return error_of(::syscall(SYS_unshare, 0)); }, EPERM},
      {"ptrace", [] { return error_of(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }, EPERM},
      {"mount", [] { return error_of(::syscall(SYS_mount, "a", "b", "c", 0, nullptr)); }, EPERM},
      {"bpf", [] { return error_of(::syscall(SYS_bpf, 0, nullptr, 0)); }, EPERM},
      {"keyctl", [] { return error_of(::syscall(SYS_keyctl, 0, 0)); }, EPERM},
      {"memfd_create", [] { return error_of(::syscall(SYS_memfd_create, "a", 0)); }, EPERM},
      {"kill of another process", [] { return error_of(::kill(::getppid(), 0)); }, EPERM},
      {"a signal to another's thread", [] { return error_of(::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0)); },
       EPERM},
      {"no_new_privs and the like", [] { return error_of(::prctl(PR_SET_DUMPABLE, 1)); }, EPERM},
      {"memory written and run", [] { return map_memory(PROT_READ | PROT_WRITE | PROT_EXEC); }, EPERM},
      {"memory run after it was written", make_memory_runnable, EPERM},
      {"a raw socket", [] { return open_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }, EPERM},
      {"a packet socket", [] { return open_socket(AF_PACKET, SOCK_DGRAM, 0); }, EPERM},
      {"netlink for anything but routes", [] { return open_socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT); },
       EPERM},
      {"clone3", [] { return error_of(::syscall(SYS_clone3, nullptr, 0UL)); }, ENOSYS},
  };
  for (const auto& call : calls) EXPECT_EQ(outcome(seccomp_mode::on, call.attempt), call.expected) << call.name;
}

TEST_F(syscall_filter, refuses_in_threads_that_began_before) {
  EXPECT_EQ(outcome(seccomp_mode::off, fail_in_a_thread_of_before), EPERM);
}

TEST_F(syscall_filter, lets_an_agent_work) {
  const attempted_call calls[] = {
      {"a thread", begin_a_thread, no_error},
      {"TCP", [] { return open_socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }, no_error},
      {"DNS", [] { return open_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); }, no_error},
      {"syslog", [] { return open_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); }, no_error},
      {"routes", [] { return open_socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); }, no_error},
      {"a library", [] { return map_memory(PROT_READ | PROT_EXEC); }, no_error},
      {"memory", [] { return map_memory(PROT_READ | PROT_WRITE); }, no_error},
      {"a thread's name", [] { return error_of(::prctl(PR_SET_NAME, "io")); }, no_error},
  };
  for (const auto& call : calls) EXPECT_EQ(outcome(seccomp_mode::on, call.attempt), call.expected) << call.name;
}

TEST_F(syscall_filter, only_logs_where_it_is_to_log) {
  EXPECT_EQ(outcome(seccomp_mode::log, begin_a_process), no_error);
}

TEST_F(syscall_filter, does_nothing_when_off) {
  EXPECT_EQ(outcome(seccomp_mode::off, begin_a_process), no_error);
}

}  // namespace
}  // namespace campush
