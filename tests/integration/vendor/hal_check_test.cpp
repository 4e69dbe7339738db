#include "hal_check.h"

#include <gmock/gmock.h>

#include "vendor_rig.h"

namespace campush {

namespace {

using testing::HasSubstr;

hal_check_options liar_options(const char* json = R"({"period_ms":5})") {
  hal_check_options options;
  options.path = CAMPUSH_LYING_HAL;
  options.options = json;
  options.seconds = 0.5;
  return options;
}

void expect_no_failure(const check_table& table) {
  EXPECT_FALSE(table.has_failures()) << table.text();
  for (size_t id = 0; id < static_cast<size_t>(check_id::count); ++id) {
    EXPECT_NE(table.row(static_cast<check_id>(id)).state, check_state::not_run) << table.text();
  }
}

TEST(hal_check, passes_a_plug_in_that_keeps_to_the_interface) {
  const liar honest;
  hal_check check(liar_options());
  const check_table& table = check.run();
  expect_no_failure(table);
  EXPECT_EQ(table.row(check_id::bitrate).state, check_state::passed);
}

TEST(hal_check, waits_for_the_descriptor_and_never_inside_get) {
  liar honest;
  hal_check check(liar_options(R"({"period_ms":5,"fd":1})"));
  expect_no_failure(check.run());
  EXPECT_EQ(honest.count("waiting get"), 0u);
}

TEST(hal_check, passes_sound_of_a_plug_in_that_keeps_to_the_interface) {
  const liar honest;
  hal_check_options options = liar_options();
  options.kind = track_kind::audio;
  options.options = "{}";
  hal_check check(options);
  const check_table& table = check.run();
  expect_no_failure(table);
  EXPECT_EQ(table.row(check_id::keyframe).state, check_state::not_offered);
}

TEST(hal_check, passes_the_example_and_says_what_it_does_not_offer) {
  hal_check_options options;
  options.path = CAMPUSH_FILE_HAL;
  options.seconds = 2;
  options.options = R"({"h264":")" CAMPUSH_TEST_DATA R"(/gate.h264","h265":")" CAMPUSH_TEST_DATA R"(/yard.h265"})";
  hal_check check(options);
  const check_table& table = check.run();
  expect_no_failure(table);
  EXPECT_EQ(table.row(check_id::bitrate).state, check_state::not_offered);
  EXPECT_EQ(table.row(check_id::codec).state, check_state::passed);
}

TEST(hal_check, passes_the_sound_of_the_example) {
  hal_check_options options;
  options.path = CAMPUSH_FILE_HAL;
  options.kind = track_kind::audio;
  options.seconds = 1;
  options.options = R"({"aac":")" CAMPUSH_TEST_DATA R"(/gate.aac"})";
  hal_check check(options);
  expect_no_failure(check.run());
}

struct lie_case {
  const char* lie;
  check_id id;
  const char* text;
};
class hal_check_finds : public testing::TestWithParam<lie_case> {};

TEST_P(hal_check_finds, the_lie) {
  const liar lying(GetParam().lie);
  hal_check check(liar_options());
  const check_table& table = check.run();
  EXPECT_EQ(table.row(GetParam().id).state, check_state::failed) << table.text();
  EXPECT_THAT(table.row(GetParam().id).detail, HasSubstr(GetParam().text));
  EXPECT_THAT(table.text(), HasSubstr("-> "));
}

INSTANTIATE_TEST_SUITE_P(all, hal_check_finds,
                         testing::Values(lie_case{"old_major", check_id::load, "version 9.3"},
                                         lie_case{"no_get", check_id::load, "get"},
                                         lie_case{"describe_overruns", check_id::load, "wrote past the end"},
                                         lie_case{"describes_anything", check_id::unknown_channel, "returned 0"},
                                         lie_case{"open_null_handle", check_id::open, "null handle"},
                                         lie_case{"open_overruns", check_id::open, "wrote past the end"},
                                         lie_case{"open_bad_codec", check_id::open, "codec 3"},
                                         lie_case{"open_throws", check_id::open, "open threw an exception"},
                                         lie_case{"open_fails", check_id::open, "as?[31m told"},
                                         lie_case{"opens_twice", check_id::second_open, "returned 0"},
                                         lie_case{"start_fails", check_id::first_unit, "start returned -5"},
                                         lie_case{"silent", check_id::first_unit, "none came within 4 s"},
                                         lie_case{"starts_without_keyframe", check_id::first_unit, "not a keyframe"},
                                         lie_case{"get_blocks_at_once", check_id::first_unit, "get has not returned"},
                                         lie_case{"get_blocks", check_id::get_time_out, "get has not returned"}),
                         [](const auto& each) { return each.param.lie; });

INSTANTIATE_TEST_SUITE_P(units, hal_check_finds,
                         testing::Values(lie_case{"null_parts", check_id::units, "null"},
                                         lie_case{"over_8_mib", check_id::units, "8 MiB"},
                                         lie_case{"other_kind", check_id::units, "codec"},
                                         lie_case{"get_overruns", check_id::units, "past its end"},
                                         lie_case{"gone", check_id::units, "get returned -5"},
                                         lie_case{"length_prefixed", check_id::start_codes, "without a start code"},
                                         lie_case{"two_pictures", check_id::one_picture, "more than one"},
                                         lie_case{"no_parameter_sets", check_id::parameter_sets, "come without"},
                                         lie_case{"loses_units", check_id::sequence, "missing"},
                                         lie_case{"other_clock", check_id::clock, "2 s old"},
                                         lie_case{"backwards", check_id::order, "do not come after"},
                                         lie_case{"wrong_frame_rate", check_id::rate, "open says 600"},
                                         lie_case{"changes_leased", check_id::lease, "before release"},
                                         lie_case{"release_fails", check_id::release, "returned -6"},
                                         lie_case{"always_readable", check_id::poll_fd, "had nothing"},
                                         lie_case{"bad_fd", check_id::poll_fd, "cannot be polled"}),
                         [](const auto& each) { return each.param.lie; });

INSTANTIATE_TEST_SUITE_P(controls, hal_check_finds,
                         testing::Values(lie_case{"never_keyframe", check_id::keyframe, "no keyframe came"},
                                         lie_case{"keyframe_blocks", check_id::keyframe, "has not returned"},
                                         lie_case{"ignores_codec", check_id::codec, "did not change"},
                                         lie_case{"stop_fails", check_id::stop, "returned -6"},
                                         lie_case{"ignores_stop", check_id::stop, "after stop"},
                                         lie_case{"stop_blocks", check_id::stop, "within 700 ms"},
                                         lie_case{"stays_open", check_id::reopen, "returned -4 (busy)"},
                                         lie_case{"leaks_descriptor", check_id::leaks, "5 descriptors"},
                                         lie_case{"leaks_thread", check_id::leaks, "5 threads"}),
                         [](const auto& each) { return each.param.lie; });

TEST(hal_check, finds_that_get_does_not_wait) {
  const liar lying("never_waits");
  hal_check check(liar_options(R"({"period_ms":200})"));
  const check_table& table = check.run();
  EXPECT_THAT(table.row(check_id::get_time_out).detail, HasSubstr("with a time-out of 100 ms")) << table.text();
}

TEST(hal_check, finds_that_get_stays_longer_than_it_may) {
  const liar lying("overstays");
  hal_check check(liar_options(R"({"period_ms":900})"));
  const check_table& table = check.run();
  EXPECT_THAT(table.row(check_id::get_time_out).detail, HasSubstr("with a time-out of 100 ms")) << table.text();
}

}  // namespace

}  // namespace campush
