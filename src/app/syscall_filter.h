#pragma once

#include "config/system_config.h"
#include "util/result.h"

namespace campush {

/// Takes from this process, for good and in all of its threads, the system calls that an agent has no use for once it has started:
/// programs and processes of its own, other processes' memory, mounts, modules, raw and packet sockets, memory that can be written and
/// run. docs/decisions/0020 says how the list came about.
/// Shape: `log` lets them pass and has the kernel log them; `on` fails them with EPERM, clone3 with ENOSYS, which sends the C library
///   to clone; another architecture's calls end the process. `off` does nothing.
/// Errors: unsupported where the build or the kernel has no filters; nothing is taken away then.
/// Thread: control-thread, before the threads that carry streams begin.
[[nodiscard]] result<void> apply_syscall_filter(seccomp_mode mode);

/// Whether this build can filter at all.
bool has_syscall_filter() noexcept;

}  // namespace campush
