#include <gtest/gtest.h>

#include "unit/rtmp/media_stream_bench.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace test;

// Level 4.1 instead of 4.0.
const char* const other_sps = "67 64 00 29 AC B2 00 F0 04 4F CB 80 88 00 00 03 00 08 00 00 03 01 90 78 C1 92 40";

TEST_F(media_stream_test, keeps_no_group_of_pictures_of_two_sets_of_headers) {
  open();
  stream.hold_gop_cache();
  key();
  run(milliseconds(40));
  inter();
  run(milliseconds(1));
  EXPECT_EQ(2u, stream.gop().size());
  stream.on_frame(owned_frame(codec_id::h264, annexb_of({other_sps, "41 9A 24"}), now_ms() + 40, now_ms() + 40).frame);
  run(milliseconds(1));
  EXPECT_EQ(2u, stream.headers()->generation);
  EXPECT_TRUE(stream.gop().empty()) << "its keyframe needs other headers than the newest";
  run(milliseconds(100));
  inter();
  run(milliseconds(1));
  EXPECT_TRUE(stream.gop().empty());
  key();
  run(milliseconds(1));
  EXPECT_EQ(1u, stream.gop().size());
}

TEST_F(media_stream_test, begins_with_a_keyframe_whenever_the_source_was_opened) {
  const auto control = std::make_shared<counting_control>();
  const int64_t start = now_ms();
  stream.set_control(control);
  stream.add_sink(sink);
  open();
  key();
  run(milliseconds(40));
  inter();
  run(milliseconds(40));
  const error failure{error_code::io_failed, "gone"};
  stream.on_source_event({source_event_kind::failed, nullptr, &failure});
  open();
  inter();
  sound();
  run(milliseconds(40));
  inter();
  run(milliseconds(0));
  EXPECT_EQ("K0 V40 A80", dts_of(sink.tags, start)) << "what these pictures refer to went by while it was closed";
  EXPECT_EQ(1, control->keyframes);
  run(milliseconds(40));
  key();
  run(milliseconds(40));
  inter();
  run(milliseconds(0));
  EXPECT_EQ("K0 V40 A80 K160 V200", dts_of(sink.tags, start));
}

TEST_F(media_stream_test, lets_held_tags_go_before_it_tells_of_the_end) {
  const int64_t start = now_ms();
  stream.add_sink(sink);
  open();
  stream.on_frame(h264_key(start).frame);
  stream.on_frame(h264_inter(start + 100).frame);
  stream.on_frame(aac_frame(start + 61).frame);
  stream.on_frame(h264_inter(start + 140).frame);
  run(milliseconds(0));
  EXPECT_EQ("K0 V100 A100", dts_of(sink.tags, start)) << "one picture waits for the sound, which is known to lag";
  end();
  run(milliseconds(0));
  EXPECT_EQ("K0 V100 A100 V140", dts_of(sink.tags, start));
  run(seconds(10));
  EXPECT_EQ((std::vector{stream_state::live, stream_state::ended}), sink.states);
}

TEST_F(media_stream_test, asks_nobody_when_a_keyframe_came_before_the_end_of_the_interval) {
  const auto control = std::make_shared<counting_control>();
  stream.set_control(control);
  open();
  stream.request_keyframe();
  run(milliseconds(100));
  key();
  run(milliseconds(100));
  stream.request_keyframe();
  run(milliseconds(1000));
  key();
  run(seconds(10));
  EXPECT_EQ(1, control->keyframes);
}

TEST_F(media_stream_test, loses_no_picture_when_sound_comes_or_goes) {
  const auto control = std::make_shared<counting_control>();
  const int64_t start = now_ms();
  stream.set_control(control);
  stream.add_sink(sink);
  open(only_video(codec_id::h264));
  key();
  run(milliseconds(40));
  inter();
  describe(h264_and_aac());
  run(milliseconds(40));
  inter();
  sound();
  run(milliseconds(40));
  inter();
  describe(only_video(codec_id::h264));
  run(milliseconds(40));
  inter();
  run(milliseconds(500));
  EXPECT_EQ("K0 V40 V80 A80 V120 V160", dts_of(sink.tags, start));
  EXPECT_EQ(0u, stream.counters().ring_overflows);
  EXPECT_EQ(0, control->keyframes);
}

TEST_F(media_stream_test, begins_new_pictures_with_a_keyframe) {
  const int64_t start = now_ms();
  stream.add_sink(sink);
  open(only_video(codec_id::h264));
  key();
  run(milliseconds(40));
  stream_description wider = only_video(codec_id::h264);
  wider.video->width = 1'280;
  describe(wider);
  inter();
  run(milliseconds(40));
  key();
  run(milliseconds(500));
  EXPECT_EQ("K0 K80", dts_of(sink.tags, start));
}

TEST_F(media_stream_test, asks_a_new_camera_at_once) {
  const auto before = std::make_shared<counting_control>(), after = std::make_shared<counting_control>();
  stream.set_control(before);
  stream.request_keyframe();
  stream.set_control(after);
  EXPECT_TRUE(stream.request_keyframe());
  EXPECT_EQ(1, before->keyframes);
  EXPECT_EQ(1, after->keyframes) << "what the old one was asked is no concern of the new one";
}

}  // namespace
}  // namespace campush
