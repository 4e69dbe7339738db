#pragma once

#include <optional>
#include <vector>

#include "rtmp/retry_policy.h"
#include "util/clock.h"

namespace campush {

/// Why a session is not, or no longer, publishing: the reason code of status, metrics and logs.
enum class disconnect_reason : uint8_t {
  none,
  not_started,
  user_request,  ///< disconnect(), shutdown, reload
  source_stalled,
  source_ended,
  gave_up,
  denied,
  name_in_use,
  dns_failed,
  connect_refused,
  connect_timeout,
  unreachable,
  tls_failed,
  handshake_timeout,  ///< handshake, connect or publish not answered in time
  closed_by_server,
  connection_reset,
  ack_stall,  ///< nothing acknowledged for 8 s while data waited
  queue_critical,
  protocol_violation,
  server_error,
  bad_url,        ///< the template did not expand this time
  session_age,    ///< planned re-publish
  failback,       ///< planned move to the primary
  clock_wrong,    ///< the wall clock is before this program was built: no certificate, no signature can be judged
  link_changed,   ///< planned: the local address is gone, or another interface leads to the server now
  redirected,     ///< planned: the server sent us elsewhere
  codec_refused,  ///< the server does not take the stream's codec, and there is no fallback
  internal_error,
};
const char* reason_name(disconnect_reason reason) noexcept;

/// The reconnect rules of one session, pure policy on a clock it is given: DESIGN 5, "connection_manager".
/// Shape: ask current_url() for where to connect; report on_connecting(), on_connected(), on_disconnect(reason);
///   should_reconnect() then says whether to go on at all and get_backoff_delay() how long to wait before connecting to
///   current_url(). A pass is one try of each URL. on_healthy() is called while publishing (frames acknowledged); after
///   `stable` of it the count resets.
///   What a reason means is a table (means_of). Planned reasons (session_age, failback, link_changed, redirected, source_stalled,
///   source_ended, user_request) use no attempt, do not wait and keep the URL; whether to come back, and when, is then the session's
///   decision. clock_wrong moves on, and when all that is left waits for the clock, the pass is not used up: the next try is max_delay
///   away, or at end_wait(). codec_refused waits as denied does.
///   Failback: is_failback_due(), on_failback_started(), then on_failback_succeeded() (current_url() is the primary from there
///   on; the close of the backup is not reported) or on_failback_failed(). Break before make: on_disconnect(failback) while on a
///   backup turns current_url() to the primary; if that attempt fails, its on_disconnect() turns back to the backup at once,
///   counted as a failed failback and nothing else; if it connects, on_connected() counts as a failback that succeeded.
/// Units: url indexes count from 0 (the primary); pass numbers from 1.
/// Thread: loop-thread. No socket, no timer.
class connection_manager {
 public:
  connection_manager(const retry_policy& retry, const failback_policy& failback, size_t url_count, const clock& time,
                     uint64_t jitter_seed);

  void on_connecting();
  void on_connected();
  /// Publishing is healthy at this moment; call at least once a second while it is.
  void on_healthy();
  void on_disconnect(disconnect_reason reason);

  /// False once it gave up for good (`rest` 0, or `auto_reconnect` off and its one pass used); true also while resting.
  bool should_reconnect() const noexcept;
  /// What is left of the wait at this moment; the whole of it right after on_disconnect().
  duration get_backoff_delay() const noexcept;
  /// What was waited for has come (the wall clock was set while is_clock_wrong(), the stream's codec changed): the next try is due.
  void end_wait() noexcept;
  /// The local network changed while waiting: the wait is over. With a path that was not there before, the count begins anew too.
  void on_path_changed(bool has_new_path) noexcept;
  /// The connection was replaced by another one that the server asked for; it keeps its URL.
  void on_moved();
  /// Starts afresh: `retry`, an API call, SIGUSR1. A connection or attempt that exists is kept: a failback from a backup is then due at
  /// once, and the next disconnect of any reason begins a new pass at the primary.
  void reset_backoff();
  size_t current_url() const noexcept;
  size_t url_count() const noexcept;

  /// gave_up (resting or for good), denied or codec_refused by all; none while passes go on.
  disconnect_reason resting_reason() const noexcept;
  /// Passes used up so far, 1 during the first.
  uint32_t current_pass() const noexcept;
  uint64_t total_attempts() const noexcept;
  bool is_name_in_use() const noexcept;
  /// Waiting, and at least one URL of the list waits for the wall clock.
  bool is_clock_wrong() const noexcept;
  /// The connection has been healthy for `stable`.
  bool is_stable() const noexcept { return m_is_stable; }

  // Failback to the primary while a backup is in use.
  /// A backup is in use and the next try of the primary has a time.
  bool is_failback_waiting() const noexcept;
  bool is_failback_due() const noexcept;
  /// Time to that try; 0 when it is due or none is waiting.
  duration failback_in() const noexcept;
  void on_failback_started();
  void on_failback_succeeded();
  void on_failback_failed();
  /// Since the interval was last at its start value.
  uint32_t failback_attempts() const noexcept;

 private:
  enum class outcome : uint8_t { none, planned, busy, denied, clock, failed };
  struct reason_means;
  static const reason_means means_of[];
  enum class next_step : uint8_t { same_pass, next_pass, new_set };
  struct url_record {
    time_point busy_until{};  ///< held down after BadName
    outcome last = outcome::none;
    disconnect_reason why = disconnect_reason::none;
    bool is_tried = false;     ///< in the current pass
    uint8_t quick_closes = 0;  ///< orderly closes right after Publish.Start, in a row
  };

  outcome judge(disconnect_reason reason, bool was_connected);
  void take_pending_step() noexcept;
  void leave_connection() noexcept;
  void on_planned(disconnect_reason reason, bool was_connected);
  void begin_first_pass() noexcept;
  void forget_tries() noexcept;
  void move_to(size_t url) noexcept;
  void end_pass(outcome last);
  void give_up(disconnect_reason reason);
  bool wait_for_busy_name() noexcept;
  void schedule_pass(duration wait) noexcept;
  void return_to_backup(outcome last) noexcept;
  void enter_failback_wait() noexcept;
  void lengthen_failback_interval() noexcept;
  void hold_if_busy(outcome last) noexcept;

  bool is_free(size_t url, time_point at) const noexcept { return m_urls[url].busy_until <= at; }
  size_t first_untried(time_point at) const noexcept;
  bool is_every_url_denied() const noexcept;
  bool is_only_busy_left() const noexcept;
  bool is_only_clock_left() const noexcept;
  bool is_last(outcome any) const noexcept;
  disconnect_reason reason_of_all() const noexcept;
  duration pass_delay() const noexcept;
  duration with_jitter(duration delay) noexcept;
  double random_share() noexcept;

  // Constant after construction.
  retry_policy m_retry;
  failback_policy m_failback;
  size_t m_url_count;
  const clock& m_clock;

  // Passes.
  std::vector<url_record> m_urls;
  uint64_t m_random;
  size_t m_url = 0;
  uint32_t m_pass = 1;
  uint64_t m_total_attempts = 0;
  time_point m_retry_at{};
  next_step m_next_step = next_step::same_pass;
  disconnect_reason m_resting = disconnect_reason::none;
  bool m_did_give_up_for_good = false;
  bool m_ignores_holds = false;  ///< every URL is held down: try them all the same
  bool m_did_splay = false;
  bool m_is_name_in_use = false;
  std::optional<time_point> m_busy_since;

  // The attempt or connection, while there is one.
  bool m_is_attempting = false;
  bool m_is_connected = false;
  bool m_is_stable = false;
  bool m_starts_over = false;  ///< reset_backoff() came in the middle of it
  time_point m_connected_at{};
  std::optional<time_point> m_healthy_since;
  time_point m_last_healthy{};

  // Failback.
  duration m_failback_interval;
  time_point m_failback_at{};
  uint32_t m_failback_attempts = 0;
  bool m_is_probing = false;
  std::optional<size_t> m_backup_left;  ///< break before make: where to go back to
};

}  // namespace campush
