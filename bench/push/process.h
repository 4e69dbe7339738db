#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "util/clock.h"
#include "util/result.h"

namespace campush::bench {

/// CPU time that a process has used, user and kernel, all threads. 0 once it is gone.
duration cpu_time_of(pid_t pid) noexcept;
duration own_cpu_time() noexcept;

time_point now() noexcept;
void sleep_until(time_point due) noexcept;
void sleep_for(duration span) noexcept;

/// Receivers have the last core for themselves and senders the others, as if a network lay between them: a receiver that is woken
/// on the sender's core interrupts it, and the sender pays for that. Inherited by children; nothing happens on a single core.
enum class core_side : uint8_t { senders, receivers };
void take_cores(core_side side) noexcept;

/// What /proc/PID/smaps_rollup says, in bytes. Errors: not_found.
struct memory_use {
  uint64_t pss = 0, rss = 0, private_dirty = 0;
};
[[nodiscard]] result<memory_use> memory_of(pid_t pid);
/// Threads of a process; 0 once it is gone.
uint32_t thread_count_of(pid_t pid) noexcept;

/// A program that this one started and ends.
/// Shape: stdin and stdout are pipes when asked for, else /dev/null; stderr is shared. It dies with this process.
/// Errors: io_failed, not_found.
class child_process {
 public:
  enum class talk : uint8_t { none, pipes };
  [[nodiscard]] static result<child_process> start(const std::vector<std::string>& command, core_side side,
                                                   talk how = talk::none);
  child_process(child_process&& other) noexcept;
  child_process& operator=(child_process&& other) noexcept;
  ~child_process();

  pid_t pid() const noexcept { return m_pid; }
  bool is_running() noexcept;
  void kill(int signal) noexcept;
  /// Sends SIGTERM, after `grace` SIGKILL, and waits for the end.
  void end(duration grace = std::chrono::seconds(2)) noexcept;
  [[nodiscard]] result<void> write_line(const std::string& line);
  /// Errors: timed_out after `limit`, closed_by_peer.
  [[nodiscard]] result<std::string> read_line(duration limit);

 private:
  child_process(pid_t pid, int to, int from) noexcept : m_pid(pid), m_to(to), m_from(from) {}
  void release() noexcept;

  pid_t m_pid = -1;
  int m_to = -1, m_from = -1;
  std::string m_unread;
};

/// Runs `work` in a process of its own on the senders' cores and brings `size` bytes of its outcome back, so that what one measurement leaves behind
/// (heap, threads, pages) does not reach the next. Errors: those of `work`, io_failed when the process died.
using apart_work = std::function<result<void>(void* outcome)>;
[[nodiscard]] result<void> run_apart_raw(void* outcome, size_t size, const apart_work& work);

template <class Outcome, class Work>
result<Outcome> run_apart(Work work) {
  static_assert(std::is_trivially_copyable_v<Outcome>, "it crosses a pipe");
  Outcome outcome{};
  const auto done = run_apart_raw(&outcome, sizeof outcome, [&work](void* into) -> result<void> {
    result<Outcome> measured = work();
    if (!measured) return tl::unexpected<error>(std::move(measured.error()));
    *static_cast<Outcome*>(into) = *measured;
    return {};
  });
  if (!done) return tl::unexpected<error>(done.error());
  return outcome;
}

}  // namespace campush::bench
