#include <iterator>

#include "rtmp/connection_manager.h"
#include "rtmp/flv_tag.h"
#include "rtmp/send_queue.h"
#include "rtmp/session_status.h"
#include "rtmp/stream_url.h"

namespace campush {

namespace {

/// The text that stands at the enumerator's value; `first` is the value of the first one.
template <size_t Count, class Enum>
const char* name_at(const char* const (&names)[Count], Enum value, size_t first = 0) noexcept {
  const size_t index = static_cast<size_t>(value) - first;
  return index < Count ? names[index] : "unknown";
}

constexpr const char* dialect_names[] = {"legacy", "enhanced", "legacy12"};
static_assert(std::size(dialect_names) == video_dialect_count);

constexpr const char* reason_names[] = {
    "none",
    "not_started",
    "user_request",
    "source_stalled",
    "source_ended",
    "gave_up",
    "denied",
    "name_in_use",
    "dns_failed",
    "connect_refused",
    "connect_timeout",
    "unreachable",
    "tls_failed",
    "handshake_timeout",
    "closed_by_server",
    "connection_reset",
    "ack_stall",
    "queue_critical",
    "protocol_violation",
    "server_error",
    "bad_url",
    "session_age",
    "failback",
    "clock_wrong",
    "link_changed",
    "redirected",
    "codec_refused",
    "internal_error",
};
static_assert(std::size(reason_names) == static_cast<size_t>(disconnect_reason::internal_error) + 1);

constexpr const char* level_names[] = {"normal", "warning", "high", "critical"};
static_assert(std::size(level_names) == static_cast<size_t>(queue_level::critical) + 1);

constexpr const char* drop_names[] = {"disposable", "congestion",   "broken_reference", "flush",
                                      "too_big",    "before_start", "not_connected"};
static_assert(std::size(drop_names) == drop_reason_count);

constexpr const char* kind_names[] = {"key", "inter", "disposable", "audio"};
static_assert(std::size(kind_names) == frame_kind_count);

constexpr const char* state_names[] = {"disconnected", "connecting", "connected", "error"};
static_assert(std::size(state_names) == static_cast<size_t>(session_state::error));

constexpr const char* phase_names[] = {"none", "resolve", "tcp", "tls", "handshake", "connect", "publish"};
static_assert(std::size(phase_names) == static_cast<size_t>(connect_phase::publish) + 1);

constexpr const char* bitrate_names[] = {"off", "following", "unsupported", "ignored"};
static_assert(std::size(bitrate_names) == static_cast<size_t>(bitrate_control::ignored) + 1);

constexpr const char* scheme_names[] = {"rtmp", "rtmps", "rtmpt", "rtmpe", "rtmpte", "rtmpts"};
static_assert(std::size(scheme_names) == static_cast<size_t>(url_scheme::rtmpts) + 1);

}  // namespace

const char* dialect_name(video_dialect dialect) noexcept {
  return name_at(dialect_names, dialect);
}
const char* reason_name(disconnect_reason reason) noexcept {
  return name_at(reason_names, reason);
}
const char* queue_level_name(queue_level level) noexcept {
  return name_at(level_names, level);
}
const char* drop_reason_name(drop_reason reason) noexcept {
  return name_at(drop_names, reason);
}
const char* frame_kind_name(frame_kind kind) noexcept {
  return name_at(kind_names, kind);
}
const char* state_name(session_state state) noexcept {
  return name_at(state_names, state, 1);
}
const char* bitrate_control_name(bitrate_control control) noexcept {
  return name_at(bitrate_names, control);
}
const char* phase_name(connect_phase phase) noexcept {
  return name_at(phase_names, phase);
}
const char* scheme_name(url_scheme scheme) noexcept {
  return name_at(scheme_names, scheme);
}

}  // namespace campush
