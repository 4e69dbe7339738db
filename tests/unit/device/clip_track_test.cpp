#include "device/clip_track.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "device/file_source.h"

namespace campush {
namespace {

/// When loop `k` begins, rounded once.
int64_t loop_start_us(exact_span loop, int64_t k) {
  return loop.numerator_us * k / loop.denominator;
}

TEST(clip_track, keeps_both_tracks_together_over_ten_thousand_loops) {
  struct {
    const char* name;
    exact_span picture;
    int64_t pictures;
    exact_span sound;
    int64_t sounds;
  } cases[] = {
      {"25 fps and 48 kHz, equal length", {1'000'000, 25}, 200, {1'024'000'000, 48000}, 375},
      {"29.97 fps and 48 kHz, sound longer", {1'001'000'000, 30000}, 200, {1'024'000'000, 48000}, 375},
      {"23.976 fps and 44.1 kHz, picture longer", {1'001'000'000, 24000}, 193, {1'024'000'000, 44100}, 346},
      {"29.97 fps and G.711", {1'001'000'000, 30000}, 241, {20000, 1}, 400},
  };
  for (const auto& c : cases) {
    clip_track video(c.pictures, c.picture, 0), audio(c.sounds, c.sound, 80'000);
    const exact_span loop = std::max(video.length(), audio.length());
    for (int64_t k = 0; k < 10'000; ++k) {
      ASSERT_EQ(video.due_us(), loop_start_us(loop, k)) << c.name << ", loop " << k;
      ASSERT_EQ(audio.due_us(), video.due_us() + 80'000) << c.name << ", loop " << k;
      video.next_loop(loop);
      audio.next_loop(loop);
    }
  }
}

TEST(clip_track, begins_a_loop_no_earlier_than_either_track_ends) {
  clip_track video(241, {1'001'000'000, 30000}, 0);
  const exact_span loop = std::max(video.length(), exact_span{20000, 1}.times(403));
  const int64_t video_end = video.due_us(241);
  video.next_loop(loop);
  EXPECT_EQ(video.due_us(), 8'060'000);
  EXPECT_GE(video.due_us(), video_end);
}

TEST(clip_track, places_items_by_their_number_not_by_adding_up) {
  clip_track track(1000, {1'001'000'000, 30000}, 0);
  for (int64_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(track.due_us(), i * 1'001'000'000 / 30000);
    track.next_item();
  }
  EXPECT_FALSE(track.has_item());
}

TEST(exact_span, compares_fractions_that_round_to_the_same_microsecond) {
  EXPECT_TRUE((exact_span{100, 3} < exact_span{101, 3}));
  EXPECT_TRUE((exact_span{100, 3} < exact_span{67, 2}));
  EXPECT_FALSE((exact_span{67, 2} < exact_span{100, 3}));
  EXPECT_FALSE((exact_span{200, 6} < exact_span{100, 3}));
}

TEST(exact_span, compares_the_longest_clips_without_overflow) {
  const exact_span pictures = exact_span{1'001'000'000, 1'000'000}.times(10'000'000);
  const exact_span sounds = exact_span{1'024'000'000, 96000}.times(10'000'000);
  EXPECT_TRUE(pictures < sounds);
  EXPECT_FALSE(sounds < pictures);
}

TEST(picture_period, knows_the_broadcast_rates_and_refuses_nonsense) {
  struct {
    const char* name;
    double rate;
    int64_t numerator_us, denominator;
  } cases[] = {
      {"whole", 25, 1'000'000, 25},
      {"ntsc as people write it", 29.97, 1'001'000'000, 30000},
      {"ntsc as a VUI says it", 30000.0 / 1001, 1'001'000'000, 30000},
      {"film", 23.976, 1'001'000'000, 24000},
      {"film, short", 23.98, 1'001'000'000, 24000},
      {"double ntsc", 59.94, 1'001'000'000, 60000},
      {"half", 12.5, 1'000'000'000, 12500},
      {"slow", 0.5, 1'000'000'000, 500},
  };
  for (const auto& c : cases) {
    const auto period = picture_period(c.rate);
    ASSERT_TRUE(period) << c.name;
    EXPECT_EQ(period->numerator_us * c.denominator, c.numerator_us * period->denominator) << c.name;
  }
  for (const double rate : {0.0, -25.0, 0.01, 1001.0, std::nan("")}) {
    const auto period = picture_period(rate);
    ASSERT_FALSE(period) << rate;
    EXPECT_EQ(period.error().code, error_code::invalid_argument);
  }
}

}  // namespace
}  // namespace campush
