#include "app/syscall_filter.h"

#if CAMPUSH_HAS_SECCOMP

#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "app/syscall_names.h"

namespace campush {

namespace {

struct context_release {
  void operator()(void* context) const noexcept { seccomp_release(context); }
};
using filter_context = std::unique_ptr<void, context_release>;

/// A call that is allowed with some of its arguments only. A name may stand here more than once: any of its lines will do.
/// The kernel compares numbers: what an argument points at is out of reach.
struct conditional_call {
  const char* name;
  unsigned argument;
  uint64_t mask, value;
};

constexpr uint64_t all_bits = 0xffffffff;
constexpr uint64_t write_and_run = PROT_WRITE | PROT_EXEC;

constexpr conditional_call conditional_calls[] = {
    // Threads, no processes.
    {"clone", 0, CLONE_THREAD, CLONE_THREAD},
    // Libraries are mapped to be run; nothing is ever both written and run, nor made runnable later.
    {"mmap", 2, write_and_run, 0},
    {"mmap", 2, write_and_run, PROT_WRITE},
    {"mmap", 2, write_and_run, PROT_EXEC},
    {"mmap2", 2, write_and_run, 0},
    {"mmap2", 2, write_and_run, PROT_WRITE},
    {"mmap2", 2, write_and_run, PROT_EXEC},
    {"mprotect", 2, PROT_EXEC, 0},
    {"prctl", 0, all_bits, PR_SET_NAME},
    {"prctl", 0, all_bits, PR_GET_NAME},
};

/// Where an agent speaks to: servers, callers of its HTTP, the log daemon, sound servers, and netlink for routes and addresses. Raw
/// and packet sockets and all other families stay away.
struct socket_kind {
  uint64_t family, type, protocol;
};
constexpr uint64_t any_protocol = ~uint64_t{0};
constexpr uint64_t type_bits = 0xf;  ///< without SOCK_CLOEXEC and SOCK_NONBLOCK
constexpr socket_kind socket_kinds[] = {
    {AF_UNIX, SOCK_STREAM, any_protocol},  {AF_UNIX, SOCK_DGRAM, any_protocol},
    {AF_INET, SOCK_STREAM, any_protocol},  {AF_INET, SOCK_DGRAM, any_protocol},
    {AF_INET6, SOCK_STREAM, any_protocol}, {AF_INET6, SOCK_DGRAM, any_protocol},
    {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE}, {AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE},
};

scmp_arg_cmp when(unsigned argument, uint64_t mask, uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

int allow_calls(scmp_filter_ctx context) {
  for (const char* name : syscall_names) {
    const int number = seccomp_syscall_resolve_name(name);
    // Each architecture and each libseccomp lacks some.
    if (number == __NR_SCMP_ERROR) continue;
    if (const int failed = seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0); failed != 0) return failed;
  }
  return 0;
}

int allow_conditional_calls(scmp_filter_ctx context) {
  for (const conditional_call& call : conditional_calls) {
    const int number = seccomp_syscall_resolve_name(call.name);
    if (number == __NR_SCMP_ERROR) continue;
    const scmp_arg_cmp condition = when(call.argument, call.mask, call.value);
    if (const int failed = seccomp_rule_add_array(context, SCMP_ACT_ALLOW, number, 1, &condition); failed != 0) {
      return failed;
    }
  }
  // abort() and the C library signal their own threads.
  const scmp_arg_cmp own_process = when(0, all_bits, static_cast<uint64_t>(::getpid()));
  return seccomp_rule_add_array(context, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &own_process);
}

int allow_sockets(scmp_filter_ctx context) {
  for (const socket_kind& kind : socket_kinds) {
    const scmp_arg_cmp conditions[] = {when(0, all_bits, kind.family), when(1, type_bits, kind.type),
                                       when(2, all_bits, kind.protocol)};
    const unsigned count = kind.protocol == any_protocol ? 2 : 3;
    const int failed = seccomp_rule_add_array(context, SCMP_ACT_ALLOW, SCMP_SYS(socket), count, conditions);
    if (failed != 0) return failed;
  }
  return 0;
}

int describe(scmp_filter_ctx context, seccomp_mode mode) {
  // Threads that run already: those of signals, logs and what a plug-in began when the configuration asked it for its channels.
  if (const int failed = seccomp_attr_set(context, SCMP_FLTATR_CTL_TSYNC, 1); failed != 0) return failed;
  // The kernel's log then names each call it refused. Kernels before 4.14 cannot, and refuse it all the same.
  static_cast<void>(seccomp_attr_set(context, SCMP_FLTATR_CTL_LOG, 1));
  if (const int failed = allow_calls(context); failed != 0) return failed;
  if (const int failed = allow_conditional_calls(context); failed != 0) return failed;
  if (const int failed = allow_sockets(context); failed != 0) return failed;
  // Its flags lie in memory, where a filter cannot tell a thread from a process; without it the C library takes clone.
  const int clone3 = seccomp_syscall_resolve_name("clone3");
  const uint32_t action = mode == seccomp_mode::log ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS);
  return clone3 == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(context, action, clone3, 0);
}

}  // namespace

result<void> apply_syscall_filter(seccomp_mode mode) {
  if (mode == seccomp_mode::off) return {};
  const filter_context context(seccomp_init(mode == seccomp_mode::log ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(EPERM)));
  if (!context)
    return fail(error_code::unsupported, "system.seccomp: this kernel cannot do it; the key has to be \"off\"");
  int failed = describe(context.get(), mode);
  if (failed == 0) failed = seccomp_load(context.get());
  if (failed == 0) return {};
  return tl::unexpected(wrap({error_code::unsupported, error_from_errno(-failed, "the kernel takes no filter").message},
                             "system.seccomp"));
}

bool has_syscall_filter() noexcept {
  return true;
}

}  // namespace campush

#else

namespace campush {

result<void> apply_syscall_filter(seccomp_mode mode) {
  if (mode == seccomp_mode::off) return {};
  return fail(
      error_code::unsupported,
      "system.seccomp: this build has no filters (CAMPUSH_WITH_SECCOMP, Debian: libseccomp-dev); the key has to "
      "be \"off\"");
}

bool has_syscall_filter() noexcept {
  return false;
}

}  // namespace campush

#endif
