#include "rtmp/session_states.h"

#include <gtest/gtest.h>

#include <map>

namespace campush {
namespace {

constexpr session_state all_states[] = {session_state::disconnected, session_state::connecting,
                                        session_state::connected, session_state::error};

/// The table as DESIGN 5 writes it, cell by cell: what is not here is refused.
const std::map<std::pair<session_state, session_event>, session_state>& expected() {
  static const std::map<std::pair<session_state, session_event>, session_state> cells = {
      {{session_state::disconnected, session_event::connect}, session_state::connecting},
      {{session_state::connecting, session_event::success}, session_state::connected},
      {{session_state::connecting, session_event::failure}, session_state::error},
      {{session_state::connecting, session_event::refusal}, session_state::disconnected},
      {{session_state::connected, session_event::fault}, session_state::error},
      {{session_state::error, session_event::reconnect}, session_state::connecting},
      {{session_state::connected, session_event::reconnect}, session_state::connecting},
      {{session_state::disconnected, session_event::disconnect}, session_state::disconnected},
      {{session_state::connecting, session_event::disconnect}, session_state::disconnected},
      {{session_state::connected, session_event::disconnect}, session_state::disconnected},
      {{session_state::error, session_event::disconnect}, session_state::disconnected},
  };
  return cells;
}

TEST(session_states, allow_the_moves_of_the_table_and_refuse_every_other) {
  for (const session_state from : all_states) {
    for (size_t i = 0; i < session_event_count; ++i) {
      const auto event = static_cast<session_event>(i);
      const auto cell = expected().find({from, event});
      const auto next = next_state(from, event);
      SCOPED_TRACE(std::string(state_name(from)) + " + " + session_event_name(event));
      EXPECT_EQ(next.has_value(), cell != expected().end());
      if (next && cell != expected().end()) {
        EXPECT_EQ(*next, cell->second);
      }
    }
  }
}

}  // namespace
}  // namespace campush
