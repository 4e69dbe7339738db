#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "util/clock.h"

namespace campush {

/// Makes calls into a plug-in on one thread and waits for each no longer than it may take. A call that does not come back is left behind
/// with what it refers to; nothing is called after it.
/// Thread: one thread.
class plugin_caller {
 public:
  plugin_caller();
  ~plugin_caller();
  plugin_caller(const plugin_caller&) = delete;
  plugin_caller& operator=(const plugin_caller&) = delete;

  enum class call_end : uint8_t { returned, threw, stuck };
  struct call_result {
    call_end end = call_end::stuck;
    int code = 0;
    duration took{};
    /// "open returned -6 (failed)", "open has not returned within 5 s", with the plug-in's own words.
    std::string text;
    bool is(int expected) const { return end == call_end::returned && code == expected; }
  };
  /// What `function` refers to must be owned by it.
  call_result call(const std::string& name, duration limit, std::function<int()> function);
  /// Asked for after a call that failed, on the same thread. May be empty.
  void set_last_error(std::function<std::string()> last_error) { m_last_error = std::move(last_error); }
  bool is_stuck() const { return m_is_stuck; }
  /// "get has not returned within 1000 ms"; empty without such a call.
  const std::string& stuck_text() const { return m_stuck_text; }

 private:
  struct shared_state;
  std::shared_ptr<shared_state> m_shared;
  std::function<std::string()> m_last_error;
  std::string m_stuck_text;
  bool m_is_stuck = false;
  system_clock m_time;
};

}  // namespace campush
