#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/endpoint.h"

namespace campush {

using lookup_answer = result<std::vector<endpoint>>;
/// Asks the name service and blocks as long as that takes. Ports in the answer are 0.
using blocking_lookup = std::function<lookup_answer(const std::string& host)>;

/// Somebody who waits for a name. The pool holds it until the answer is there.
class lookup_waiter {
 public:
  virtual ~lookup_waiter() = default;
  /// On a worker's thread.
  virtual void on_answer(const std::shared_ptr<const lookup_answer>& answer) = 0;
  /// Any thread: the answer is not wanted any more; a query that only such waiters want is not started.
  std::atomic<bool> is_cancelled{false};
};

/// The threads that block in the name service, at most `max_workers` over all loops.
/// Shape: one query a name under way, however many ask. A worker that hangs is not waited for: the next query gets
///   another one; when all hang, queries wait for the first that comes back. Workers are detached and never joined, so
///   that neither a loop nor the process waits for getaddrinfo; one that idles for 5 s ends.
/// Thread: any-thread.
class lookup_pool {
 public:
  lookup_pool(blocking_lookup lookup, size_t max_workers);
  /// Does not wait: workers that hang keep what they need and end when they come back. Waiters are let go.
  ~lookup_pool();
  lookup_pool(const lookup_pool&) = delete;
  lookup_pool& operator=(const lookup_pool&) = delete;

  void ask(const std::string& host, std::shared_ptr<lookup_waiter> waiter);
  size_t workers() const;

  /// The process's own, on getaddrinfo with at most 8 workers, never destroyed. The first call sets RES_OPTIONS to
  /// "timeout:2 attempts:1" unless the user has set it: make it before other threads start.
  static std::shared_ptr<lookup_pool> of_process();

 private:
  struct state;
  const std::shared_ptr<state> m_state;
};

/// getaddrinfo for TCP, in the system's order (RFC 6724), at most 16 addresses. Errors: name_not_resolved, name_service_failed.
[[nodiscard]] lookup_answer look_up_by_system(const std::string& host);

}  // namespace campush
