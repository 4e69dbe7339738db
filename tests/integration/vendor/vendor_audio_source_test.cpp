#include "device/vendor/vendor_audio_source.h"

#include "device/sound/stream_sound.h"
#include "vendor_rig.h"

namespace campush {

namespace {

TEST(vendor_audio_source, delivers_sound_of_a_plug_in) {
  const liar plugin;
  const system_clock time;
  vendor_audio_source source(liar_config(R"({"period_ms":5})"), time, std::make_shared<hal_library_cache>());
  const auto opened = source.open();
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_TRUE(opened->audio);
  EXPECT_FALSE(opened->video);
  EXPECT_EQ(opened->audio->codec, codec_id::g711a);
  EXPECT_EQ(opened->audio->sample_rate, 8000u);
  EXPECT_TRUE(opened->audio->config.empty());
  stepper steps(source);
  ASSERT_TRUE(steps.run_frames(5)) << steps.failure.message;
  EXPECT_EQ(steps.keeper.frames[4].payload.size(), 320u);
}

TEST(vendor_audio_source, takes_adts_headers_off) {
  const system_clock time;
  stream_config config;
  config.source.library = CAMPUSH_FILE_HAL;
  config.source.options = R"({"aac":")" CAMPUSH_TEST_DATA R"(/gate.aac"})";
  vendor_audio_source source(config, time, std::make_shared<hal_library_cache>());
  const auto opened = source.open();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->audio->config.size(), 2u);
  EXPECT_GT(opened->audio->sample_rate, 0u);
  stepper steps(source);
  ASSERT_TRUE(steps.run_frames(4)) << steps.failure.message;
  for (const auto& frame : steps.keeper.frames) EXPECT_NE(frame.payload.at(0), 0xff);
}

TEST(sound_beside, is_not_asked_of_a_plug_in_that_has_none) {
  const liar plugin("no_sound");
  const system_clock time;
  const auto plugins = std::make_shared<hal_library_cache>();
  microphone_hub microphones;
  stream_config stream = liar_config();
  EXPECT_NE(sound_beside({}, stream, time, microphones, plugins), nullptr) << "it may have sound: it is not loaded";
  ASSERT_TRUE(plugins->load(CAMPUSH_LYING_HAL));
  EXPECT_EQ(sound_beside({}, stream, time, microphones, plugins), nullptr);
  stream.audio.type = "vendor";
  EXPECT_NE(sound_beside({}, stream, time, microphones, plugins), nullptr) << "silence, where it is configured";
}

TEST(vendor_audio_source, refuses_a_format_without_a_rate) {
  const liar plugin("open_no_rate");
  const system_clock time;
  vendor_audio_source source(liar_config(), time, std::make_shared<hal_library_cache>());
  const auto opened = source.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, error_code::malformed);
}

}  // namespace

}  // namespace campush
