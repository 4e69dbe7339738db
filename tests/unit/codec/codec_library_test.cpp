#include "codec/codec_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/module_loader.h"

namespace campush {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(codec_library, looks_beside_the_program_then_where_it_is_installed) {
  const auto places = codec_module_places("", "/opt/agent/bin/campush");
  ASSERT_EQ(places.size(), 3u);
  EXPECT_EQ(places[0], "/opt/agent/bin/../lib/campush/libcampush_libav.so");
  EXPECT_THAT(places[1], HasSubstr("/opt/agent/bin/../lib"));
  EXPECT_THAT(places[2], ::testing::EndsWith("/campush/libcampush_libav.so"));
  EXPECT_EQ(codec_module_places("", "").size(), 1u) << "no /proc";
}

TEST(codec_library, looks_nowhere_else_where_a_directory_is_given) {
  EXPECT_THAT(codec_module_places("/srv/modules", "/opt/agent/bin/campush"),
              ElementsAre("/srv/modules/libcampush_libav.so"));
}

TEST(codec_library, names_build_option_and_packages_where_there_is_no_module) {
  const auto loaded = load_codec_module_from({"/nowhere/libcampush_libav.so"});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, error_code::unsupported);
  EXPECT_THAT(loaded.error().message, HasSubstr("CAMPUSH_WITH_LIBAV"));
  EXPECT_THAT(loaded.error().message, HasSubstr("libavcodec"));
}

TEST(codec_library, refuses_a_file_that_is_no_module_of_this_build) {
  if (!has_codec_library()) GTEST_SKIP() << "CAMPUSH_WITH_LIBAV is off";
  const auto loaded = load_codec_module_from({std::string(CAMPUSH_TEST_DATA) + "/gate.h264"});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, error_code::unsupported);
  const auto foreign = load_codec_module_from({"/lib/x86_64-linux-gnu/libm.so.6", "/lib/libm.so.6", "/nowhere"});
  ASSERT_FALSE(foreign);
}

TEST(codec_library, answers_as_this_build_is) {
  video_encoder_options options;
  options.width = 64;
  options.height = 64;
  const auto made = default_codec_library().make_video_encoder(options);
  EXPECT_EQ(static_cast<bool>(made), has_codec_library()) << (made ? "" : made.error().message);
  EXPECT_EQ(default_codec_library().has_encoder(codec_id::h264), has_codec_library());
}

}  // namespace
}  // namespace campush
