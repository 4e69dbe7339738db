#include "app/session_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace campush {
namespace {

using ::testing::HasSubstr;

constexpr time_point now{std::chrono::seconds(100)};

session_status make_status(session_state state) {
  session_status status;
  status.camera_name = "gate";
  status.stream_name = "main";
  status.destination = "default";
  status.state = state;
  status.url = "rtmp://server/live/gate";
  return status;
}

TEST(session_table, says_what_a_session_waits_for) {
  session_status waiting = make_status(session_state::error);
  waiting.reason = disconnect_reason::dns_failed;
  waiting.next_retry_at = now + std::chrono::milliseconds(3100);
  EXPECT_EQ(row_of(waiting, now).detail, "dns_failed, retry in 4 s");

  session_status connecting = make_status(session_state::connecting);
  connecting.phase = connect_phase::tcp;
  EXPECT_EQ(row_of(connecting, now).detail, "tcp");

  session_status on_backup = make_status(session_state::connected);
  on_backup.url_index = 2;
  EXPECT_EQ(row_of(on_backup, now).detail, "backup2");
}

TEST(session_table, says_what_the_encoder_was_asked_for_and_what_is_pushed_instead) {
  session_status status = make_status(session_state::connected);
  EXPECT_EQ(row_of(status, now).detail, "");
  status.adaptive_bitrate = bitrate_control::following;
  status.bitrate_target_kbps = 1275;
  EXPECT_EQ(row_of(status, now).detail, "encoder at 1275 kbit/s");
  status.adaptive_bitrate = bitrate_control::ignored;
  status.url_index = 1;
  status.is_on_fallback = true;
  EXPECT_EQ(row_of(status, now).detail, "backup1, fallback for H.265, encoder ignores 1275 kbit/s");
}

TEST(session_table, shows_the_round_trip_where_it_is_known) {
  session_status status = make_status(session_state::connected);
  EXPECT_THAT(render_table({row_of(status, now)}, table_style::plain), HasSubstr("  -  rtmp://"));
  status.rtt_us = 40'200;
  EXPECT_THAT(render_table({row_of(status, now)}, table_style::plain), HasSubstr("41 ms  rtmp://"));
}

TEST(session_table, counts_no_frame_from_before_the_first_keyframe_as_dropped) {
  session_status status = make_status(session_state::connected);
  status.dropped.add(frame_kind::audio, drop_reason::before_start);
  status.dropped.add(frame_kind::inter, drop_reason::congestion);
  EXPECT_EQ(row_of(status, now).dropped, 1u);
}

TEST(session_table, columns_are_as_wide_as_their_content) {
  session_row wide = row_of(make_status(session_state::connected), now);
  session_row narrow = wide;
  wide.stream = "a-long-camera-name/main";
  const std::string text = render_table({wide, narrow}, table_style::plain);
  std::istringstream lines(text);
  std::vector<size_t> columns;
  for (std::string line; std::getline(lines, line);) {
    columns.push_back(line.find(columns.empty() ? "destination" : "default"));
  }
  EXPECT_THAT(columns, ::testing::ElementsAre(columns[0], columns[0], columns[0]));
}

TEST(session_table, colours_only_the_state) {
  const session_row row = row_of(make_status(session_state::error), now);
  EXPECT_THAT(render_table({row}, table_style::coloured), HasSubstr("\x1b[31merror\x1b[0m"));
  EXPECT_EQ(render_table({row}, table_style::plain).find('\x1b'), std::string::npos);
}

TEST(session_table, durations_read_naturally) {
  struct row {
    double seconds;
    const char* text;
  };
  for (const row& row : {row{0, "0 s"}, row{3.2, "4 s"}, row{119, "119 s"}, row{600, "10 min"}, row{7200, "2 h"},
                         row{864000, "10 days"}}) {
    EXPECT_EQ(short_duration(row.seconds), row.text);
  }
}

}  // namespace
}  // namespace campush
