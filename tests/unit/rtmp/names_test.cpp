#include <gtest/gtest.h>

#include <set>
#include <string>

#include "rtmp/session_status.h"
#include "rtmp/stream_url.h"

namespace campush {
namespace {

/// The names of the values from `first` to `last`, each once, snake_case.
template <class Enum>
std::string names_between(Enum first, Enum last, const char* (*name_of)(Enum) noexcept) {
  std::string text;
  std::set<std::string> seen;
  for (int value = static_cast<int>(first); value <= static_cast<int>(last); ++value) {
    const std::string name = name_of(static_cast<Enum>(value));
    EXPECT_TRUE(seen.insert(name).second) << name << " twice";
    text += (text.empty() ? "" : " ") + name;
  }
  return text;
}

TEST(names, are_those_of_logs_status_and_metrics) {
  EXPECT_EQ(names_between(session_state::disconnected, session_state::error, &state_name),
            "disconnected connecting connected error");
  EXPECT_EQ(names_between(connect_phase::none, connect_phase::publish, &phase_name),
            "none resolve tcp tls handshake connect publish");
  EXPECT_EQ(
      names_between(disconnect_reason::none, disconnect_reason::internal_error, &reason_name),
      "none not_started user_request source_stalled source_ended gave_up denied name_in_use dns_failed "
      "connect_refused connect_timeout unreachable tls_failed handshake_timeout closed_by_server connection_reset "
      "ack_stall queue_critical protocol_violation server_error bad_url session_age failback clock_wrong link_changed "
      "redirected codec_refused internal_error");
  EXPECT_EQ(names_between(queue_level::normal, queue_level::critical, &queue_level_name),
            "normal warning high critical");
  EXPECT_EQ(names_between(drop_reason::disposable, drop_reason::not_connected, &drop_reason_name),
            "disposable congestion broken_reference flush too_big before_start not_connected");
  EXPECT_EQ(names_between(frame_kind::key, frame_kind::audio, &frame_kind_name), "key inter disposable audio");
  EXPECT_EQ(names_between(bitrate_control::off, bitrate_control::ignored, &bitrate_control_name),
            "off following unsupported ignored");
  EXPECT_EQ(names_between(video_dialect::legacy, video_dialect::legacy12, &dialect_name), "legacy enhanced legacy12");
  EXPECT_EQ(names_between(url_scheme::rtmp, url_scheme::rtmpts, &scheme_name), "rtmp rtmps rtmpt rtmpe rtmpte rtmpts");
}

TEST(names, have_one_for_a_value_of_no_enumerator) {
  EXPECT_STREQ(state_name(static_cast<session_state>(0)), "unknown");
  EXPECT_STREQ(reason_name(static_cast<disconnect_reason>(200)), "unknown");
}

}  // namespace
}  // namespace campush
