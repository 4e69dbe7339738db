#include "rtmp/session.h"

#include <gtest/gtest.h>

#include "unit/rtmp/session_bench.h"

namespace campush {
namespace {

using namespace test;

TEST(session, sends_metadata_headers_and_keyframe_first_and_at_time_zero) {
  session_bench bench(with_audio());
  bench.start();
  ASSERT_EQ(bench.attempts(), 1u);
  const scripted_connection& made = bench.connection(0);
  EXPECT_EQ(made.order().substr(0, 5), "MVAks");
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(made.sent[i].timestamp_ms, 0u);
  EXPECT_EQ(bench.state(), session_state::connected);
}

TEST(session, waits_in_disconnected_until_the_camera_gives_a_frame) {
  session_bench bench;
  bench.open();
  bench.run(seconds(60));
  EXPECT_EQ(bench.attempts(), 0u);
  EXPECT_EQ(bench.state(), session_state::disconnected);
  EXPECT_EQ(bench.reason(), disconnect_reason::not_started);
  bench.camera.start();
  bench.run(milliseconds(100));
  EXPECT_EQ(bench.state(), session_state::connected);
}

TEST(session, times_follow_the_dts_of_the_stream_from_the_first_keyframe_on) {
  session_bench bench(with_audio());
  bench.start();
  bench.run(seconds(2));
  uint32_t previous = 0;
  for (const sent_tag& tag : bench.connection(0).sent) {
    EXPECT_GE(tag.timestamp_ms, previous);
    EXPECT_EQ(tag.timestamp_ms % 20, 0u);
    previous = tag.timestamp_ms;
  }
  EXPECT_GE(previous, 2000u);
}

TEST(session, adds_the_test_only_initial_timestamp_and_wraps_at_32_bits) {
  session_bench bench;
  bench.config.initial_timestamp_ms = 0xffffffffu - 999;
  bench.start();
  bench.run(seconds(2));
  const auto& sent = bench.connection(0).sent;
  EXPECT_EQ(sent.front().timestamp_ms, 0xffffffffu - 999);
  EXPECT_LT(sent.back().timestamp_ms, 2000u);
}

TEST(session, starts_from_the_gop_cache_when_the_source_has_no_keyframe_on_demand) {
  frame_feeder::options source;
  source.gop = 250;
  session_bench bench(source);
  bench.start();
  bench.run(seconds(3));
  bench.servers.kill("p");
  bench.run(milliseconds(1500));
  ASSERT_EQ(bench.attempts(), 2u);
  const std::string order = bench.last().order();
  EXPECT_EQ(order.substr(0, 4), "MVkp");
  EXPECT_GE(order.size(), 100u) << "the pictures since the keyframe are replayed";
  EXPECT_EQ(bench.status().dropped.total(), 0u) << "what was replayed was not lost";
  EXPECT_EQ(bench.last().sent[2].timestamp_ms, 0u);
}

TEST(session, asks_for_a_keyframe_and_waits_for_it_when_the_source_can_give_one) {
  session_bench bench(on_demand());
  bench.start();
  bench.run(seconds(3));
  const uint32_t asked_before = bench.camera.keyframes_asked();
  bench.servers.kill("p");
  bench.run(milliseconds(1500));
  ASSERT_EQ(bench.attempts(), 2u);
  EXPECT_EQ(bench.camera.keyframes_asked(), asked_before + 1);
  EXPECT_EQ(bench.last().order().substr(0, 4), "MVkp");
  EXPECT_LT(bench.last().order().size(), 40u) << "nothing was replayed";
}

TEST(session, resume_gop_cache_replays_even_if_a_keyframe_could_be_asked_for) {
  session_bench bench(on_demand());
  bench.config.resume = resume_mode::gop_cache;
  bench.start();
  bench.run(seconds(3));
  const uint32_t asked_before = bench.camera.keyframes_asked();
  bench.servers.kill("p");
  bench.run(milliseconds(1500));
  EXPECT_EQ(bench.camera.keyframes_asked(), asked_before);
  EXPECT_GE(bench.last().order().size(), 80u);
}

TEST(session, an_audio_only_stream_starts_at_its_first_frame) {
  frame_feeder::options source;
  source.video = codec_id::none;
  source.audio = codec_id::aac;
  session_bench bench(source);
  bench.start();
  EXPECT_EQ(bench.connection(0).order().substr(0, 4), "MAss");
  EXPECT_EQ(bench.connection(0).sent[2].timestamp_ms, 0u);
}

TEST(session, sends_headers_again_at_the_present_time_when_they_change) {
  session_bench bench(with_audio());
  bench.start();
  bench.run(seconds(1));
  bench.camera.change_codec(codec_id::h265);
  bench.run(seconds(1));
  const scripted_connection& made = bench.connection(0);
  EXPECT_EQ(made.count(tag_kind::video_header), 2u);
  EXPECT_EQ(made.count(tag_kind::metadata), 2u);
  EXPECT_EQ(made.count(tag_kind::audio_header), 1u) << "its bytes did not change";
  for (size_t i = 10; i < made.sent.size(); ++i) {
    if (made.sent[i].kind != tag_kind::video_header) continue;
    EXPECT_GE(made.sent[i].timestamp_ms, 1000u);
  }
}

TEST(session, fails_over_through_the_list_and_waits_before_the_next_pass) {
  session_bench bench({}, {"p", "b1", "b2"});
  for (const char* host : {"p", "b1", "b2"}) bench.server(host).connect_failure = disconnect_reason::connect_refused;
  bench.start();
  EXPECT_EQ(bench.hosts(), "p b1 b2");
  EXPECT_EQ(bench.state(), session_state::error);
  EXPECT_EQ(bench.reason(), disconnect_reason::connect_refused);
  bench.run(milliseconds(1000));
  EXPECT_EQ(bench.hosts(), "p b1 b2 p b1 b2");
  bench.server("b1").connect_failure = disconnect_reason::none;
  bench.run(milliseconds(2100));
  EXPECT_EQ(bench.hosts(), "p b1 b2 p b1 b2 p b1");
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_EQ(bench.status().url_index, 1u);
  EXPECT_EQ(bench.status().failed_attempts, 7u);
}

TEST(session, gives_up_after_the_passes_rests_and_begins_again) {
  session_bench bench;
  bench.config.retry_policy.max_attempts = 3;
  bench.server("p").connect_failure = disconnect_reason::connect_timeout;
  bench.start();
  bench.run(seconds(10));
  EXPECT_EQ(bench.attempts(), 3u);
  EXPECT_EQ(bench.state(), session_state::disconnected);
  EXPECT_EQ(bench.reason(), disconnect_reason::gave_up);
  bench.server("p").connect_failure = disconnect_reason::none;
  bench.run(seconds(900));
  EXPECT_EQ(bench.state(), session_state::connected);
}

TEST(session, retry_ends_a_rest_at_once) {
  session_bench bench;
  bench.config.retry_policy.max_attempts = 1;
  bench.server("p").connect_failure = disconnect_reason::connect_timeout;
  bench.start();
  bench.run(seconds(5));
  ASSERT_EQ(bench.reason(), disconnect_reason::gave_up);
  bench.server("p").connect_failure = disconnect_reason::none;
  bench.subject.retry();
  bench.run(milliseconds(100));
  EXPECT_EQ(bench.state(), session_state::connected);
}

TEST(session, without_auto_reconnect_a_lost_connection_is_the_end) {
  session_bench bench;
  bench.config.retry_policy.auto_reconnect = false;
  bench.start();
  bench.run(seconds(40));
  bench.servers.kill("p");
  bench.run(minutes(60));
  EXPECT_EQ(bench.attempts(), 1u);
  EXPECT_EQ(bench.state(), session_state::disconnected);
  EXPECT_EQ(bench.reason(), disconnect_reason::gave_up);
}

TEST(session, a_template_that_does_not_expand_is_a_failure_of_that_url_only) {
  session_bench bench({}, {});
  bench.config.urls = {url_entry("rtmp://p/live/{file:/nonexistent/key}"), url_entry("rtmp://b1/live/x")};
  bench.start();
  EXPECT_EQ(bench.hosts(), "b1");
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_EQ(bench.status().last_error_reason, disconnect_reason::bad_url);
}

TEST(session, a_destination_for_h264_only_refuses_h265_with_a_clear_error_and_takes_h264_later) {
  frame_feeder::options source;
  source.video = codec_id::h265;
  session_bench bench(source);
  bench.config.hevc = hevc_mode::h264_only;
  bench.start();
  bench.run(seconds(10));
  EXPECT_EQ(bench.attempts(), 0u);
  EXPECT_EQ(bench.state(), session_state::disconnected);
  EXPECT_EQ(bench.reason(), disconnect_reason::codec_refused);
  EXPECT_NE(bench.status().last_error.view().find("H.264 only"), std::string_view::npos);
  bench.camera.change_codec(codec_id::h264);
  bench.run(seconds(2));
  EXPECT_EQ(bench.state(), session_state::connected);
  bench.camera.change_codec(codec_id::h265);
  bench.run(seconds(2));
  EXPECT_EQ(bench.reason(), disconnect_reason::codec_refused);
}

TEST(session, disconnect_unpublishes_and_tells_when_nothing_is_left) {
  session_bench bench;
  bench.start();
  bool is_idle = false;
  bench.subject.disconnect(seconds(2), [&] { is_idle = true; });
  EXPECT_FALSE(is_idle) << "never from inside the call";
  EXPECT_EQ(bench.subject.status().reason, disconnect_reason::user_request);
  bench.run(milliseconds(30));
  EXPECT_TRUE(is_idle);
  EXPECT_TRUE(bench.connection(0).is_stopped);
  EXPECT_TRUE(bench.connection(0).is_gone);
  bench.run(minutes(5));
  EXPECT_EQ(bench.attempts(), 1u);
}

TEST(session, disconnect_ends_at_its_deadline_when_the_server_never_answers) {
  session_bench bench;
  bench.server("p").stopped_after = minutes(60);
  bench.start();
  bool is_idle = false;
  bench.subject.disconnect(seconds(2), [&] { is_idle = true; });
  bench.run(milliseconds(2010));
  EXPECT_TRUE(is_idle);
}

TEST(session, a_server_that_acknowledges_nothing_for_8_s_is_left) {
  session_bench bench({}, {"p", "b1"});
  bench.start();
  bench.run(seconds(2));
  bench.server("p").acknowledges = false;
  bench.run(milliseconds(7600));
  EXPECT_EQ(bench.hosts(), "p");
  bench.run(milliseconds(800));
  EXPECT_EQ(bench.hosts(), "p b1");
  EXPECT_EQ(bench.status().last_error_reason, disconnect_reason::ack_stall);
}

TEST(session, a_queue_over_its_critical_bytes_ends_the_connection) {
  frame_feeder::options source;
  source.keyframe_bytes = 400'000;
  source.gop = 1;
  session_bench bench(source);
  bench.start();
  bench.server("p").refuses_writes = true;
  bench.run(seconds(3));
  EXPECT_EQ(bench.status().last_error_reason, disconnect_reason::queue_critical);
}

TEST(session, writes_again_when_the_transport_takes_bytes_again) {
  session_bench bench;
  bench.start();
  bench.server("p").refuses_writes = true;
  bench.run(milliseconds(400));
  EXPECT_GT(bench.subject.status().frames_sent[0], 0u);
  const size_t sent_before = bench.connection(0).sent.size();
  bench.server("p").refuses_writes = false;
  bench.servers.unblock("p");
  bench.run(milliseconds(1));
  EXPECT_GE(bench.connection(0).sent.size(), sent_before + 9);
}

TEST(session, a_picture_over_max_message_bytes_is_dropped_reported_and_a_lower_bitrate_asked_for) {
  session_bench bench;
  bench.config.max_message_bytes = 20'000;
  bench.config.encoder_kbps = 4000;
  bench.start();
  bench.run(seconds(2));
  const size_t keys_before = bench.subject.status().frames_sent[0];
  bench.camera.settings.keyframe_bytes = 30'000;
  bench.run(seconds(2));
  const session_status status = bench.status();
  EXPECT_EQ(status.frames_sent[0], keys_before);
  EXPECT_GE(status.dropped.count[static_cast<size_t>(frame_kind::key)][static_cast<size_t>(drop_reason::too_big)], 1u);
  EXPECT_NE(status.last_error.view().find("message_too_big"), std::string_view::npos);
  EXPECT_EQ(bench.camera.bitrate_asked(), 3000u);
  EXPECT_EQ(status.state, session_state::connected);
}

struct size_row {
  const char* name;
  uint32_t encoder_kbps;
  bool is_adaptive, has_audio, is_big_from_the_start;
  std::array<uint32_t, 5> asked;  ///< every 11 s
};
class session_size : public ::testing::TestWithParam<size_row> {};
INSTANTIATE_TEST_SUITE_P(
    bitrate, session_size,
    ::testing::Values(size_row{"with_sound", 4000, false, true, false, {3000, 2250, 1688, 1266, 1000}},
                      size_row{"without_sound", 4000, false, false, false, {3000, 2250, 1688, 1266, 1000}},
                      size_row{"from_the_start", 4000, false, true, true, {3000, 2250, 1688, 1266, 1000}},
                      size_row{"adaptive", 4000, true, true, false, {3000, 2250, 1688, 1266, 1000}},
                      size_row{"adaptive_from_the_start", 4000, true, true, true, {3000, 2250, 1688, 1266, 1000}},
                      size_row{"of_a_slow_encoder", 240, false, true, false, {180, 150, 150, 150, 150}},
                      // 24 pictures of 5000 and one of 1000 a second, until they are too big: 968 kbit/s.
                      size_row{"of_unknown_rate", 0, false, false, false, {726, 545, 409, 307, 230}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_P(session_size, lowers_what_the_encoder_runs_at_by_a_quarter_every_ten_seconds) {
  const size_row& row = GetParam();
  frame_feeder::options source = row.has_audio ? with_audio() : frame_feeder::options{};
  source.picture_bytes = 5000;
  source.keyframe_bytes = row.is_big_from_the_start ? 30'000 : 1000;
  session_bench bench(source);
  bench.config.max_message_bytes = 20'000;
  bench.config.encoder_kbps = row.encoder_kbps;
  bench.config.adaptive_bitrate.enabled = row.is_adaptive;
  bench.start();
  if (!row.is_big_from_the_start) bench.run(seconds(5));
  bench.camera.settings.keyframe_bytes = 30'000;
  bench.run(seconds(5));
  for (const uint32_t expected : row.asked) {
    EXPECT_NEAR(bench.camera.bitrate_asked(), expected, row.encoder_kbps > 0 ? 1 : 5);
    bench.run(seconds(11));
  }
  EXPECT_EQ(bench.attempts(), 1u);
}

TEST(session, a_bitrate_lowered_for_the_first_keyframe_stays_when_media_start) {
  frame_feeder::options source;
  source.keyframe_bytes = 30'000;
  session_bench bench(source);
  bench.config.max_message_bytes = 20'000;
  bench.config.encoder_kbps = 4000;
  bench.config.adaptive_bitrate.enabled = true;
  bench.start();
  bench.run(seconds(2));
  bench.camera.settings.keyframe_bytes = 1000;
  bench.run(seconds(30));
  EXPECT_NE(bench.connection(0).order(), "");
  EXPECT_EQ(bench.camera.bitrate_asked(), 3000u);
}

TEST(session, sends_nothing_at_all_before_a_keyframe_that_fits) {
  frame_feeder::options source = with_audio();
  source.keyframe_bytes = 30'000;
  session_bench bench(source);
  bench.config.max_message_bytes = 20'000;
  bench.start();
  bench.run(seconds(3));
  EXPECT_EQ(bench.connection(0).order(), "");
  EXPECT_NE(bench.status().last_error.view().find("message_too_big"), std::string_view::npos);
  bench.camera.settings.keyframe_bytes = 1000;
  bench.run(seconds(2));
  EXPECT_EQ(bench.connection(0).order().substr(0, 4), "MVAk");
}

TEST(session, does_not_replay_a_gop_that_would_fill_the_queue) {
  frame_feeder::options source;
  source.gop = 100;
  source.picture_bytes = 50'000;
  session_bench bench(source);
  bench.start();
  bench.run(milliseconds(3000));
  bench.servers.kill("p");
  bench.run(seconds(3));
  ASSERT_EQ(bench.attempts(), 2u);
  EXPECT_EQ(bench.state(), session_state::connected);
  EXPECT_EQ(bench.last().order().substr(0, 3), "MVk");
  EXPECT_LT(bench.last().count(tag_kind::video), 70u);
}

TEST(session, tells_rates_bytes_and_latency) {
  session_bench bench;
  bench.start();
  bench.run(seconds(10));
  const session_status status = bench.status();
  EXPECT_NEAR(status.frames_per_second, 25.0, 1.0);
  EXPECT_GT(status.bitrate_current_bps, 40'000u);
  EXPECT_EQ(status.bytes_acknowledged, status.bytes_sent);
  EXPECT_GT(status.latency_us, 0u);
  EXPECT_TRUE(status.is_acknowledging);
  EXPECT_EQ(status.video_codec, codec_id::h264);
  EXPECT_EQ(status.url.view(), "rtmp://p/live/cam0_main");
}

TEST(session, counts_up_time_and_down_time) {
  session_bench bench;
  bench.start();
  bench.run(seconds(100));
  bench.server("p").connect_failure = disconnect_reason::connect_refused;
  bench.servers.kill("p");
  bench.run(seconds(5));
  bench.server("p").connect_failure = disconnect_reason::none;
  bench.run(seconds(10));
  const session_status status = bench.status();
  EXPECT_EQ(status.state, session_state::connected);
  EXPECT_GT(status.downtime_total, seconds(5));
  EXPECT_LT(status.downtime_total, seconds(9));
  EXPECT_GT(status.uptime_total, seconds(100));
  EXPECT_EQ(status.connects, 2u);
}

}  // namespace
}  // namespace campush
