#include "app/answer_keeper.h"

#include "util/log.h"

namespace campush {

answer_keeper::answer_keeper(event_loop& loop, std::string path)
    : m_path(std::move(path)),
      m_timer(loop.make_timer([this] { save_now(); })),
      // Several sessions learn at once when an agent starts: one write for all.
      m_wakeup(loop.make_wakeup([this] { m_timer->arm_after(settling); })),
      m_answers([this] {
        m_is_changed.store(true);
        m_wakeup->signal();
      }) {
  if (m_path.empty()) return;
  const auto loaded = m_answers.load(m_path);
  if (loaded || loaded.error().code == error_code::not_found) return;
  log_warn(log_module::app, "what servers can is learned anew: {}", loaded.error().message);
}

void answer_keeper::save_now() {
  m_timer->cancel();
  if (m_path.empty() || !m_is_changed.exchange(false)) return;
  const auto saved = m_answers.save(m_path);
  const std::string problem = saved ? std::string() : saved.error().message;
  if (!problem.empty() && problem != m_last_problem) {
    log_warn(log_module::app, "what servers can is not kept over a restart: {}", problem);
  }
  m_last_problem = problem;
  if (saved) return;
  m_is_changed.store(true);
  m_timer->arm_after(between_failures);
}

}  // namespace campush
