#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "net/event_loop.h"
#include "rtmp/capability_store.h"

namespace campush {

/// What servers answered, kept in a file over restarts: reads it when made, writes it 1 s after the last change, and at save_now().
/// Shape: an empty `path` keeps nothing.
/// Errors: a file that cannot be read or written is logged once for each kind of trouble, and written again after `between_failures`; nothing else suffers.
/// Thread: control-thread; the store itself any-thread. Destroyed after everything that uses the store.
class answer_keeper {
 public:
  static constexpr duration settling = std::chrono::seconds(1), between_failures = std::chrono::seconds(60);

  answer_keeper(event_loop& loop, std::string path);
  answer_keeper(const answer_keeper&) = delete;
  answer_keeper& operator=(const answer_keeper&) = delete;

  capability_store& answers() noexcept { return m_answers; }
  /// Writes what is not written yet.
  void save_now();

 private:
  const std::string m_path;
  std::atomic<bool> m_is_changed{false};
  std::string m_last_problem;
  const std::unique_ptr<loop_timer> m_timer;
  const std::unique_ptr<loop_wakeup> m_wakeup;
  capability_store m_answers;
};

}  // namespace campush
