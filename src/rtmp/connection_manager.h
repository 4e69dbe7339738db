#pragma once

#include <vector>

#include "rtmp/retry_policy.h"
#include "util/clock.h"

namespace campush {

/// Why a session is not, or no longer, publishing: the reason code of status, metrics and logs.
enum class disconnect_reason : uint8_t {
  none,
  not_started,
  user_request,        ///< disconnect(), shutdown, reload
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
  handshake_timeout,   ///< handshake, connect or publish not answered in time
  closed_by_server,
  connection_reset,
  ack_stall,           ///< nothing acknowledged for 8 s while data waited
  queue_critical,
  protocol_violation,
  server_error,
  bad_url,             ///< the template did not expand this time
  session_age,         ///< planned re-publish
  failback,            ///< planned move to the primary
  internal_error,
};
const char* reason_name(disconnect_reason reason) noexcept;

/// The reconnect rules of one session, pure policy on a clock it is given: DESIGN 5, "connection_manager".
/// Shape: ask current_url() for where to connect; report on_connected(), on_disconnect(reason); should_reconnect() then says whether
///   to go on at all and get_backoff_delay() how long to wait before connecting to current_url(). A pass is one try of each URL.
///   on_healthy() is called while publishing (frames acknowledged); after `stable` of it the count resets.
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

  bool should_reconnect() const noexcept;
  duration get_backoff_delay() const noexcept;
  /// Starts afresh: `retry`, an API call, SIGUSR1.
  void reset_backoff();
  size_t current_url() const noexcept;
  size_t url_count() const noexcept;

  /// gave_up (resting or for good) or denied by all; none while passes go on.
  disconnect_reason resting_reason() const noexcept;
  /// Passes used up so far, 1 during the first.
  uint32_t current_pass() const noexcept;
  uint64_t total_attempts() const noexcept;
  bool is_name_in_use() const noexcept;

  // Failback to the primary while a backup is in use.
  bool is_failback_due() const noexcept;
  duration failback_in() const noexcept;
  void on_failback_started();
  void on_failback_succeeded();
  void on_failback_failed();
  uint32_t failback_attempts() const noexcept;

 private:
  retry_policy m_retry;
  failback_policy m_failback;
  const clock& m_clock;
};

}  // namespace campush
