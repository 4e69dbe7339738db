#include "plugin_caller.h"

#include <optional>
#include <thread>

#include "device/vendor/hal_unit.h"

namespace campush {

struct plugin_caller::shared_state {
  std::mutex mutex;
  std::condition_variable changed;
  std::function<int()> next;  // guarded by mutex, like all below
  std::optional<int> code;
  std::function<std::string()> last_error;
  std::string words;
  bool has_thrown = false, is_ending = false, has_ended = false;

  void run() {
    std::unique_lock<std::mutex> hold(mutex);
    for (;;) {
      changed.wait(hold, [&] { return next || is_ending; });
      if (!next) break;
      const auto function = std::move(next);
      next = nullptr;
      hold.unlock();
      int result = 0;
      bool threw = false;
      std::string said;
      try {
        result = function();
        if (result < 0 && result != CAMPUSH_HAL_AGAIN && last_error) said = last_error();
      } catch (...) {
        threw = true;
      }
      hold.lock();
      code = result;
      has_thrown = threw;
      words = std::move(said);
      changed.notify_all();
    }
    has_ended = true;
    changed.notify_all();
  }
};

plugin_caller::plugin_caller() : m_shared(std::make_shared<shared_state>()) {
  std::thread([shared = m_shared] { shared->run(); }).detach();
}

plugin_caller::~plugin_caller() {
  std::unique_lock<std::mutex> hold(m_shared->mutex);
  m_shared->is_ending = true;
  m_shared->changed.notify_all();
  if (!m_is_stuck) m_shared->changed.wait(hold, [&] { return m_shared->has_ended; });
}

plugin_caller::call_result plugin_caller::call(const std::string& name, duration limit, std::function<int()> function) {
  call_result out;
  if (m_is_stuck) {
    out.text = name + " was not called: " + m_stuck_text;
    return out;
  }
  const time_point begin = m_time.now();
  std::unique_lock<std::mutex> hold(m_shared->mutex);
  m_shared->code.reset();
  m_shared->last_error = m_last_error;
  m_shared->next = std::move(function);
  m_shared->changed.notify_all();
  const bool is_back = m_shared->changed.wait_for(hold, limit, [&] { return m_shared->code.has_value(); });
  out.took = m_time.now() - begin;
  if (!is_back) {
    m_is_stuck = true;
    out.text = m_stuck_text = name + " has not returned within " + std::to_string(limit.count() / 1000) + " ms";
    return out;
  }
  out.end = m_shared->has_thrown ? call_end::threw : call_end::returned;
  out.code = *m_shared->code;
  out.text =
      name + (m_shared->has_thrown ? " threw an exception"
                                   : " returned " + std::to_string(out.code) + " (" + hal_result_name(out.code) + ")");
  if (!m_shared->words.empty()) out.text += ": " + m_shared->words;
  return out;
}

}  // namespace campush
