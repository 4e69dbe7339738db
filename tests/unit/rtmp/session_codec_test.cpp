#include <gtest/gtest.h>

#include "unit/rtmp/codec_bench.h"

namespace campush {
namespace {

using namespace test;
using fallback = hevc_fallback::kind;

bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST(session_codec, what_is_sent_follows_mode_and_answer) {
  enum class says { silent, listed, not_listed, refuses };
  const struct {
    const char* name;
    hevc_mode mode;
    says server;
    const char* pictures;  ///< null: none, the codec is refused
    bool asks;
  } rows[] = {
      {"auto, silent", hevc_mode::automatic, says::silent, "h265 enhanced", true},
      {"auto, listed", hevc_mode::automatic, says::listed, "h265 enhanced", true},
      {"auto, not listed", hevc_mode::automatic, says::not_listed, nullptr, true},
      {"auto, refuses properties", hevc_mode::automatic, says::refuses, "h265 enhanced", true},
      {"enhanced, silent", hevc_mode::enhanced, says::silent, "h265 enhanced", true},
      {"enhanced, listed", hevc_mode::enhanced, says::listed, "h265 enhanced", true},
      {"enhanced, not listed", hevc_mode::enhanced, says::not_listed, "h265 enhanced", true},
      {"enhanced, refuses properties", hevc_mode::enhanced, says::refuses, "h265 enhanced", true},
      {"legacy12, silent", hevc_mode::legacy12, says::silent, "h265 legacy12", false},
      {"legacy12, listed", hevc_mode::legacy12, says::listed, "h265 legacy12", false},
      {"legacy12, not listed", hevc_mode::legacy12, says::not_listed, "h265 legacy12", false},
      {"legacy12, refuses properties", hevc_mode::legacy12, says::refuses, "h265 legacy12", false},
      {"h264_only, silent", hevc_mode::h264_only, says::silent, nullptr, false},
      {"h264_only, listed", hevc_mode::h264_only, says::listed, nullptr, false},
      {"h264_only, not listed", hevc_mode::h264_only, says::not_listed, nullptr, false},
      {"h264_only, refuses properties", hevc_mode::h264_only, says::refuses, nullptr, false},
  };
  for (const auto& row : rows) {
    codec_bench bench;
    if (row.server == says::listed || row.server == says::not_listed) {
      bench.list_codecs("a", row.server == says::listed);
    }
    bench.server("a").answer.refuses_properties = row.server == says::refuses;
    session_config config = codec_bench::config_for("a");
    config.hevc = row.mode;
    const auto status = bench.create(config);
    bench.start();
    if (row.pictures != nullptr) {
      ASSERT_EQ(bench.attempts(), 1u) << row.name;
      EXPECT_EQ(status->read().state, session_state::connected) << row.name;
      EXPECT_EQ(codec_bench::pictures(bench.last()), row.pictures) << row.name;
    } else {
      EXPECT_EQ(status->read().reason, disconnect_reason::codec_refused) << row.name;
      EXPECT_EQ(status->read().last_error_reason, disconnect_reason::codec_refused) << row.name;
      EXPECT_TRUE(holds(status->read().last_error.view(), "configure a fallback")) << row.name;
      for (const auto& each : bench.servers.connections) EXPECT_TRUE(each->sent.empty()) << row.name;
    }
    if (bench.attempts() > 0) {
      EXPECT_EQ(bench.last().target.enhanced.hevc, row.asks) << row.name;
      EXPECT_TRUE(bench.last().target.enhanced.reconnect) << row.name;
    }
  }
}

TEST(session_codec, h264_asks_for_nothing_but_reconnect) {
  codec_bench bench(frame_feeder::options{});
  bench.create(codec_bench::config_for("a"));
  bench.start();
  EXPECT_FALSE(bench.last().target.enhanced.hevc);
  EXPECT_TRUE(bench.last().target.enhanced.reconnect);
}

TEST(session_codec, who_refuses_properties_is_not_asked_again) {
  codec_bench bench;
  bench.server("a").answer.refuses_properties = true;
  bench.create(codec_bench::config_for("a"));
  bench.start();
  bench.server("a").answer.refuses_properties = false;
  bench.servers.kill("a");
  bench.run(seconds(5));
  ASSERT_EQ(bench.attempts(), 2u);
  EXPECT_FALSE(bench.last().target.enhanced.any());
  EXPECT_EQ(codec_bench::pictures(bench.last()), "h265 enhanced");
  ASSERT_TRUE(bench.known("a").has_value());
  EXPECT_TRUE(bench.known("a")->refuses_properties) << "its silence to no question changes nothing";
}

TEST(session_codec, without_a_fallback_a_refusal_waits_as_denied_and_asks_again) {
  codec_bench bench;
  bench.list_codecs("a", false);
  const auto status = bench.create(codec_bench::config_for("a"));
  bench.start();
  EXPECT_EQ(bench.attempts(), 1u);
  EXPECT_EQ(status->read().state, session_state::disconnected);
  EXPECT_GT(status->read().next_retry_at, bench.world.now() + minutes(4));
  bench.list_codecs("a", true);
  bench.run(minutes(5));
  EXPECT_EQ(status->read().state, session_state::connected) << "the server was updated";
  EXPECT_EQ(codec_bench::pictures(bench.last()), "h265 enhanced");
}

TEST(session_codec, a_server_that_has_no_list_any_more_is_believed) {
  codec_bench bench;
  bench.list_codecs("a", false);
  const auto status = bench.create(codec_bench::config_for("a"));
  bench.start();
  bench.server("a").answer = server_capabilities{};
  bench.run(minutes(5));
  EXPECT_EQ(status->read().state, session_state::connected);
  EXPECT_EQ(codec_bench::pictures(bench.last()), "h265 enhanced");
  EXPECT_FALSE(bench.known("a").has_value());
}

TEST(session_codec, what_a_server_says_that_another_one_led_to_is_kept_for_this_session_alone) {
  codec_bench bench;
  bench.server("a").redirect_to = "rtmp://b/live";
  bench.list_codecs("b", false);
  const auto status = bench.create(codec_bench::config_for("a"));
  bench.start();
  EXPECT_EQ(status->read().reason, disconnect_reason::codec_refused) << "it is believed";
  EXPECT_FALSE(bench.known("b").has_value()) << "a hostile server could name hundreds";
}

TEST(session_codec, a_refusal_by_all_ends_when_the_stream_becomes_h264) {
  codec_bench bench;
  bench.list_codecs("a", false);
  const auto status = bench.create(codec_bench::config_for("a"));
  bench.start();
  ASSERT_EQ(status->read().reason, disconnect_reason::codec_refused);
  bench.main_camera.change_codec(codec_id::h264);
  bench.run(seconds(2));
  EXPECT_EQ(status->read().state, session_state::connected);
  EXPECT_EQ(codec_bench::pictures(bench.last()), "h264 enhanced");
}

TEST(session_codec, the_decision_belongs_to_the_url_in_use) {
  codec_bench bench;
  bench.list_codecs("a", false);
  bench.list_codecs("b", true);
  session_config config = codec_bench::config_for("a");
  config.urls.push_back("rtmp://b/live/x");
  const auto status = bench.create(config);
  bench.start();
  EXPECT_EQ(status->read().state, session_state::connected);
  EXPECT_EQ(status->read().url_index, 1u);
  EXPECT_EQ(codec_bench::pictures(bench.last()), "h265 enhanced");
}

TEST(session_codec, the_encoder_is_asked_for_h264_where_that_is_the_fallback) {
  codec_bench bench(codec_bench::obedient());
  bench.list_codecs("a", false);
  const auto status = bench.create(codec_bench::config_for("a", fallback::encoder));
  bench.start();
  EXPECT_EQ(bench.main_camera.codecs_asked(), "h264");
  EXPECT_EQ(status->read().state, session_state::connected);
  EXPECT_TRUE(status->read().is_on_fallback);
  EXPECT_TRUE(holds(status->read().codec_note.view(), "rtmp://a/live/x")) << status->read().codec_note.c_str();
  EXPECT_EQ(codec_bench::pictures(bench.last()), "h264 enhanced");
  EXPECT_EQ(bench.attempts(), 2u);
  EXPECT_EQ(status->read().errors, 0u);
  EXPECT_EQ(status->read().pass, 1u);
  EXPECT_EQ(bench.last().order().substr(0, 3), "MVk");
}

TEST(session_codec, what_was_learned_saves_the_connection_that_would_be_refused) {
  codec_bench bench(codec_bench::obedient());
  server_capabilities refusing;
  refusing.has_video_list = true;
  bench.answers.remember("rtmp://a:1935/live", refusing, bench.world.time().wall_now());
  bench.list_codecs("a", false);
  const auto status = bench.create(codec_bench::config_for("a", fallback::encoder));
  bench.start();
  EXPECT_EQ(bench.attempts(), 1u);
  EXPECT_EQ(status->read().state, session_state::connected);
  EXPECT_EQ(codec_bench::pictures(bench.last()), "h264 enhanced");
}

TEST(session_codec, the_encoder_is_left_alone_while_another_destination_holds_h265) {
  const struct {
    const char* name;
    bool is_secondary;
    bool is_switched;
  } rows[] = {{"one that counts", false, false}, {"a secondary one", true, true}};
  for (const auto& row : rows) {
    codec_bench bench(codec_bench::obedient());
    bench.list_codecs("a", false);
    session_config other = codec_bench::config_for("b");
    other.is_secondary = row.is_secondary;
    const auto kept = bench.create(other);
    const auto status = bench.create(codec_bench::config_for("a", fallback::encoder));
    bench.start();
    EXPECT_EQ(bench.main_camera.codecs_asked(), row.is_switched ? "h264" : "") << row.name;
    EXPECT_EQ(status->read().state == session_state::connected, row.is_switched) << row.name;
    EXPECT_EQ(kept->read().state, session_state::connected) << row.name;
    if (row.is_switched) continue;
    EXPECT_EQ(status->read().reason, disconnect_reason::codec_refused);
    EXPECT_TRUE(holds(status->read().last_error.view(), "destination b holds H.265"))
        << status->read().last_error.c_str();
  }
}

TEST(session_codec, two_destinations_that_refuse_h265_share_the_switched_encoder) {
  codec_bench bench(codec_bench::obedient());
  bench.list_codecs("a", false);
  bench.list_codecs("b", false);
  bench.server("b").ready_after = milliseconds(500);
  const auto first = bench.create(codec_bench::config_for("a", fallback::encoder));
  const auto second = bench.create(codec_bench::config_for("b", fallback::encoder));
  bench.start();
  bench.run(seconds(3));
  EXPECT_EQ(first->read().state, session_state::connected) << "it need not wait out its five minutes";
  EXPECT_EQ(second->read().state, session_state::connected);
  const std::string asked = bench.main_camera.codecs_asked();
  ASSERT_TRUE(bench.subject.destroy("b").has_value());
  bench.run(seconds(2));
  EXPECT_EQ(bench.main_camera.codecs_asked(), asked) << "the other one still needs it";
}

TEST(session_codec, the_encoder_goes_back_to_h265_when_nobody_needs_h264_any_more) {
  codec_bench bench(codec_bench::obedient());
  bench.list_codecs("a", false);
  bench.create(codec_bench::config_for("a", fallback::encoder));
  bench.start();
  ASSERT_TRUE(bench.subject.destroy("a").has_value());
  bench.run(seconds(2));
  EXPECT_EQ(bench.main_camera.codecs_asked(), "h264 h265");
}

TEST(session_codec, an_encoder_that_cannot_or_does_not_change_counts_as_none) {
  const struct {
    const char* name;
    control_outcome outcome;
    bool keeps_codec;
    const char* why;
  } rows[] = {
      {"cannot", control_outcome::unsupported, false, "cannot change its codec"},
      {"fails", control_outcome::failed, false, "did not change its codec"},
      {"says yes and does not", control_outcome::accepted, true, "went on with H.265"},
  };
  for (const auto& row : rows) {
    frame_feeder::options source = codec_bench::h265();
    source.codec_change = row.outcome;
    source.keeps_codec = row.keeps_codec;
    codec_bench bench(source);
    bench.list_codecs("a", false);
    const auto status = bench.create(codec_bench::config_for("a", fallback::encoder));
    bench.start();
    bench.run(seconds(12));
    EXPECT_EQ(status->read().reason, disconnect_reason::codec_refused) << row.name;
    EXPECT_TRUE(holds(status->read().last_error.view(), row.why)) << status->read().last_error.c_str();
    EXPECT_FALSE(status->read().is_on_fallback) << row.name;
    EXPECT_LE(bench.attempts(), 2u) << row.name;
  }
}

TEST(session_codec, another_stream_is_pushed_where_that_is_the_fallback) {
  codec_bench bench;
  bench.list_codecs("a", false);
  const auto status = bench.create(codec_bench::config_for("a", fallback::stream));
  bench.start();
  EXPECT_EQ(bench.attempts(), 1u) << "the connection that learned of it is used";
  EXPECT_EQ(status->read().state, session_state::connected);
  EXPECT_TRUE(status->read().is_on_fallback);
  EXPECT_TRUE(holds(status->read().codec_note.view(), "stream 1 is pushed instead"))
      << status->read().codec_note.c_str();
  EXPECT_EQ(codec_bench::pictures(bench.last()), "h264 enhanced");
  EXPECT_EQ(bench.last().order().substr(0, 3), "MVk");
  EXPECT_EQ(status->read().video_codec, codec_id::h264);
}

TEST(session_codec, a_backup_that_takes_h265_gets_the_streams_own_pictures) {
  codec_bench bench;
  bench.list_codecs("a", false);
  session_config config = codec_bench::config_for("a", fallback::stream);
  config.urls.push_back("rtmp://b/live/x");
  const auto status = bench.create(config);
  bench.start();
  ASSERT_EQ(codec_bench::pictures(bench.last()), "h264 enhanced");
  bench.server("a").connect_failure = disconnect_reason::connect_refused;
  bench.servers.kill("a");
  bench.run(seconds(3));
  EXPECT_EQ(bench.last().host, "b");
  EXPECT_EQ(codec_bench::pictures(bench.last()), "h265 enhanced");
  EXPECT_FALSE(status->read().is_on_fallback);
  EXPECT_STREQ(status->read().codec_note.c_str(), "");
  bench.server("a").connect_failure = disconnect_reason::none;
  bench.run(minutes(6));
  EXPECT_EQ(bench.last().host, "a") << "failback, break before make";
  EXPECT_EQ(codec_bench::pictures(bench.last()), "h264 enhanced");
  EXPECT_EQ(status->read().url_index, 0u);
  EXPECT_TRUE(status->read().is_on_fallback);
}

TEST(session_codec, failback_returns_to_the_streams_own_pictures) {
  codec_bench bench;
  bench.list_codecs("b", false);
  bench.server("a").connect_failure = disconnect_reason::connect_refused;
  session_config config = codec_bench::config_for("a", fallback::stream);
  config.urls.push_back("rtmp://b/live/x");
  const auto status = bench.create(config);
  bench.start();
  ASSERT_EQ(codec_bench::pictures(bench.last()), "h264 enhanced");
  bench.server("a").connect_failure = disconnect_reason::none;
  bench.run(minutes(6));
  EXPECT_EQ(bench.last().host, "a");
  EXPECT_EQ(codec_bench::pictures(bench.last()), "h265 enhanced");
  EXPECT_FALSE(status->read().is_on_fallback);
}

TEST(session_codec, a_fallback_stream_that_is_missing_or_h265_too_is_none) {
  for (const bool has_sub : {false, true}) {
    codec_bench bench;
    bench.has_sub = has_sub;
    if (has_sub) bench.sub_camera.settings.video = codec_id::h265;
    bench.sub_camera.start();
    bench.run(seconds(1));
    bench.list_codecs("a", false);
    const auto status = bench.create(codec_bench::config_for("a", fallback::stream));
    bench.main_camera.start();
    bench.run(seconds(2));
    EXPECT_EQ(status->read().reason, disconnect_reason::codec_refused) << has_sub;
    EXPECT_TRUE(holds(status->read().last_error.view(), "no H.264 stream 1")) << status->read().last_error.c_str();
  }
}

TEST(session_codec, a_fallback_stream_that_sleeps_is_waited_for) {
  codec_bench bench;
  bench.list_codecs("a", false);
  const auto status = bench.create(codec_bench::config_for("a", fallback::stream));
  bench.main_camera.start();
  bench.run(seconds(3));
  EXPECT_EQ(status->read().state, session_state::disconnected);
  EXPECT_EQ(status->read().reason, disconnect_reason::not_started);
  const size_t attempts = bench.attempts();
  bench.sub_camera.start();
  bench.run(seconds(2));
  EXPECT_EQ(status->read().state, session_state::connected);
  EXPECT_EQ(bench.attempts(), attempts + 1);
}

TEST(session_codec, a_fallback_stream_that_is_closed_is_let_go_of) {
  codec_bench bench;
  bench.list_codecs("a", false);
  const auto status = bench.create(codec_bench::config_for("a", fallback::stream));
  bench.start();
  ASSERT_EQ(status->read().state, session_state::connected);
  bench.has_sub = false;
  bench.subject.on_stream_closing(bench.sub_stream);
  bench.run(seconds(5));
  EXPECT_EQ(status->read().reason, disconnect_reason::codec_refused);
  EXPECT_FALSE(status->read().is_on_fallback);
}

TEST(session_codec, h264_only_uses_the_fallbacks_too) {
  for (const fallback what : {fallback::encoder, fallback::stream}) {
    codec_bench bench(codec_bench::obedient());
    session_config config = codec_bench::config_for("a", what);
    config.hevc = hevc_mode::h264_only;
    const auto status = bench.create(config);
    bench.start();
    EXPECT_EQ(bench.attempts(), 1u);
    EXPECT_EQ(status->read().state, session_state::connected);
    EXPECT_EQ(codec_bench::pictures(bench.last()), "h264 enhanced");
    EXPECT_TRUE(status->read().is_on_fallback);
    EXPECT_EQ(bench.main_camera.codecs_asked(), what == fallback::encoder ? "h264" : "");
  }
}

TEST(session_codec, retry_forgets_what_the_server_said_and_tries_h265_again) {
  for (const fallback what : {fallback::none, fallback::encoder, fallback::stream}) {
    codec_bench bench(codec_bench::obedient());
    bench.list_codecs("a", false);
    const auto status = bench.create(codec_bench::config_for("a", what));
    bench.start();
    ASSERT_TRUE(bench.known("a").has_value());
    bench.list_codecs("a", true);
    ASSERT_TRUE(bench.subject.retry("a").has_value());
    EXPECT_FALSE(bench.known("a").has_value());
    bench.run(seconds(5));
    EXPECT_EQ(status->read().state, session_state::connected) << static_cast<int>(what);
    EXPECT_EQ(codec_bench::pictures(bench.last()), "h265 enhanced") << static_cast<int>(what);
    EXPECT_FALSE(status->read().is_on_fallback) << static_cast<int>(what);
  }
}

TEST(session_codec, a_close_right_after_the_first_h265_pictures_is_a_hint_and_no_more) {
  codec_bench bench;
  const auto status = bench.create(codec_bench::config_for("a"));
  bench.start();
  bench.servers.kill("a", disconnect_reason::closed_by_server);
  bench.run(milliseconds(10));
  EXPECT_TRUE(holds(status->read().last_error.view(), "first H.265 pictures")) << status->read().last_error.c_str();
  bench.run(seconds(12));
  EXPECT_EQ(codec_bench::pictures(bench.last()), "h265 enhanced") << "it is no proof";
  bench.servers.kill("a", disconnect_reason::closed_by_server);
  bench.run(milliseconds(10));
  EXPECT_FALSE(holds(status->read().last_error.view(), "H.265")) << "too late to be a hint";
}

TEST(session_codec, a_secret_host_is_not_written_down) {
  codec_bench bench;
  ASSERT_EQ(::setenv("CAMPUSH_TEST_HOST", "a", 1), 0);
  session_config config = codec_bench::config_for("a", fallback::stream);
  config.urls = {url_entry("rtmp://{env:CAMPUSH_TEST_HOST}/live/x")};
  bench.list_codecs("a", false);
  const auto status = bench.create(config);
  bench.start();
  EXPECT_EQ(bench.answers.size(), 0u);
  bench.servers.kill("a");
  bench.run(seconds(5));
  EXPECT_EQ(status->read().state, session_state::connected);
  EXPECT_FALSE(bench.last().target.enhanced.hevc) << "it is remembered all the same, by the session";
}

}  // namespace
}  // namespace campush
