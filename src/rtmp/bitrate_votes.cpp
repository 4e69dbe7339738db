#include "rtmp/bitrate_votes.h"

#include <algorithm>

#include "util/log.h"

namespace campush {

namespace {

constexpr duration ask_every = std::chrono::seconds(1), ask_again_after_failure = std::chrono::seconds(5);
constexpr uint64_t least_change_percent = 3;

uint64_t distance(uint64_t left, uint64_t right) noexcept {
  return left > right ? left - right : right - left;
}

}  // namespace

void bitrate_votes::set_control(std::shared_ptr<stream_control> control) noexcept {
  if (control == m_control) return;
  m_control = std::move(control);
  m_asked = 0;
  m_not_before = time_point{};
  m_is_unsupported = m_must_repeat = false;
}

void bitrate_votes::vote(const void* voter, const bitrate_vote& wanted, time_point now) {
  const auto found =
      std::find_if(m_votes.begin(), m_votes.end(), [voter](const entry& each) { return each.voter == voter; });
  if (found == m_votes.end()) {
    m_votes.push_back({voter, wanted});
  } else {
    found->wanted = wanted;
  }
  if (now >= m_not_before) ask(lowest(), now);
}

void bitrate_votes::withdraw(const void* voter, time_point now) noexcept {
  const auto end = std::remove_if(m_votes.begin(), m_votes.end(), [voter](const entry& e) { return e.voter == voter; });
  if (end == m_votes.end()) return;
  m_votes.erase(end, m_votes.end());
  if (!m_votes.empty()) {
    if (now >= m_not_before) ask(lowest(), now);
  } else if (m_last.ceiling_kbps > 0) {
    // Nobody votes any more who could ask later.
    ask({m_last.ceiling_kbps, m_last.floor_kbps, m_last.ceiling_kbps}, now);
  }
}

bitrate_vote bitrate_votes::lowest() const noexcept {
  return std::min_element(m_votes.begin(), m_votes.end(),
                          [](const entry& a, const entry& b) { return a.wanted.kbps < b.wanted.kbps; })
      ->wanted;
}

bool bitrate_votes::is_worth_asking(const bitrate_vote& wanted) const noexcept {
  if (wanted.kbps == 0) return false;
  // An encoder that nobody spoke to runs at its configured rate.
  const uint32_t running = m_asked > 0 ? m_asked : wanted.ceiling_kbps;
  if (wanted.kbps == running) return m_must_repeat && m_asked > 0;
  if (m_must_repeat || wanted.kbps == wanted.floor_kbps || wanted.kbps == wanted.ceiling_kbps) return true;
  return distance(wanted.kbps, running) * 100 >= least_change_percent * running;
}

void bitrate_votes::ask(const bitrate_vote& wanted, time_point now) noexcept {
  if (!m_control || m_is_unsupported || !is_worth_asking(wanted)) return;
  m_must_repeat = false;
  switch (m_control->set_bitrate(wanted.kbps)) {
    case control_outcome::accepted:
      m_last = wanted;
      m_asked = wanted.kbps;
      m_not_before = now + ask_every;
      break;
    case control_outcome::failed: m_not_before = now + ask_again_after_failure; break;
    case control_outcome::unsupported:
      m_is_unsupported = true;
      log_warn(log_module::session, "{}: the source cannot change its bitrate; only drops follow the network",
               m_log_name);
      break;
  }
}

}  // namespace campush
