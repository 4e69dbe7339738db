#include "device/sound/sound_pump.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fakes/fake_clock.h"
#include "sound_test_kit.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::scripted_sound;

class sound_pump_steps : public ::testing::Test {
 protected:
  void make(codec_id codec = codec_id::g711a) {
    config.codec = codec;
    pump = std::make_unique<sound_pump>(
        3, config, time,
        [this](const audio_config& asked) -> result<std::unique_ptr<media_source>> {
          ++made;
          script.asked = asked;
          if (make_failure) return tl::unexpected<error>(*make_failure);
          return std::make_unique<scripted_sound>(script, time);
        },
        heard);
  }
  void run(duration length) {
    const time_point end = time.now() + length;
    while (true) {
      const time_point due = pump->run_step();
      if (due > end) break;
      time.set(std::max(time.now(), due));
    }
    time.set(end);
  }
  static error missing() { return {error_code::not_found, "no such device"}; }

  fake_clock time;
  audio_config config;
  scripted_sound::script script;
  test::heard_sound heard;
  int made = 0;
  std::optional<error> make_failure;
  std::unique_ptr<sound_pump> pump;
};

TEST_F(sound_pump_steps, describes_what_the_source_is_and_hands_on_its_frames) {
  make();
  run(seconds(10));
  ASSERT_EQ(heard.descriptions.size(), 1u);
  EXPECT_EQ(heard.descriptions[0].audio->codec, codec_id::g711a);
  EXPECT_NEAR(static_cast<double>(heard.real()), 498, 2);
  EXPECT_EQ(heard.silent(), 0u);
  EXPECT_FALSE(pump->health().is_filled_with_silence);
}

TEST_F(sound_pump_steps, opens_again_after_1_2_4_up_to_30_s) {
  script.open_failure = missing();
  make();
  run(milliseconds(500));
  EXPECT_EQ(script.opens, 1);
  run(seconds(123));
  EXPECT_EQ(script.opens, 9) << "at 0, 1, 3, 7, 15, 31, 61, 91, 121 s";
}

TEST_F(sound_pump_steps, gives_silence_while_the_device_is_missing) {
  script.open_failure = missing();
  make();
  run(seconds(10));
  ASSERT_EQ(heard.descriptions.size(), 1u);
  EXPECT_EQ(heard.descriptions[0].audio->sample_rate, 8'000u);
  EXPECT_NEAR(static_cast<double>(heard.silent()), 496, 3);
  EXPECT_EQ(heard.largest_hole(), duration::zero());
  EXPECT_EQ(heard.largest_overlap(), duration::zero());
  EXPECT_TRUE(pump->health().is_filled_with_silence);
}

TEST_F(sound_pump_steps, gives_nothing_where_silence_is_not_wanted) {
  config.fills_with_silence = false;
  script.open_failure = missing();
  make();
  run(milliseconds(500));
  ASSERT_EQ(heard.descriptions.size(), 1u);
  EXPECT_FALSE(heard.descriptions[0].audio);
  script.open_failure.reset();
  run(seconds(10));
  ASSERT_EQ(heard.descriptions.size(), 2u);
  EXPECT_TRUE(heard.descriptions[1].audio);
  EXPECT_EQ(heard.silent(), 0u);
  EXPECT_GT(heard.real(), 400u);
}

TEST_F(sound_pump_steps, goes_over_to_silence_and_back_without_hole_or_overlap) {
  make();
  run(seconds(5));
  script.step_failure = missing();
  script.open_failure = missing();
  run(seconds(20));
  const size_t silent = heard.silent();
  EXPECT_NEAR(static_cast<double>(silent), 1'000, 5);
  script.step_failure.reset();
  script.open_failure.reset();
  run(seconds(20));
  EXPECT_GT(heard.real(), 500u);
  EXPECT_LT(heard.largest_hole(), scripted_sound::length);
  EXPECT_EQ(heard.largest_overlap(), duration::zero());
  EXPECT_EQ(heard.descriptions.size(), 1u);
  EXPECT_FALSE(pump->health().is_filled_with_silence);
}

TEST_F(sound_pump_steps, fills_a_pause_of_a_device_that_runs) {
  make();
  run(seconds(5));
  script.is_mute = true;
  run(seconds(5));
  EXPECT_GT(heard.silent(), 200u);
  script.is_mute = false;
  run(seconds(5));
  EXPECT_GT(heard.real(), 480u);
  EXPECT_LT(heard.largest_hole(), scripted_sound::length);
  EXPECT_EQ(heard.largest_overlap(), duration::zero());
}

TEST_F(sound_pump_steps, lets_a_slow_device_catch_up_with_silence) {
  script.latency = milliseconds(250);
  make();
  run(seconds(5));
  EXPECT_EQ(heard.silent(), 0u);
  script.step_failure = missing();
  run(milliseconds(100));
  script.step_failure.reset();
  run(seconds(1));
  const size_t real = heard.real();
  run(seconds(5));
  EXPECT_GT(heard.real(), real + 200) << "silence stays ahead of the device";
  EXPECT_EQ(heard.largest_overlap(), duration::zero());
}

TEST_F(sound_pump_steps, fills_a_gap_in_the_times_of_the_source) {
  make();
  run(seconds(2));
  script.step_failure = missing();
  run(milliseconds(40));
  script.step_failure.reset();
  run(seconds(3));
  EXPECT_LT(heard.largest_hole(), scripted_sound::length);
}

TEST_F(sound_pump_steps, does_not_open_the_device_when_muted) {
  config.is_muted = true;
  config.fills_with_silence = false;
  make();
  run(seconds(10));
  EXPECT_EQ(made, 0);
  EXPECT_EQ(script.opens, 0);
  EXPECT_EQ(heard.real(), 0u);
  EXPECT_NEAR(static_cast<double>(heard.silent()), 496, 3);
}

TEST_F(sound_pump_steps, asks_for_the_format_that_streams_were_told_of) {
  config.codec = codec_id::aac;
  script.open_failure = missing();
  config.channels = 0;
  pump = std::make_unique<sound_pump>(
      0, config, time,
      [this](const audio_config& asked) -> result<std::unique_ptr<media_source>> {
        script.asked = asked;
        return std::make_unique<scripted_sound>(script, time);
      },
      heard);
  run(seconds(2));
  EXPECT_EQ(script.asked.sample_rate, 48'000u);
  EXPECT_EQ(script.asked.channels, 1u);
}

TEST_F(sound_pump_steps, describes_a_source_that_comes_back_as_something_else) {
  make();
  run(seconds(1));
  script.step_failure = missing();
  run(milliseconds(500));
  script.step_failure.reset();
  script.description.sample_rate = 16'000;
  run(seconds(3));
  ASSERT_EQ(heard.descriptions.size(), 2u);
  EXPECT_EQ(heard.descriptions[1].audio->sample_rate, 16'000u);
}

TEST_F(sound_pump_steps, hands_on_all_that_a_late_source_of_another_rate_gives) {
  script.open_failure = missing();
  script.description = {codec_id::aac, 16'000, 1, 64, {0x14, 0x08}};
  script.frame_length = milliseconds(64);
  make(codec_id::aac);
  run(std::chrono::minutes(10));
  EXPECT_EQ(heard.descriptions.back().audio->sample_rate, 48'000u);
  EXPECT_NEAR(static_cast<double>(heard.silent()), 28'125, 10);
  script.open_failure.reset();
  run(seconds(30));
  const size_t real = heard.real(), silent = heard.silent();
  run(seconds(64));
  EXPECT_EQ(heard.descriptions.back().audio->sample_rate, 16'000u);
  EXPECT_NEAR(static_cast<double>(heard.real() - real), 1'000, 2);
  EXPECT_EQ(heard.silent(), silent);
}

struct length_case {
  const char* name;
  milliseconds length;
  size_t frames_in_10_s;
};
TEST_F(sound_pump_steps, takes_a_frame_for_as_long_as_it_is) {
  const length_case cases[] = {
      {"5 ms", milliseconds(5), 2'000},
      {"8 ms", milliseconds(8), 1'250},
      {"40 ms", milliseconds(40), 250},
      {"100 ms", milliseconds(100), 100},
  };
  for (const length_case& row : cases) {
    SCOPED_TRACE(row.name);
    script.frame_length = row.length;
    script.frame_bytes = static_cast<size_t>(row.length.count()) * 8;
    make();
    run(seconds(1));
    heard.frames.clear();
    run(seconds(10));
    EXPECT_NEAR(static_cast<double>(heard.real()), static_cast<double>(row.frames_in_10_s), 1);
    EXPECT_EQ(heard.silent(), 0u);
    script.is_mute = true;
    run(seconds(5));
    EXPECT_GT(heard.silent(), 200u);
    script.is_mute = false;
    run(seconds(5));
    EXPECT_EQ(heard.largest_overlap(), duration::zero());
    EXPECT_LT(heard.largest_hole(), std::max<duration>(row.length, scripted_sound::length));
  }
}

TEST_F(sound_pump_steps, does_not_believe_a_frame_of_a_minute) {
  script.frame_bytes = 60 * g711_sample_rate;
  make();
  run(milliseconds(110));
  ASSERT_GT(heard.real(), 0u);
  script.is_mute = true;
  run(seconds(5));
  EXPECT_GT(heard.silent(), 100u);
}

TEST_F(sound_pump_steps, hands_on_a_description_that_changes_in_between) {
  make();
  run(seconds(1));
  script.description.sample_rate = 16'000;
  script.new_description = script.description;
  run(seconds(1));
  ASSERT_EQ(heard.descriptions.size(), 2u);
  EXPECT_EQ(heard.descriptions[1].audio->sample_rate, 16'000u);
}

TEST_F(sound_pump_steps, opens_a_device_that_comes_back_before_its_wait_is_over) {
  script.returns_at = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  script.open_failure = missing();
  make();
  run(seconds(33));
  const int before = script.opens;
  script.open_failure.reset();
  EXPECT_EQ(pump->descriptor(), script.returns_at);
  const uint64_t one = 1;
  ASSERT_EQ(::write(script.returns_at, &one, sizeof one), 8);
  pump->run_step();
  EXPECT_EQ(pump->descriptor(), -1) << "a descriptor that stays readable keeps the thread busy";
  run(milliseconds(350));
  EXPECT_EQ(script.opens, before + 1);
  ::close(script.returns_at);
}

TEST_F(sound_pump_steps, takes_a_source_without_sound_for_a_failure) {
  script.has_sound = false;
  make();
  run(seconds(2));
  EXPECT_GT(heard.silent(), 50u);
  EXPECT_EQ(script.opens, 2);
}

TEST_F(sound_pump_steps, survives_a_maker_that_has_none) {
  make_failure = error{error_code::unsupported, "not in this build"};
  make();
  run(seconds(5));
  EXPECT_EQ(made, 3);
  EXPECT_GT(heard.silent(), 200u);
}

TEST_F(sound_pump_steps, interrupts_a_source_that_is_made_after_the_interrupt) {
  make();
  pump->interrupt();
  pump->run_step();
  EXPECT_EQ(script.interrupts, 1) << "an open() that takes 10 s would have to be waited for";
  pump->close();
  pump->run_step();
  EXPECT_EQ(script.interrupts, 1);
}

TEST_F(sound_pump_steps, begins_anew_after_close) {
  make();
  run(seconds(1));
  pump->close();
  const int opens = script.opens;
  run(seconds(1));
  EXPECT_EQ(script.opens, opens + 1);
  EXPECT_EQ(heard.descriptions.size(), 2u);
}

}  // namespace
}  // namespace campush
