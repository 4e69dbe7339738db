#pragma once

#include <optional>

#include "rtmp/session_status.h"

namespace campush {

/// What can happen to a session. `failure` is an attempt that policy will repeat, `refusal` one that ends in
/// disconnected(gave_up | denied); `fault` is the loss of a connection that was made.
enum class session_event : uint8_t { connect, success, failure, refusal, fault, reconnect, disconnect };
inline constexpr size_t session_event_count = 7;
const char* session_event_name(session_event event) noexcept;

/// The state table of DESIGN 5, as data. Empty: the event is refused in that state.
/// Thread: any-thread (pure).
std::optional<session_state> next_state(session_state from, session_event event) noexcept;

}  // namespace campush
