#include <gmock/gmock.h>

#include "device/camera_manager.h"
#include "vendor_rig.h"

namespace campush {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

struct vendor_lies : testing::Test {
  std::unique_ptr<vendor_source> make(const std::string& lie, uint32_t channel = 0) {
    return std::make_unique<vendor_source>(liar_config(R"({"period_ms":5,"lie":")" + lie + R"("})", channel), time,
                                           plugins);
  }
  duration time_of(const std::function<void()>& action) {
    const time_point begin = time.now();
    action();
    return time.now() - begin;
  }

  system_clock time;
  std::shared_ptr<hal_library_cache> plugins = std::make_shared<hal_library_cache>();
  liar plugin;
};

struct open_case {
  const char* lie;
  error_code code;
  const char* text;
};
class vendor_open_lies : public vendor_lies, public testing::WithParamInterface<open_case> {};

TEST_P(vendor_open_lies, are_refused_with_what_was_found) {
  const auto source = make(GetParam().lie);
  const auto opened = source->open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, GetParam().code) << opened.error().message;
  EXPECT_THAT(opened.error().message, HasSubstr(GetParam().text));
  EXPECT_THAT(opened.error().message, HasSubstr("video 0"));
  // The channel is free again.
  EXPECT_TRUE(make("")->open());
}

INSTANTIATE_TEST_SUITE_P(
    all, vendor_open_lies,
    testing::Values(open_case{"open_fails", error_code::io_failed, "open returned -6 (failed): as?[31m told"},
                    open_case{"open_positive", error_code::io_failed, "returned 1 (no result"},
                    open_case{"open_throws", error_code::io_failed, "exception in open"},
                    open_case{"open_null_handle", error_code::malformed, "null handle"},
                    open_case{"open_bad_codec", error_code::malformed, "open says codec 3"},
                    open_case{"open_huge_size", error_code::malformed, "4000000000x54"},
                    open_case{"open_long_config", error_code::malformed, "4000 bytes of configuration"},
                    open_case{"open_overruns", error_code::malformed, "wrote past the end"},
                    open_case{"start_fails", error_code::not_found, "start returned -5 (gone)"}),
    [](const auto& each) { return each.param.lie; });

class vendor_unit_lies : public vendor_lies, public testing::WithParamInterface<const char*> {};

TEST_P(vendor_unit_lies, are_dropped_and_end_in_a_failure_that_names_them) {
  const auto source = make(GetParam());
  ASSERT_TRUE(source->open());
  stepper steps(*source);
  ASSERT_TRUE(steps.run([&] { return source->health().damaged_buffers >= 3; }));
  EXPECT_TRUE(steps.keeper.frames.empty());
  steps.skip(seconds(5));
  ASSERT_TRUE(steps.step());
  EXPECT_EQ(source->health().stalls, 1u);
  ASSERT_TRUE(steps.run([&] { return plugin.count("start") == 2; })) << "stopped and started first";
  steps.skip(seconds(5));
  ASSERT_TRUE(steps.run_into_failure());
  EXPECT_EQ(steps.failure.code, error_code::timed_out);
  EXPECT_THAT(steps.failure.message, HasSubstr("the last unit was refused"));
  EXPECT_GE(plugin.count("release"), 3u) << "what is refused is released all the same";
}

INSTANTIATE_TEST_SUITE_P(all, vendor_unit_lies,
                         testing::Values("null_parts", "null_data", "no_parts", "many_parts", "huge_part", "over_8_mib",
                                         "empty_unit", "unknown_codec", "other_kind", "get_overruns", "get_size"),
                         [](const auto& each) { return std::string(each.param); });

struct failure_case {
  const char* lie;
  error_code code;
  const char* text;
};
class vendor_get_lies : public vendor_lies, public testing::WithParamInterface<failure_case> {};

TEST_P(vendor_get_lies, end_the_source_and_leave_it_fit_to_be_opened) {
  const auto source = make(GetParam().lie);
  ASSERT_TRUE(source->open());
  stepper steps(*source);
  ASSERT_TRUE(steps.run_into_failure());
  EXPECT_EQ(steps.failure.code, GetParam().code) << steps.failure.message;
  EXPECT_THAT(steps.failure.message, HasSubstr(GetParam().text));
  EXPECT_TRUE(source->open());
}

INSTANTIATE_TEST_SUITE_P(all, vendor_get_lies,
                         testing::Values(failure_case{"get_fails", error_code::io_failed, "get returned -6 (failed)"},
                                         failure_case{"get_positive", error_code::io_failed,
                                                      "get returned 5 (no result"},
                                         failure_case{"gone", error_code::not_found, "get returned -5 (gone)"},
                                         failure_case{"get_throws", error_code::io_failed, "exception in get"},
                                         failure_case{"flood", error_code::limit_reached, "over 1000 units"}),
                         [](const auto& each) { return each.param.lie; });

class vendor_time_lies : public vendor_lies, public testing::WithParamInterface<const char*> {};

TEST_P(vendor_time_lies, come_out_in_order_and_close_to_now) {
  const auto source = make(GetParam());
  ASSERT_TRUE(source->open());
  stepper steps(*source);
  ASSERT_TRUE(steps.run_frames(20)) << steps.failure.message;
  const auto& frames = steps.keeper.frames;
  for (size_t i = 1; i < frames.size(); ++i) {
    EXPECT_GT(frames[i].dts, frames[i - 1].dts);
    EXPECT_LE(frames[i].dts, frames[i].pts);
    EXPECT_LT(frames[i].dts, time.now() + milliseconds(50));
    EXPECT_GT(frames[i].dts, time.now() - seconds(10));
    EXPECT_LE(frames[i].captured, time.now());
  }
}

INSTANTIATE_TEST_SUITE_P(all, vendor_time_lies,
                         testing::Values("backwards", "other_clock", "stale_first", "zero_time", "extreme_time"),
                         [](const auto& each) { return std::string(each.param); });

TEST_F(vendor_lies, silence_is_ended_by_a_stop_and_a_start) {
  const auto source = make("silent_until_restart");
  ASSERT_TRUE(source->open());
  stepper steps(*source);
  steps.skip(milliseconds(3900));
  ASSERT_TRUE(steps.step());
  EXPECT_EQ(source->health().stalls, 0u) << "a sensor has 4 s for its first picture";
  steps.skip(milliseconds(200));
  ASSERT_TRUE(steps.run_frames(3)) << steps.failure.message;
  EXPECT_EQ(source->health().stalls, 1u);
  EXPECT_EQ(plugin.count("stop"), 1u);
}

TEST_F(vendor_lies, silence_counts_from_the_end_of_a_slow_start) {
  const auto source = make("slow_restart");
  ASSERT_TRUE(source->open());
  stepper steps(*source);
  steps.skip(milliseconds(4100));
  ASSERT_TRUE(steps.step());
  ASSERT_TRUE(plugin.wait_until_blocked());
  ASSERT_TRUE(steps.step());
  steps.skip(milliseconds(4500));
  ASSERT_TRUE(steps.step()) << "a start has 5 s: " << steps.failure.message;
  plugin.unblock();
  EXPECT_TRUE(steps.run_frames(3)) << steps.failure.message;
}

TEST_F(vendor_lies, failures_between_times_of_nothing_are_put_up_with) {
  const auto source = make("fails_now_and_then");
  ASSERT_TRUE(source->open());
  stepper steps(*source);
  EXPECT_TRUE(steps.run_frames(3)) << steps.failure.message;
}

TEST_F(vendor_lies, silence_in_mid_stream_is_a_stall_after_a_second) {
  const auto source = make("falls_silent");
  ASSERT_TRUE(source->open());
  stepper steps(*source);
  ASSERT_TRUE(steps.run_frames(5));
  steps.skip(milliseconds(800));
  ASSERT_TRUE(steps.step());
  EXPECT_EQ(source->health().stalls, 0u);
  steps.skip(milliseconds(400));
  ASSERT_TRUE(steps.run([&] { return source->health().stalls == 1; }));
}

TEST_F(vendor_lies, silence_that_goes_on_is_ended_by_closing_and_opening) {
  const auto source = make("silent_until_reopen");
  ASSERT_TRUE(source->open());
  stepper steps(*source);
  steps.skip(seconds(5));
  ASSERT_TRUE(steps.step());
  ASSERT_TRUE(steps.run([&] { return plugin.count("start") == 2; }));
  steps.skip(seconds(5));
  ASSERT_TRUE(steps.run_into_failure());
  EXPECT_THAT(steps.failure.message, HasSubstr("nor after a stop and start"));
  ASSERT_TRUE(source->open());
  ASSERT_TRUE(steps.run_frames(3)) << steps.failure.message;
}

struct block_case {
  const char* lie;
  const char* text;
};
class vendor_blocks : public vendor_lies, public testing::WithParamInterface<block_case> {};

TEST_P(vendor_blocks, cost_the_source_and_not_its_caller) {
  const auto source = make(GetParam().lie), other = make("", 1);
  ASSERT_TRUE(source->open());
  stepper steps(*source);
  steps.keeper.on_each = [&](const media_frame&) {
    EXPECT_NE(source->control().request_keyframe(), control_outcome::unsupported);
  };
  ASSERT_TRUE(steps.run([&] { return plugin.count("blocked") == 1; })) << steps.failure.message;
  ASSERT_TRUE(steps.step());
  steps.skip(seconds(2));
  const duration taken = time_of([&] { ASSERT_TRUE(steps.run_into_failure()); });
  EXPECT_LT(taken, milliseconds(900));
  EXPECT_EQ(steps.failure.code, error_code::timed_out);
  EXPECT_THAT(steps.failure.message, HasSubstr(std::string(GetParam().text) + " has not returned"));

  const auto reopened = source->open();
  ASSERT_FALSE(reopened) << "the call is still under way";
  EXPECT_EQ(reopened.error().code, error_code::busy);
  ASSERT_TRUE(other->open()) << "the other channels go on";
  stepper other_steps(*other);
  EXPECT_TRUE(other_steps.run_frames(3));

  plugin.set("");
  plugin.unblock();
  ASSERT_TRUE(other_steps.run([&] { return plugin.count("close") == 1; })) << "the thread left behind tidies up";
  EXPECT_TRUE(other_steps.run([&] { return source->open().has_value(); }));
}

INSTANTIATE_TEST_SUITE_P(all, vendor_blocks,
                         testing::Values(block_case{"get_blocks", "get"}, block_case{"release_blocks", "release"},
                                         block_case{"keyframe_blocks", "request_keyframe"}),
                         [](const auto& each) { return each.param.lie; });

TEST_F(vendor_lies, a_blocked_call_of_a_serial_plug_in_is_named_to_the_others) {
  plugin.set("serial");
  const auto source = make("get_blocks_at_once"), other = make("", 1);
  ASSERT_TRUE(source->open());
  ASSERT_TRUE(plugin.wait_until_blocked());
  std::thread unblocker([&] {
    while (plugin.count("open") < 1) ::poll(nullptr, 0, 1);
  });
  unblocker.join();
  other->interrupt();
  const duration taken = time_of([&] { EXPECT_FALSE(other->open()); });
  EXPECT_LT(taken, seconds(1));
}

class vendor_ends : public vendor_lies, public testing::WithParamInterface<const char*> {};

TEST_P(vendor_ends, within_a_second_of_being_asked) {
  const auto source = make(GetParam());
  std::thread opener([&] { static_cast<void>(source->open()); });
  const bool is_blocked_in_open = std::string(GetParam()) == "open_blocks" || std::string(GetParam()) == "start_blocks";
  if (is_blocked_in_open) {
    EXPECT_TRUE(plugin.wait_until_blocked());
    source->interrupt();
  }
  const duration taken = time_of([&] {
    opener.join();
    source->interrupt();
    source->close();
  });
  EXPECT_LT(taken, seconds(1));
  // What is left behind has to be gone before the plug-in may forget it.
  plugin.set("");
  plugin.unblock();
  const auto next = make("");
  stepper steps(*next);
  bool is_open = false;
  for (int tries = 0; tries < 500 && !is_open; ++tries) {
    is_open = next->open().has_value();
    if (!is_open) ::poll(nullptr, 0, 5);
  }
  EXPECT_TRUE(is_open);
}

INSTANTIATE_TEST_SUITE_P(all, vendor_ends,
                         testing::Values("open_blocks", "start_blocks", "stop_blocks", "close_blocks"),
                         [](const auto& each) { return std::string(each.param); });

TEST_F(vendor_lies, many_stuck_channels_stop_together_within_a_second) {
  std::vector<std::unique_ptr<vendor_source>> sources;
  for (uint32_t channel = 0; channel < 4; ++channel) {
    sources.push_back(make("get_blocks_at_once", channel));
    ASSERT_TRUE(sources.back()->open());
  }
  ASSERT_TRUE(plugin.wait_until_blocked(4));
  const duration taken = time_of([&] {
    for (auto& source : sources) source->interrupt();
    for (auto& source : sources) source->close();
  });
  EXPECT_LT(taken, seconds(1));
  plugin.set("");
  plugin.unblock();
  for (int tries = 0; tries < 1000 && plugin.count("close") < 4; ++tries) ::poll(nullptr, 0, 5);
  EXPECT_EQ(plugin.count("close"), 4u);
}

TEST_F(vendor_lies, requests_never_wait_for_the_plug_in) {
  const auto source = make("get_blocks_at_once");
  ASSERT_TRUE(source->open());
  ASSERT_TRUE(plugin.wait_until_blocked());
  const duration taken = time_of([&] {
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(source->control().request_keyframe(), control_outcome::accepted);
      EXPECT_EQ(source->control().set_bitrate(500), control_outcome::accepted);
    }
  });
  EXPECT_LT(taken, milliseconds(500));
  plugin.set("");
  plugin.unblock();
}

}  // namespace

}  // namespace campush
