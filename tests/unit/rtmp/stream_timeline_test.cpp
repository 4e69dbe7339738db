#include "rtmp/stream_timeline.h"

#include <gtest/gtest.h>

#include <vector>

#include "unit/rtmp/frame_builder.h"

namespace campush {
namespace {

using test::at_ms;

/// Feeds stamps in milliseconds, gives back where they were placed.
class line {
 public:
  timeline_place video(int64_t dts_ms, int64_t composition_ms = 0) {
    return put(codec_id::h264, dts_ms, composition_ms);
  }
  timeline_place audio(int64_t dts_ms) { return put(codec_id::aac, dts_ms, 0); }
  int64_t video_at(int64_t dts_ms) { return ms(video(dts_ms).dts); }
  int64_t audio_at(int64_t dts_ms) { return ms(audio(dts_ms).dts); }
  static int64_t ms(time_point time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  }
  int jumps = 0, corrections = 0;

 private:
  timeline_place put(codec_id codec, int64_t dts_ms, int64_t composition_ms) {
    media_frame frame;
    frame.codec = codec;
    frame.dts = at_ms(dts_ms);
    frame.pts = at_ms(dts_ms + composition_ms);
    const timeline_place place = m_timeline.place(frame);
    jumps += place.is_reanchored;
    corrections += place.is_corrected;
    return place;
  }
  stream_timeline m_timeline;
};

TEST(stream_timeline, leaves_an_orderly_stream_alone) {
  line stream;
  for (int64_t t = 1000; t < 9000; t += 40) {
    EXPECT_EQ(t, stream.video_at(t));
    EXPECT_EQ(t + 5, stream.audio_at(t + 5));
  }
  EXPECT_EQ(0, stream.jumps);
  EXPECT_EQ(0, stream.corrections);
}

TEST(stream_timeline, places_on_whole_milliseconds_without_adding_up_the_rounding) {
  stream_timeline timeline;
  media_frame frame;
  frame.codec = codec_id::aac;
  for (int64_t n = 0; n < 1000; ++n) {
    const int64_t us = 1'000'000 + n * 1024 * 1'000'000 / 48000;
    frame.dts = frame.pts = time_point(duration(us));
    const int64_t placed_us = timeline.place(frame).dts.time_since_epoch().count();
    EXPECT_EQ(0, placed_us % 1000);
    EXPECT_LE(std::abs(placed_us - us), 500);
  }
}

TEST(stream_timeline, moves_equal_and_backward_stamps_of_a_track_by_a_millisecond) {
  line stream;
  EXPECT_EQ(1000, stream.video_at(1000));
  EXPECT_EQ(1001, stream.video_at(1000));
  EXPECT_EQ(1002, stream.video_at(400));
  EXPECT_EQ(1040, stream.video_at(1040));
  EXPECT_EQ(2, stream.corrections);
  EXPECT_EQ(0, stream.jumps);
}

TEST(stream_timeline, keeps_the_pts_of_a_corrected_frame) {
  line stream;
  stream.video(1000, 80);
  const timeline_place place = stream.video(1000, 40);
  EXPECT_EQ(at_ms(1001), place.dts);
  EXPECT_EQ(at_ms(1040), place.pts);
}

TEST(stream_timeline, continues_after_a_jump_of_the_whole_stream) {
  struct jump_case {
    const char* name;
    int64_t by_ms;
  };
  for (const jump_case& one :
       {jump_case{"forward", 5000}, jump_case{"far forward", 900000}, jump_case{"backward", -5000}}) {
    SCOPED_TRACE(one.name);
    line stream;
    for (int64_t t = 10000; t <= 10200; t += 40) stream.video(t), stream.audio(t + 10);
    EXPECT_EQ(10240, stream.video_at(10240 + one.by_ms));
    EXPECT_EQ(10250, stream.audio_at(10250 + one.by_ms)) << "sound stays with its picture";
    EXPECT_EQ(10280, stream.video_at(10280 + one.by_ms));
    EXPECT_EQ(10290, stream.audio_at(10290 + one.by_ms));
    EXPECT_EQ(2, stream.jumps);
    EXPECT_EQ(0, stream.corrections);
  }
}

TEST(stream_timeline, keeps_the_distance_of_sound_and_picture_over_a_jump_that_they_stop_for_unevenly) {
  for (const int64_t sound_goes_on_ms : {0, 300, 900}) {
    for (const bool is_sound_first : {false, true}) {
      SCOPED_TRACE(sound_goes_on_ms);
      line stream;
      for (int64_t t = 10000; t <= 10200; t += 40) stream.video(t), stream.audio(t + 7);
      for (int64_t t = 10247; t <= 10207 + sound_goes_on_ms; t += 40) stream.audio(t);
      const int64_t sound_before = is_sound_first ? stream.audio_at(19990) : 0;
      const int64_t picture = stream.video_at(20000);
      const int64_t sound = stream.audio_at(20013);
      EXPECT_EQ(13, sound - picture);
      EXPECT_EQ(is_sound_first ? 10 : picture, picture - sound_before);
      EXPECT_EQ(40, stream.video_at(20040) - picture);
      EXPECT_GE(picture, 10207 + sound_goes_on_ms - 40) << "nothing goes back";
    }
  }
}

TEST(stream_timeline, sets_a_track_back_by_no_more_than_it_makes_up_for_soon) {
  line stream;
  for (int64_t t = 10000; t <= 11000; t += 40) stream.video(t), stream.audio(t);
  const int64_t picture = stream.video_at(90000);
  EXPECT_EQ(11040, picture);
  // Its stamps say 500 ms before the picture, which would be 460 ms before its own last one.
  EXPECT_EQ(11040, stream.audio_at(89500));
  EXPECT_EQ(11061, stream.audio_at(89521));
}

TEST(stream_timeline, carries_the_composition_time_over_a_jump) {
  line stream;
  stream.video(1000, 40);
  stream.video(1040, 40);
  const timeline_place place = stream.video(61040, 80);
  EXPECT_EQ(std::chrono::milliseconds(80), place.pts - place.dts);
}

TEST(stream_timeline, sees_no_jump_where_one_track_pauses_and_the_other_goes_on) {
  line stream;
  stream.video(1000);
  for (int64_t t = 1000; t < 6000; t += 20) stream.audio(t);
  EXPECT_EQ(6000, stream.video_at(6000));
  EXPECT_EQ(6020, stream.audio_at(6020));
  EXPECT_EQ(0, stream.jumps);
}

TEST(stream_timeline, takes_out_the_jump_of_one_track_and_lets_it_come_back) {
  line stream;
  for (int64_t t = 1000; t <= 1200; t += 40) stream.video(t), stream.audio(t);
  EXPECT_EQ(1240, stream.video_at(91240));
  EXPECT_EQ(1240, stream.audio_at(1240));
  EXPECT_EQ(1280, stream.video_at(91280));
  EXPECT_EQ(1280, stream.audio_at(1280));
  EXPECT_EQ(1, stream.jumps);
  EXPECT_EQ(1320, stream.video_at(1320)) << "back on the clock of the sound";
  EXPECT_EQ(2, stream.jumps);
}

TEST(stream_timeline, keeps_sound_and_picture_together_over_a_gap_of_about_a_second) {
  line stream;
  for (int64_t t = 1000; t <= 1200; t += 40) stream.video(t), stream.audio(t + 30);
  // The pictures paused for 1.07 s, the sound for 0.99 s: one is over the limit, the other is not.
  stream.video(2270);
  for (int64_t t = 2220; t < 2400; t += 20) stream.audio(t);
  EXPECT_EQ(1, stream.jumps);
  EXPECT_EQ(10, stream.video_at(2410) - stream.audio_at(2400));
}

/// Sound of an encoder that took its time at the start, or pictures of a camera that did.
TEST(stream_timeline, keeps_a_track_that_begins_late_on_the_clock_of_the_first) {
  for (const int64_t late_ms : {-4000, -1200, 1200, 4000}) {
    SCOPED_TRACE(late_ms);
    line stream;
    for (int64_t t = 10000; t <= 10200; t += 40) stream.video(t);
    EXPECT_EQ(10200 + late_ms, stream.audio_at(10200 + late_ms));
    EXPECT_EQ(10220 + late_ms, stream.audio_at(10220 + late_ms));
    EXPECT_EQ(10240, stream.video_at(10240));
    EXPECT_EQ(0, stream.jumps);
  }
}

/// The thread is held up: sound of that time is lost, and its next frame comes before the pictures that have waited.
TEST(stream_timeline, brings_sound_back_to_its_pictures_when_they_have_caught_up) {
  line stream;
  for (int64_t t = 1000; t <= 1200; t += 40) stream.video(t), stream.audio(t);
  EXPECT_EQ(1240, stream.audio_at(2600)) << "of this alone it is a jump";
  for (int64_t t = 1240; t <= 2600; t += 40) EXPECT_EQ(t, stream.video_at(t));
  EXPECT_EQ(2620, stream.audio_at(2620));
  EXPECT_EQ(2640, stream.video_at(2640));
  EXPECT_EQ(1, stream.jumps);
}

TEST(stream_timeline, accepts_a_track_whose_pictures_are_seconds_apart) {
  line stream;
  stream.video(1000);
  stream.video(3000);
  const int64_t second = stream.video_at(5000);
  EXPECT_EQ(second + 2000, stream.video_at(7000));
  EXPECT_EQ(second + 4000, stream.video_at(9000));
  EXPECT_EQ(1, stream.jumps) << "only the first step looks like one";
}

TEST(stream_timeline, puts_a_track_of_another_clock_beside_the_first) {
  line stream;
  stream.video(500000);
  EXPECT_EQ(500000, stream.audio_at(20));
  EXPECT_EQ(500021, stream.audio_at(41));
  EXPECT_EQ(500040, stream.video_at(500040));
  EXPECT_EQ(1, stream.jumps);
}

}  // namespace
}  // namespace campush
