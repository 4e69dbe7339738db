#include <gmock/gmock.h>

#include "device/clip_index.h"
#include "vendor_rig.h"

namespace campush {

namespace {

stream_config player_config(const std::string& options) {
  stream_config config;
  config.source.type = source_type::vendor;
  config.source.library = CAMPUSH_FILE_HAL;
  config.source.options = options;
  config.encoder.frame_rate = 100;
  return config;
}

const std::string gate = CAMPUSH_TEST_DATA "/gate.h264", yard = CAMPUSH_TEST_DATA "/yard.h265";

TEST(file_hal, plays_every_picture_of_a_clip_unchanged) {
  const system_clock time;
  vendor_source source(player_config(R"({"h264": ")" + gate + R"("})"), time, std::make_shared<hal_library_cache>());
  ASSERT_TRUE(source.open());
  stepper steps(source);
  ASSERT_TRUE(steps.run_frames(60)) << steps.failure.message;
  clip_file file;
  ASSERT_TRUE(file.open(gate));
  const std::atomic<bool> is_cancelled{false};
  const auto index = index_video(file, is_cancelled);
  ASSERT_TRUE(index);
  for (size_t i = 0; i < 60; ++i) {
    const video_unit& unit = index->units[i % index->units.size()];
    const auto expected = file.read(unit.offset, unit.size);
    ASSERT_TRUE(expected);
    ASSERT_EQ(byte_view(steps.keeper.frames[i].payload), *expected) << "picture " << i;
    EXPECT_EQ(steps.keeper.frames[i].is_keyframe, unit.is_keyframe);
  }
}

TEST(file_hal, jumps_to_a_keyframe_and_changes_the_codec_when_asked) {
  const system_clock time;
  vendor_source source(player_config(R"({"h264": ")" + gate + R"(", "h265": ")" + yard + R"("})"), time,
                       std::make_shared<hal_library_cache>());
  ASSERT_TRUE(source.open());
  stepper steps(source);
  ASSERT_TRUE(steps.run_frames(3));
  EXPECT_EQ(source.control().request_keyframe(), control_outcome::accepted);
  ASSERT_TRUE(steps.run_frames(7));
  EXPECT_TRUE(steps.keeper.has_keyframe_after(3));
  EXPECT_EQ(source.control().set_codec(codec_id::h265), control_outcome::accepted);
  ASSERT_TRUE(steps.run([&] { return steps.keeper.frames.back().codec == codec_id::h265; }));
  EXPECT_TRUE(steps.keeper.frames.back().is_keyframe);
  EXPECT_EQ(source.control().set_bitrate(100), control_outcome::unsupported);
}

TEST(file_hal, says_why_it_cannot_open) {
  const system_clock time;
  vendor_source source(player_config(R"({"h264": "missing.h264"})"), time, std::make_shared<hal_library_cache>());
  const auto opened = source.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, error_code::invalid_argument);
  EXPECT_THAT(opened.error().message, testing::HasSubstr("cannot be opened: missing.h264"));
}

}  // namespace

}  // namespace campush
