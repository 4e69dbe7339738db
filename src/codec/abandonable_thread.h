#pragma once

#include <memory>

#include "util/clock.h"
#include "util/result.h"

namespace campush {

/// A thread for calls that may never come back (drivers of hardware encoders), with what they work on. The owner waits for each call only
/// so long; after that the thread is given up with its subject, and destroys it if the call ever returns.
/// Shape: begin(), run() as often as wanted. Between calls the owner may touch the subject; after a run() that gave false nobody may.
///   The subject is destroyed on the thread: closing a device may hang as well.
/// Errors: begin() gives that of the system, or io_failed while `most_abandoned` threads of this process hang already.
/// Thread: one thread.
class abandonable_thread {
 public:
  class subject {
   public:
    virtual ~subject() = default;
  };
  using job = void (*)(subject&) noexcept;
  static constexpr int most_abandoned = 8;

  static result<std::unique_ptr<abandonable_thread>> begin(std::unique_ptr<subject> worked_on);
  abandonable_thread(const abandonable_thread&) = delete;
  abandonable_thread& operator=(const abandonable_thread&) = delete;
  /// Waits for the end as long as for a call: `farewell`.
  ~abandonable_thread();

  /// False: it did not return in time, or had been given up before.
  [[nodiscard]] bool run(job call, duration limit) noexcept;

  /// How many threads of this process hang now.
  static int abandoned() noexcept;

 private:
  struct shared_state;
  explicit abandonable_thread(std::shared_ptr<shared_state> state) : m_state(std::move(state)) {}

  std::shared_ptr<shared_state> m_state;
};

}  // namespace campush
