#include "device/vendor/hal_library.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "device/vendor/plugin_report.h"
#include "vendor_rig.h"

namespace campush {

namespace {

using testing::HasSubstr;
using testing::Not;

TEST(hal_library, describes_what_a_plug_in_has) {
  const liar honest;
  const auto library = load_hal_library(CAMPUSH_LYING_HAL);
  ASSERT_TRUE(library) << library.error().message;
  const plugin_report& report = (*library)->report();
  EXPECT_EQ(report.name, "liar");
  EXPECT_EQ(report.vendor, "tests");
  EXPECT_EQ(report.interface_version, "1.0");
  EXPECT_EQ(report.cameras, 1u);
  EXPECT_EQ(report.max_encoders, 2u);
  EXPECT_TRUE(report.is_parallel);
  EXPECT_TRUE(report.has_set_bitrate);
  ASSERT_EQ(report.video.size(), 4u);
  ASSERT_EQ(report.audio.size(), 4u);
  EXPECT_EQ(report.video[3].channel, 3u);
  EXPECT_THAT(report.video[0].codecs, testing::ElementsAre(codec_id::h264, codec_id::h265));
  EXPECT_THAT(report.audio[0].codecs, testing::ElementsAre(codec_id::g711a));
  EXPECT_EQ(report.video[0].max_bitrate_kbps, 8000u);
}

struct refusal_case {
  const char* name;
  const char* lie;
  error_code code;
  const char* text;
};
class hal_library_refusal : public testing::TestWithParam<refusal_case> {};

TEST_P(hal_library_refusal, names_the_path_what_was_found_and_what_is_allowed) {
  const liar lying(GetParam().lie);
  const auto library = load_hal_library(CAMPUSH_LYING_HAL);
  ASSERT_FALSE(library);
  EXPECT_EQ(library.error().code, GetParam().code);
  EXPECT_THAT(library.error().message, HasSubstr("lying_hal"));
  EXPECT_THAT(library.error().message, HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    lies, hal_library_refusal,
    testing::Values(
        refusal_case{"null_table", "null_table", error_code::unsupported, "no table for version 1.0"},
        refusal_case{"old_major", "old_major", error_code::unsupported, "compiled for version 9.3"},
        refusal_case{"small_table", "small_table", error_code::malformed, "its table has 16 bytes"},
        refusal_case{"no_get", "no_get", error_code::malformed, "lacks the required function get"},
        refusal_case{"describe_fails", "describe_fails", error_code::io_failed, "describe returned -6 (failed)"},
        refusal_case{"describe_positive", "describe_positive", error_code::io_failed, "returned 7 (no result"},
        refusal_case{"describe_throws", "describe_throws", error_code::io_failed, "exception"},
        refusal_case{"describe_overruns", "describe_overruns", error_code::malformed, "wrote past the end"},
        refusal_case{"describe_size", "describe_size", error_code::malformed, "left a size of 3"},
        refusal_case{"too_many_channels", "too_many_channels", error_code::malformed, "at most 64 are allowed"},
        refusal_case{"no_channels", "no_channels", error_code::malformed, "no channel at all"},
        refusal_case{"no_codecs", "no_codecs", error_code::malformed, "describe_channel of video 0"}),
    [](const auto& each) { return each.param.name; });

TEST(hal_library, takes_an_older_plug_in_for_what_it_has) {
  const liar older("older_minor");
  const auto library = load_hal_library(CAMPUSH_LYING_HAL);
  ASSERT_TRUE(library) << library.error().message;
  EXPECT_EQ((*library)->table().set_bitrate, nullptr);
  EXPECT_FALSE((*library)->report().has_keyframe_request);
}

TEST(hal_library, takes_no_half_of_a_function) {
  const liar lying("half_pointer");
  const auto library = load_hal_library(CAMPUSH_LYING_HAL);
  ASSERT_TRUE(library) << library.error().message;
  EXPECT_EQ((*library)->table().request_keyframe, nullptr);
  EXPECT_FALSE((*library)->report().has_keyframe_request);
}

TEST(hal_library, shows_no_control_bytes_and_ends_texts_without_an_end) {
  const liar lying("endless_text");
  const auto library = load_hal_library(CAMPUSH_LYING_HAL);
  ASSERT_TRUE(library);
  EXPECT_EQ((*library)->report().name, std::string(64, '?'));
}

TEST(hal_library, says_of_a_file_that_is_none_what_it_is) {
  const auto missing = load_hal_library("missing/plugin.so");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, error_code::not_found);
  EXPECT_THAT(missing.error().message, HasSubstr("missing/plugin.so"));
  const auto text = load_hal_library(CAMPUSH_TEST_DATA "/tiny.h264");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, error_code::io_failed);
  const auto folder = load_hal_library(CAMPUSH_TEST_DATA);
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, error_code::malformed);
}

TEST(hal_library, is_given_to_one_user_of_a_channel_at_a_time) {
  const liar honest;
  const auto library = load_hal_library(CAMPUSH_LYING_HAL);
  ASSERT_TRUE(library);
  EXPECT_TRUE((*library)->claim(track_kind::video, 1));
  EXPECT_TRUE((*library)->claim(track_kind::audio, 0));
  const auto again = (*library)->claim(track_kind::video, 1);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, error_code::busy);
  const auto beyond = (*library)->claim(track_kind::video, 4);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, error_code::not_found);
  EXPECT_THAT(beyond.error().message, HasSubstr("has 4, numbered from 0"));
  (*library)->give_back(track_kind::video, 1);
  EXPECT_TRUE((*library)->claim(track_kind::video, 1));
}

TEST(hal_library_cache, loads_a_path_once_and_a_failure_again) {
  liar lying("describe_fails");
  hal_library_cache cache;
  EXPECT_FALSE(cache.load(CAMPUSH_LYING_HAL));
  lying.set("");
  const auto first = cache.load(CAMPUSH_LYING_HAL);
  const auto second = cache.load(CAMPUSH_LYING_HAL);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
}

TEST(hal_library_cache, knows_a_file_by_each_of_its_names) {
  const liar honest;
  const std::string folder = testing::TempDir() + "campush_plugins_" + std::to_string(::getpid());
  std::filesystem::create_directories(folder);
  std::filesystem::create_symlink(CAMPUSH_LYING_HAL, folder + "/camera.so");
  hal_library_cache cache;
  const auto by_file = cache.load(CAMPUSH_LYING_HAL), by_link = cache.load(folder + "/camera.so");
  const auto by_detour = cache.load(folder + "/../" + folder.substr(folder.rfind('/') + 1) + "/camera.so");
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(by_file && by_link && by_detour);
  EXPECT_EQ(*by_file, *by_link) << "one turn and one count of channels";
  EXPECT_EQ(*by_file, *by_detour);
}

TEST(hal_library_cache, does_not_wait_for_ever_for_a_plug_in_that_blocks) {
  liar lying("describe_blocks");
  hal_library_cache cache;
  const auto blocked = cache.load(CAMPUSH_LYING_HAL, std::chrono::milliseconds(50));
  ASSERT_FALSE(blocked);
  EXPECT_EQ(blocked.error().code, error_code::timed_out);
  EXPECT_THAT(blocked.error().message, HasSubstr("lying_hal"));
  ASSERT_TRUE(lying.wait_until_blocked());
  lying.set("");
  lying.unblock();
  EXPECT_TRUE(cache.load(CAMPUSH_LYING_HAL)) << "the call has returned: what it said counts";
}

TEST(plugin_report, comes_from_the_file_player) {
  const auto report = describe_plugin(CAMPUSH_FILE_HAL);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->name, "file player");
  EXPECT_EQ(report->path, CAMPUSH_FILE_HAL);
  EXPECT_EQ(report->max_encoders, 4u);
  EXPECT_FALSE(report->has_set_bitrate);
  EXPECT_TRUE(report->has_set_codec);
  EXPECT_EQ(report->audio.at(0).codecs.at(0), codec_id::aac);
}

}  // namespace

}  // namespace campush
