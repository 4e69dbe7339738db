#include "rtmp/connection_manager.h"

#include <algorithm>
#include <iterator>

namespace campush {

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr duration busy_hold = seconds(15);
constexpr duration busy_retry = seconds(3);
constexpr duration denied_wait = minutes(5);
constexpr duration quick_close_within = seconds(5);
constexpr uint8_t quick_closes_for_denied = 3;
/// on_healthy() comes once a second; a longer silence than this was not healthy.
constexpr duration healthy_gap = seconds(2);
constexpr duration failback_longest = minutes(60);
constexpr duration failback_forgiven_after = hours(1);

}  // namespace

struct connection_manager::reason_means {
  disconnect_reason reason;
  outcome what;
};

const connection_manager::reason_means connection_manager::means_of[] = {
    {disconnect_reason::none, outcome::failed},
    {disconnect_reason::not_started, outcome::failed},
    {disconnect_reason::user_request, outcome::planned},
    {disconnect_reason::source_stalled, outcome::planned},
    {disconnect_reason::source_ended, outcome::planned},
    {disconnect_reason::gave_up, outcome::failed},
    {disconnect_reason::denied, outcome::denied},
    {disconnect_reason::name_in_use, outcome::busy},
    {disconnect_reason::dns_failed, outcome::failed},
    {disconnect_reason::connect_refused, outcome::failed},
    {disconnect_reason::connect_timeout, outcome::failed},
    {disconnect_reason::unreachable, outcome::failed},
    {disconnect_reason::tls_failed, outcome::failed},
    {disconnect_reason::handshake_timeout, outcome::failed},
    {disconnect_reason::closed_by_server, outcome::failed},
    {disconnect_reason::connection_reset, outcome::failed},
    {disconnect_reason::ack_stall, outcome::failed},
    {disconnect_reason::queue_critical, outcome::failed},
    {disconnect_reason::protocol_violation, outcome::failed},
    {disconnect_reason::server_error, outcome::failed},
    {disconnect_reason::bad_url, outcome::failed},
    {disconnect_reason::session_age, outcome::planned},
    {disconnect_reason::failback, outcome::planned},
    {disconnect_reason::clock_wrong, outcome::clock},
    {disconnect_reason::link_changed, outcome::planned},
    {disconnect_reason::redirected, outcome::planned},
    {disconnect_reason::codec_refused, outcome::denied},
    {disconnect_reason::internal_error, outcome::failed},
};

connection_manager::connection_manager(const retry_policy& retry, const failback_policy& failback, size_t url_count,
                                       const clock& time, uint64_t jitter_seed)
    : m_retry(retry),
      m_failback(failback),
      m_url_count(url_count),
      m_clock(time),
      m_urls(std::max<size_t>(url_count, 1)),
      m_random(jitter_seed),
      m_failback_interval(failback.after) {}

void connection_manager::on_connecting() {
  take_pending_step();
  ++m_total_attempts;
  m_is_attempting = true;
  m_retry_at = m_clock.now();
}

void connection_manager::on_connected() {
  take_pending_step();
  m_is_connected = true;
  m_is_stable = false;
  m_healthy_since.reset();
  m_connected_at = m_retry_at = m_clock.now();
  m_is_name_in_use = false;
  m_busy_since.reset();
  m_urls[m_url].last = outcome::none;
  m_urls[m_url].busy_until = {};
  if (m_backup_left) {
    on_failback_succeeded();
  } else if (m_url != 0) {
    enter_failback_wait();
  }
}

void connection_manager::on_healthy() {
  if (!m_is_connected) return;
  const time_point now = m_clock.now();
  if (!m_healthy_since || now - m_last_healthy > healthy_gap) m_healthy_since = now;
  m_last_healthy = now;
  if (m_is_stable || now - *m_healthy_since < m_retry.stable) return;
  m_is_stable = true;
  // The one pass of auto_reconnect = false is never given back.
  if (!m_retry.auto_reconnect) return;
  m_pass = 1;
  m_did_splay = false;
  forget_tries();
}

void connection_manager::on_disconnect(disconnect_reason reason) {
  if (reason == disconnect_reason::failback && m_url == 0) return;
  const bool was_stable = m_is_stable, was_connected = m_is_connected;
  const outcome last = judge(reason, was_connected);
  leave_connection();
  if (last == outcome::planned) return on_planned(reason, was_connected);
  take_pending_step();

  hold_if_busy(last);
  m_urls[m_url].last = last;
  m_urls[m_url].why = reason;
  m_is_name_in_use = last == outcome::busy;
  if (last == outcome::failed) m_busy_since.reset();
  if (m_backup_left) return return_to_backup(last);
  if (m_starts_over || (was_stable && m_retry.auto_reconnect)) return begin_first_pass();
  if (was_stable) return give_up(disconnect_reason::gave_up);

  m_urls[m_url].is_tried = true;
  const size_t next = first_untried(m_clock.now());
  if (next < m_urls.size()) return move_to(next);
  end_pass(last);
}

void connection_manager::reset_backoff() {
  m_urls.assign(m_urls.size(), url_record{});
  m_pass = 1;
  m_next_step = next_step::same_pass;
  m_resting = disconnect_reason::none;
  m_did_give_up_for_good = false;
  m_ignores_holds = false;
  m_did_splay = false;
  m_is_name_in_use = false;
  m_busy_since.reset();
  m_retry_at = m_clock.now();
  m_failback_interval = m_failback.after;
  m_failback_attempts = 0;
  if (m_is_connected || m_is_attempting) {
    m_starts_over = true;
    m_failback_at = m_clock.now();
  } else {
    m_url = 0;
    m_backup_left.reset();
  }
}

void connection_manager::end_wait() noexcept {
  m_retry_at = m_clock.now();
}

void connection_manager::on_path_changed(bool has_new_path) noexcept {
  if (m_is_connected || m_is_attempting || m_did_give_up_for_good) return;
  m_retry_at = m_clock.now();
  const bool has_given_up = m_next_step == next_step::new_set;
  if (!has_new_path && !has_given_up) return;
  // Without a new path one more pass is all that a session gets which had used up its own.
  if (has_new_path) m_pass = 1;
  m_next_step = next_step::same_pass;
  m_resting = disconnect_reason::none;
  m_did_splay = false;
  m_busy_since.reset();
  forget_tries();
  schedule_pass(duration::zero());
}

void connection_manager::on_moved() {
  if (!m_is_connected) return;
  m_is_stable = false;
  m_healthy_since.reset();
  m_connected_at = m_clock.now();
}

connection_manager::outcome connection_manager::judge(disconnect_reason reason, bool was_connected) {
  static_assert(std::size(means_of) == static_cast<size_t>(disconnect_reason::internal_error) + 1);
  const size_t row = static_cast<size_t>(reason);
  const outcome what = row < std::size(means_of) ? means_of[row].what : outcome::failed;
  if (what == outcome::planned) return what;
  // Servers that check only after Publish.Start (NMS, MediaMTX) refuse by closing; one such close may as well be a restart.
  const bool is_quick_close = reason == disconnect_reason::closed_by_server && was_connected &&
                              m_clock.now() - m_connected_at <= quick_close_within;
  uint8_t& in_a_row = m_urls[m_url].quick_closes;
  in_a_row = is_quick_close ? static_cast<uint8_t>(std::min<int>(in_a_row + 1, quick_closes_for_denied)) : uint8_t{0};
  return in_a_row == quick_closes_for_denied ? outcome::denied : what;
}

void connection_manager::take_pending_step() noexcept {
  if (m_next_step == next_step::next_pass) ++m_pass;
  if (m_next_step == next_step::new_set) {
    m_pass = 1;
    m_busy_since.reset();
  }
  if (m_next_step != next_step::same_pass) forget_tries();
  m_next_step = next_step::same_pass;
  m_resting = disconnect_reason::none;
  m_did_give_up_for_good = false;
}

void connection_manager::leave_connection() noexcept {
  if (m_is_connected && m_url == 0 && m_clock.now() - m_connected_at >= failback_forgiven_after) {
    m_failback_interval = m_failback.after;
    m_failback_attempts = 0;
  }
  m_is_attempting = false;
  m_is_connected = false;
  m_is_stable = false;
  m_is_probing = false;
  m_healthy_since.reset();
}

void connection_manager::on_planned(disconnect_reason reason, bool was_connected) {
  if (reason == disconnect_reason::failback) {
    if (!was_connected) return;
    m_backup_left = m_url;
    m_url = 0;
  } else if (m_starts_over) {
    begin_first_pass();
  }
}

void connection_manager::begin_first_pass() noexcept {
  m_starts_over = false;
  m_pass = 1;
  forget_tries();
  schedule_pass(duration::zero());
}

void connection_manager::forget_tries() noexcept {
  for (url_record& record : m_urls) record.is_tried = false;
}

void connection_manager::move_to(size_t url) noexcept {
  duration wait{};
  if (m_url == 0 && !m_did_splay) {
    m_did_splay = true;
    wait = std::chrono::duration_cast<duration>(m_retry.failover_splay * random_share());
  }
  m_url = url;
  m_retry_at = m_clock.now() + wait;
}

void connection_manager::end_pass(outcome last) {
  if (last == outcome::busy && is_only_busy_left() && wait_for_busy_name()) return;
  if (is_only_clock_left()) {
    forget_tries();
    return schedule_pass(with_jitter(m_retry.max_delay));
  }
  const bool is_denied = is_every_url_denied();
  if (!m_retry.auto_reconnect) return give_up(is_denied ? reason_of_all() : disconnect_reason::gave_up);
  if (m_retry.max_attempts != 0 && m_pass >= m_retry.max_attempts) return give_up(disconnect_reason::gave_up);
  m_resting = is_denied ? reason_of_all() : disconnect_reason::none;
  m_next_step = next_step::next_pass;
  schedule_pass(with_jitter(is_denied ? denied_wait : pass_delay()));
}

void connection_manager::give_up(disconnect_reason reason) {
  m_resting = reason;
  m_next_step = next_step::new_set;
  m_did_give_up_for_good = !m_retry.auto_reconnect || m_retry.rest == seconds::zero();
  schedule_pass(m_did_give_up_for_good ? duration::zero() : with_jitter(m_retry.rest));
}

/// The name is held by somebody, most often by our own half-dead connection of before: it comes free by itself.
bool connection_manager::wait_for_busy_name() noexcept {
  const time_point now = m_clock.now();
  if (!m_busy_since) m_busy_since = now;
  if (now + busy_retry - *m_busy_since > m_retry.busy_wait) return false;
  m_retry_at = now + with_jitter(busy_retry);
  for (size_t i = 0; i < m_urls.size(); ++i) {
    if (m_urls[i].last != outcome::busy || !is_free(i, m_retry_at)) continue;
    m_url = i;
    break;
  }
  return true;
}

void connection_manager::schedule_pass(duration wait) noexcept {
  m_retry_at = m_clock.now() + wait;
  m_url = 0;
  while (m_url < m_urls.size() && !is_free(m_url, m_retry_at)) ++m_url;
  m_ignores_holds = m_url == m_urls.size();
  if (m_ignores_holds) m_url = 0;
}

void connection_manager::return_to_backup(outcome last) noexcept {
  m_url = *m_backup_left;
  m_backup_left.reset();
  m_is_name_in_use = false;
  m_retry_at = m_clock.now();
  m_urls[0].last = last == outcome::busy ? outcome::busy : outcome::failed;
  on_failback_failed();
}

void connection_manager::hold_if_busy(outcome last) noexcept {
  if (last == outcome::busy) m_urls[m_url].busy_until = m_clock.now() + busy_hold;
}

size_t connection_manager::first_untried(time_point at) const noexcept {
  for (size_t i = 0; i < m_urls.size(); ++i) {
    if (!m_urls[i].is_tried && (m_ignores_holds || is_free(i, at))) return i;
  }
  return m_urls.size();
}

bool connection_manager::is_every_url_denied() const noexcept {
  return std::all_of(m_urls.begin(), m_urls.end(), [](const url_record& url) { return url.last == outcome::denied; });
}

/// Every URL answered, and each of them "busy" or "denied": there is no other one that could come back meanwhile.
bool connection_manager::is_only_busy_left() const noexcept {
  return std::all_of(m_urls.begin(), m_urls.end(),
                     [](const url_record& url) { return url.last == outcome::busy || url.last == outcome::denied; });
}

/// Whatever else was tried was refused for good: only a set clock can change anything.
bool connection_manager::is_only_clock_left() const noexcept {
  return is_last(outcome::clock) && std::all_of(m_urls.begin(), m_urls.end(), [](const url_record& url) {
           return url.last == outcome::clock || url.last == outcome::denied;
         });
}

bool connection_manager::is_last(outcome any) const noexcept {
  return std::any_of(m_urls.begin(), m_urls.end(), [any](const url_record& url) { return url.last == any; });
}

disconnect_reason connection_manager::reason_of_all() const noexcept {
  const bool is_codec = std::all_of(m_urls.begin(), m_urls.end(),
                                    [](const url_record& url) { return url.why == disconnect_reason::codec_refused; });
  return is_codec ? disconnect_reason::codec_refused : disconnect_reason::denied;
}

duration connection_manager::pass_delay() const noexcept {
  const duration longest = m_retry.max_delay;
  duration delay = m_retry.initial_delay;
  for (uint32_t n = 1; n < m_pass && delay < longest && delay > duration::zero(); ++n) delay *= 2;
  return std::min(delay, longest);
}

duration connection_manager::with_jitter(duration delay) noexcept {
  const double share = std::clamp(m_retry.jitter, 0.0, 1.0);
  if (share <= 0.0) return delay;
  return std::chrono::duration_cast<duration>(delay * (1.0 + share * (2.0 * random_share() - 1.0)));
}

/// 0 to below 1. splitmix64: four lines, the same on every platform, so that a simulation repeats.
double connection_manager::random_share() noexcept {
  uint64_t bits = m_random += 0x9e3779b97f4a7c15u;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  return static_cast<double>((bits ^ (bits >> 31)) >> 11) * 0x1.0p-53;
}

bool connection_manager::should_reconnect() const noexcept {
  return m_url_count > 0 && !m_did_give_up_for_good;
}

duration connection_manager::get_backoff_delay() const noexcept {
  return std::max(m_retry_at - m_clock.now(), duration::zero());
}

size_t connection_manager::current_url() const noexcept {
  return m_url;
}
size_t connection_manager::url_count() const noexcept {
  return m_url_count;
}
disconnect_reason connection_manager::resting_reason() const noexcept {
  return m_resting;
}
uint32_t connection_manager::current_pass() const noexcept {
  return m_pass;
}
uint64_t connection_manager::total_attempts() const noexcept {
  return m_total_attempts;
}
bool connection_manager::is_clock_wrong() const noexcept {
  return !m_is_connected && !m_is_attempting && is_last(outcome::clock);
}
bool connection_manager::is_name_in_use() const noexcept {
  return m_is_name_in_use;
}

void connection_manager::enter_failback_wait() noexcept {
  m_failback_at = m_clock.now() + m_failback_interval;
}

bool connection_manager::is_failback_waiting() const noexcept {
  return m_failback.enabled && m_is_connected && m_url != 0 && !m_is_probing;
}

bool connection_manager::is_failback_due() const noexcept {
  return is_failback_waiting() && m_clock.now() >= m_failback_at;
}

duration connection_manager::failback_in() const noexcept {
  if (!is_failback_waiting()) return duration::zero();
  return std::max(m_failback_at - m_clock.now(), duration::zero());
}

void connection_manager::on_failback_started() {
  m_is_probing = true;
  ++m_failback_attempts;
}

void connection_manager::on_failback_succeeded() {
  m_is_probing = false;
  m_backup_left.reset();
  lengthen_failback_interval();
  m_url = 0;
  m_urls[0].last = outcome::none;
  m_urls[0].busy_until = {};
  m_is_connected = true;
  m_is_stable = false;
  m_starts_over = false;
  m_healthy_since.reset();
  m_connected_at = m_clock.now();
  forget_tries();
}

void connection_manager::on_failback_failed() {
  m_is_probing = false;
  lengthen_failback_interval();
  enter_failback_wait();
}

/// Also after a success: a primary that takes the stream and drops it again would be gone back to every five minutes.
void connection_manager::lengthen_failback_interval() noexcept {
  const duration longest = std::max<duration>(failback_longest, m_failback.after);
  m_failback_interval = std::min(m_failback_interval * 2, longest);
}

uint32_t connection_manager::failback_attempts() const noexcept {
  return m_failback_attempts;
}

}  // namespace campush
