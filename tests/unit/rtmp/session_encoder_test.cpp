#include <gtest/gtest.h>

#include "unit/rtmp/codec_bench.h"

namespace campush {
namespace {

using namespace test;
using fallback = hevc_fallback::kind;

session_config h264_only(const std::string& host) {
  session_config config = codec_bench::config_for(host, fallback::encoder);
  config.hevc = hevc_mode::h264_only;
  return config;
}

TEST(session_encoder, that_another_destination_holds_is_asked_again_until_it_is_free) {
  const struct {
    const char* name;
    bool is_retried;
    duration within;
  } rows[] = {{"by itself", false, seconds(35)}, {"by hand", true, seconds(3)}};
  for (const auto& row : rows) {
    codec_bench bench(codec_bench::obedient());
    bench.create(codec_bench::config_for("b"));
    const auto status = bench.create(h264_only("a"));
    bench.start();
    bench.run(minutes(3));
    ASSERT_EQ(status->read().reason, disconnect_reason::codec_refused) << row.name;
    EXPECT_GT(status->read().next_retry_at, bench.world.now()) << row.name;
    ASSERT_EQ(bench.main_camera.codecs_asked(), "") << row.name;
    ASSERT_TRUE(bench.subject.destroy("b").has_value());
    bench.run(seconds(1));
    if (row.is_retried) bench.subject.retry_all();
    bench.run(row.within);
    EXPECT_EQ(status->read().state, session_state::connected) << row.name;
    EXPECT_EQ(codec_bench::pictures(bench.last()), "h264 enhanced") << row.name;
    EXPECT_EQ(bench.main_camera.codecs_asked(), "h264") << row.name;
  }
}

TEST(session_encoder, that_did_not_do_as_asked_is_asked_again_seldom) {
  const struct {
    const char* name;
    control_outcome outcome;
    bool keeps_codec;
    const char* asked_in_two_hours;
  } rows[] = {
      {"cannot", control_outcome::unsupported, false, "24"},
      {"says yes and does not", control_outcome::accepted, true, "2"},
  };
  for (const auto& row : rows) {
    frame_feeder::options source = codec_bench::h265();
    source.codec_change = row.outcome;
    source.keeps_codec = row.keeps_codec;
    codec_bench bench(source);
    const auto status = bench.create(h264_only("a"));
    bench.start();
    bench.run(minutes(119));
    EXPECT_EQ(status->read().reason, disconnect_reason::codec_refused) << row.name;
    EXPECT_EQ(bench.attempts(), 0u) << row.name;
    std::string asked = bench.main_camera.codecs_asked();
    size_t count = 0;
    for (size_t at = asked.find("h264"); at != std::string::npos; at = asked.find("h264", at + 1)) ++count;
    EXPECT_EQ(std::to_string(count), row.asked_in_two_hours) << row.name;
  }
}

TEST(session_encoder, is_not_waited_for_any_more_once_the_connection_was_lost) {
  codec_bench bench(codec_bench::obedient());
  bench.list_codecs("a", false);
  const auto status = bench.create(codec_bench::config_for("a", fallback::encoder));
  bench.start();
  ASSERT_EQ(codec_bench::pictures(bench.last()), "h264 enhanced");
  bench.list_codecs("a", true);
  const size_t attempts = bench.attempts();
  ASSERT_TRUE(bench.subject.retry("a").has_value());
  bench.servers.kill("a");
  bench.run(seconds(10));
  EXPECT_EQ(status->read().state, session_state::connected);
  EXPECT_EQ(codec_bench::pictures(bench.last()), "h265 enhanced");
  EXPECT_EQ(bench.attempts(), attempts + 1) << "the new connection has H.265 already";
}

TEST(session_encoder, stays_h264_for_one_that_learns_of_the_refusal_while_it_gives_h264) {
  codec_bench bench(codec_bench::obedient());
  bench.list_codecs("a", false);
  bench.list_codecs("b", false);
  bench.create(codec_bench::config_for("a", fallback::encoder));
  bench.start();
  ASSERT_EQ(bench.main_camera.codecs_asked(), "h264");
  const auto second = bench.create(codec_bench::config_for("b", fallback::encoder));
  bench.run(seconds(3));
  ASSERT_EQ(second->read().state, session_state::connected);
  EXPECT_TRUE(second->read().is_on_fallback);
  const size_t attempts = bench.attempts();
  ASSERT_TRUE(bench.subject.destroy("a").has_value());
  bench.run(seconds(3));
  EXPECT_EQ(bench.main_camera.codecs_asked(), "h264") << "the other one needs it";
  EXPECT_EQ(bench.attempts(), attempts);
  ASSERT_TRUE(bench.subject.destroy("b").has_value());
  bench.run(seconds(2));
  EXPECT_EQ(bench.main_camera.codecs_asked(), "h264 h265");
}

}  // namespace
}  // namespace campush
