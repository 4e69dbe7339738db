#include "rtmp/session_states.h"

#include <iterator>

namespace campush {

namespace {

struct transition {
  session_state from;
  session_event event;
  session_state to;
};

constexpr transition transitions[] = {
    {session_state::disconnected, session_event::connect, session_state::connecting},
    {session_state::connecting, session_event::success, session_state::connected},
    {session_state::connecting, session_event::failure, session_state::error},
    {session_state::connecting, session_event::refusal, session_state::disconnected},
    {session_state::connected, session_event::fault, session_state::error},
    {session_state::error, session_event::reconnect, session_state::connecting},
    {session_state::connected, session_event::reconnect, session_state::connecting},
    {session_state::disconnected, session_event::disconnect, session_state::disconnected},
    {session_state::connecting, session_event::disconnect, session_state::disconnected},
    {session_state::connected, session_event::disconnect, session_state::disconnected},
    {session_state::error, session_event::disconnect, session_state::disconnected},
};

constexpr const char* event_names[] = {"connect", "success", "failure", "refusal", "fault", "reconnect", "disconnect"};
static_assert(std::size(event_names) == session_event_count);

}  // namespace

const char* session_event_name(session_event event) noexcept {
  return static_cast<size_t>(event) < session_event_count ? event_names[static_cast<size_t>(event)] : "unknown";
}

std::optional<session_state> next_state(session_state from, session_event event) noexcept {
  for (const transition& row : transitions) {
    if (row.from == from && row.event == event) return row.to;
  }
  return std::nullopt;
}

}  // namespace campush
