#include "device/test/test_source.h"

#include <gtest/gtest.h>

#include <cmath>

#include "device/camera_manager.h"
#include "fakes/fake_codec_library.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

int64_t wall_us(const fake_clock& time, time_point when) {
  const auto offset = time.wall_now().time_since_epoch() - time.now().time_since_epoch();
  return std::chrono::duration_cast<duration>(when.time_since_epoch() + offset).count();
}

class test_sources : public ::testing::Test {
 protected:
  void SetUp() override {
    camera.name = "gate";
    config.encoder.width = 320;
    config.encoder.height = 180;
  }
  result<stream_description> open() {
    source = std::make_unique<test_source>(camera, config, time, library);
    return source->open();
  }
  void run_for(duration length) {
    const time_point end = time.now() + length;
    while (source->next_due() <= end) {
      time.set(std::max(time.now(), source->next_due()));
      ASSERT_TRUE(source->step(time.now(), frames));
    }
    time.set(std::max(time.now(), end));
  }
  bool flashes(const fake_codec_library::seen_picture& picture) const {
    return picture.luma[size_t{20} * picture.shape.width + picture.shape.width - 10] > 128;
  }

  fake_clock time;
  fake_codec_library library{time};
  camera_config camera;
  stream_config config;
  kept_frames frames;
  std::unique_ptr<test_source> source;
};

TEST_F(test_sources, is_described_as_configured) {
  config.encoder.frame_rate = 30;
  config.audio.codec = codec_id::opus;
  config.audio.channels = 2;
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->video->width, 320u);
  EXPECT_EQ(opened->video->frame_rate, 30);
  EXPECT_EQ(opened->audio->codec, codec_id::opus);
  EXPECT_EQ(opened->audio->sample_rate, 48000u);
  EXPECT_EQ(opened->audio->channels, 2u);
}

TEST_F(test_sources, is_720p_of_25_pictures_where_nothing_is_said) {
  config.encoder = {};
  const auto opened = open();
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->video->width, 1280u);
  EXPECT_EQ(opened->video->height, 720u);
  EXPECT_EQ(opened->video->frame_rate, 25);
}

TEST_F(test_sources, refuses_what_no_picture_can_be) {
  config.encoder.width = 16;
  EXPECT_EQ(open().error().code, error_code::invalid_argument);
  config.encoder.width = 320;
  config.encoder.frame_rate = 5000;
  EXPECT_EQ(open().error().code, error_code::invalid_argument);
}

TEST_F(test_sources, shows_the_time_at_which_each_picture_was_due) {
  config.encoder.frame_rate = 30;
  ASSERT_TRUE(open());
  const time_point start = time.now();
  run_for(seconds(3));
  ASSERT_EQ(library.pictures.size(), 91u);
  for (size_t i = 0; i < library.pictures.size(); ++i) {
    const auto& picture = library.pictures[i];
    EXPECT_EQ(picture.captured_at, start + duration(static_cast<int64_t>(i) * 1'000'000 / 30));
    const auto shown = read_time_strip(picture.luma, picture.shape.width, picture.shape.width, picture.shape.height);
    ASSERT_TRUE(shown);
    EXPECT_EQ(shown->count(), wall_us(time, picture.captured_at) / 1000);
  }
}

TEST_F(test_sources, flashes_on_each_full_second_with_the_picture_nearest_to_it) {
  time.advance(milliseconds(317));
  ASSERT_TRUE(open());
  run_for(seconds(5));
  int flashing = 0;
  for (size_t i = 1; i < library.pictures.size(); ++i) {
    const bool begins = flashes(library.pictures[i]) && !flashes(library.pictures[i - 1]);
    flashing += flashes(library.pictures[i]) ? 1 : 0;
    if (!begins) continue;
    const int64_t into_second = wall_us(time, library.pictures[i].captured_at) % 1'000'000;
    EXPECT_TRUE(into_second <= 20'000 || into_second >= 980'000) << into_second;
  }
  EXPECT_GE(flashing, 10);
  EXPECT_LE(flashing, 15) << "two or three pictures a second";
}

TEST_F(test_sources, sounds_for_a_tenth_of_each_second_at_the_pitch_asked_for) {
  config.source.tone_hz = 440;
  time.advance(milliseconds(123));
  ASSERT_TRUE(open());
  run_for(seconds(4));
  std::vector<int16_t> sound;
  for (const auto& block : library.blocks) sound.insert(sound.end(), block.samples.begin(), block.samples.end());
  const time_point start = library.blocks.at(0).captured_at;
  ASSERT_NEAR(static_cast<double>(sound.size()), 4 * 48000, 48000 / 25);
  int crossings = 0;
  for (size_t i = 1; i < sound.size(); ++i) {
    const int64_t at = wall_us(time, start + duration(static_cast<int64_t>(i) * 1'000'000 / 48000)) % 1'000'000;
    if (at > 100'500 && at < 999'500) {
      EXPECT_EQ(sound[i], 0) << at;
    }
    if (sound[i - 1] < 0 && sound[i] >= 0) ++crossings;
  }
  EXPECT_NEAR(crossings, 4 * 44, 5);
}

TEST_F(test_sources, gives_sound_in_time_order_and_without_gaps) {
  config.audio.sample_rate = 44100;
  ASSERT_TRUE(open());
  run_for(seconds(2));
  int64_t samples = 0;
  const time_point start = library.blocks.at(0).captured_at;
  for (const auto& block : library.blocks) {
    EXPECT_EQ(block.captured_at, start + duration(samples * 1'000'000 / 44100));
    samples += static_cast<int64_t>(block.samples.size());
  }
  EXPECT_EQ(samples, 2 * 44100);
}

TEST_F(test_sources, gives_g711_8_khz_and_what_is_muted_silence) {
  config.audio.codec = codec_id::g711a;
  config.audio.sample_rate = 48000;
  config.audio.is_muted = true;
  ASSERT_TRUE(open());
  EXPECT_EQ(library.audio_options.at(0).sample_rate, 8000u);
  EXPECT_EQ(library.audio_options.at(0).channels, 1u);
  run_for(seconds(2));
  for (const auto& block : library.blocks) EXPECT_EQ(block.samples, std::vector<int16_t>(160, 0));
}

TEST_F(test_sources, has_no_sound_of_its_own_where_there_is_a_microphone_or_none_is_wanted) {
  config.audio.type = "alsa";
  EXPECT_FALSE(open()->audio);
  config.audio = {};
  config.audio.enabled = false;
  EXPECT_FALSE(open()->audio);
  run_for(seconds(1));
  EXPECT_TRUE(frames.of(track_kind::audio).empty());
  EXPECT_EQ(frames.of(track_kind::video).size(), 26u);
}

TEST_F(test_sources, skips_what_it_was_too_late_for_instead_of_a_burst) {
  ASSERT_TRUE(open());
  run_for(seconds(1));
  const size_t pictures = library.pictures.size(), blocks = library.blocks.size();
  time.advance(milliseconds(10'010));
  ASSERT_TRUE(source->step(time.now(), frames));
  EXPECT_EQ(library.pictures.size(), pictures + 1);
  EXPECT_EQ(library.blocks.size(), blocks + 1);
  EXPECT_LT(time.now() - library.pictures.back().captured_at, milliseconds(40));
  EXPECT_LT(time.now() - library.blocks.back().captured_at, milliseconds(40));
  EXPECT_EQ(source->health().lost_pictures, 249u);
  run_for(seconds(1));
  EXPECT_EQ(library.pictures.size(), pictures + 1 + 25);
}

TEST_F(test_sources, makes_up_for_sound_that_is_a_little_late) {
  ASSERT_TRUE(open());
  run_for(seconds(1));
  const size_t blocks = library.blocks.size();
  time.advance(milliseconds(150));
  ASSERT_TRUE(source->step(time.now(), frames));
  EXPECT_EQ(library.blocks.size(), blocks + 7);
}

TEST_F(test_sources, follows_a_wall_clock_that_is_set) {
  ASSERT_TRUE(open());
  run_for(seconds(1));
  time.step_wall(seconds(3600));
  run_for(seconds(1));
  const auto& last = library.pictures.back();
  EXPECT_EQ(read_time_strip(last.luma, 320, 320, 180)->count(), wall_us(time, last.captured_at) / 1000);
  EXPECT_EQ(source->health().lost_pictures, 0u);
}

TEST_F(test_sources, obeys_like_any_encoder_and_keeps_its_sound_with_another_codec) {
  ASSERT_TRUE(open());
  run_for(seconds(1));
  EXPECT_EQ(source->control().set_codec(codec_id::h265), control_outcome::accepted);
  run_for(milliseconds(100));
  ASSERT_EQ(frames.descriptions.size(), 1u);
  EXPECT_EQ(frames.descriptions[0].video->codec, codec_id::h265);
  EXPECT_TRUE(frames.descriptions[0].audio);
  EXPECT_EQ(frames.of(track_kind::video).back()->frame.codec, codec_id::h265);
}

TEST_F(test_sources, fails_in_the_words_of_the_encoder_and_may_be_opened_again) {
  library.open_error = "build with CAMPUSH_WITH_LIBAV=ON";
  EXPECT_EQ(open().error().message, library.open_error);
  library.open_error.clear();
  ASSERT_TRUE(open());
  library.encode_error = "broken";
  EXPECT_EQ(source->step(time.now(), frames).error().message, "broken");
  EXPECT_FALSE(source->step(time.now(), frames)) << "it is closed";
  library.encode_error.clear();
  ASSERT_TRUE(source->open());
  run_for(seconds(1));
  EXPECT_EQ(frames.of(track_kind::video).size(), 26u);
}

TEST(source_factory, makes_test_patterns) {
  const fake_clock time;
  stream_config config;
  config.source.type = source_type::test;
  EXPECT_TRUE(default_source_factory()({}, config, time));
}

}  // namespace
}  // namespace campush
