#include "device/vendor/vendor_source.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include "fakes/sanitizers.h"
#include "vendor_rig.h"

namespace campush {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

struct vendor_source_test : testing::Test {
  std::unique_ptr<vendor_source> make(const std::string& options, uint32_t channel = 0) {
    return std::make_unique<vendor_source>(liar_config(options, channel), time, plugins);
  }

  liar plugin;
  system_clock time;
  std::shared_ptr<hal_library_cache> plugins = std::make_shared<hal_library_cache>();
};

struct pace_case {
  const char* name;
  const char* options;
  const char* lie;
};
class vendor_source_pace : public vendor_source_test, public testing::WithParamInterface<pace_case> {};

TEST_P(vendor_source_pace, delivers_pictures_as_they_come) {
  plugin.set(GetParam().lie);
  const auto source = make(GetParam().options);
  const auto opened = source->open();
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_TRUE(opened->video);
  EXPECT_EQ(opened->video->codec, codec_id::h264);
  EXPECT_EQ(opened->video->width, 96u);
  stepper steps(*source);
  ASSERT_TRUE(steps.run_frames(30)) << steps.failure.message;
  const auto& frames = steps.keeper.frames;
  EXPECT_TRUE(frames[0].is_keyframe);
  EXPECT_FALSE(frames[1].is_keyframe);
  for (size_t i = 1; i < frames.size(); ++i) {
    EXPECT_GT(frames[i].dts, frames[i - 1].dts);
    EXPECT_LE(frames[i].dts, time.now());
    EXPECT_GT(frames[i].dts, time.now() - seconds(5));
    EXPECT_EQ(frames[i].pts, frames[i].dts);
  }
  source->close();
  EXPECT_EQ(plugin.count("release"), plugin.count("unit")) << "every lease has ended";
  EXPECT_EQ(plugin.count("close"), 1u);
  EXPECT_EQ(source->health().damaged_buffers, 0u);
}

INSTANTIATE_TEST_SUITE_P(ways, vendor_source_pace,
                         testing::Values(pace_case{"blocking", R"({"period_ms":5})", ""},
                                         pace_case{"descriptor", R"({"period_ms":5,"fd":1})", ""},
                                         pace_case{"in_pieces", R"({"period_ms":5,"scattered":1})", ""},
                                         pace_case{"one_call_at_a_time", R"({"period_ms":5})", "serial"},
                                         pace_case{"bad_descriptor", R"({"period_ms":5})", "bad_fd"},
                                         pace_case{"always_readable", R"({"period_ms":5})", "always_readable"}),
                         [](const auto& each) { return each.param.name; });

TEST_F(vendor_source_test, joins_the_pieces_of_a_picture_in_order) {
  const auto source = make(R"({"period_ms":5,"scattered":1})");
  ASSERT_TRUE(source->open());
  stepper steps(*source);
  ASSERT_TRUE(steps.run_frames(1));
  const std::vector<uint8_t>& picture = steps.keeper.frames[0].payload;
  const std::vector<uint8_t> begin = {0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67, 0x4d};
  ASSERT_GT(picture.size(), 300u);
  EXPECT_TRUE(std::equal(begin.begin(), begin.end(), picture.begin()));
  EXPECT_EQ(picture.back(), 0x5a);
}

TEST_F(vendor_source_test, hands_on_the_plug_ins_own_memory) {
  const auto source = make(R"({"period_ms":5})");
  ASSERT_TRUE(source->open());
  stepper steps(*source);
  ASSERT_TRUE(steps.run_frames(8));
  // The plug-in builds every picture in one buffer: a copy would stand elsewhere.
  EXPECT_EQ(steps.keeper.frames[6].where, steps.keeper.frames[7].where);
  unsigned released = 0;
  steps.keeper.on_each = [&](const media_frame&) { released = plugin.count("release"); };
  ASSERT_TRUE(steps.run_frames(9));
  EXPECT_EQ(released, 8u) << "the ninth picture is leased while it is delivered";
}

TEST_F(vendor_source_test, passes_requests_to_the_encoder) {
  const auto source = make(R"({"period_ms":5})");
  EXPECT_EQ(source->control().request_keyframe(), control_outcome::failed) << "it is not open";
  ASSERT_TRUE(source->open());
  EXPECT_TRUE(source->control().has_keyframe_on_demand());
  stepper steps(*source);
  ASSERT_TRUE(steps.run_frames(3));
  EXPECT_EQ(source->control().request_keyframe(), control_outcome::accepted);
  ASSERT_TRUE(steps.run_frames(12));
  EXPECT_TRUE(steps.keeper.has_keyframe_after(3)) << "25 pictures lie between those that come by themselves";
  EXPECT_EQ(source->control().set_bitrate(900000), control_outcome::accepted);
  ASSERT_TRUE(steps.run([&] { return plugin.count("bitrate") != 0; }));
  EXPECT_EQ(plugin.count("bitrate"), 8000u) << "what the channel says it can do";
  EXPECT_EQ(source->control().set_codec(codec_id::h265), control_outcome::accepted);
  ASSERT_TRUE(steps.run([&] { return steps.keeper.frames.back().codec == codec_id::h265; }));
  EXPECT_TRUE(steps.keeper.frames.back().is_keyframe);
  EXPECT_EQ(source->control().set_codec(codec_id::aac), control_outcome::unsupported);
}

TEST_F(vendor_source_test, says_unsupported_where_the_table_has_nothing) {
  plugin.set("no_controls");
  const auto source = make(R"({"period_ms":5})");
  ASSERT_TRUE(source->open());
  EXPECT_EQ(source->control().request_keyframe(), control_outcome::unsupported);
  EXPECT_EQ(source->control().set_bitrate(500), control_outcome::unsupported);
  EXPECT_EQ(source->control().set_codec(codec_id::h265), control_outcome::unsupported);
  EXPECT_FALSE(source->control().has_keyframe_on_demand());
}

TEST_F(vendor_source_test, says_unsupported_once_the_plug_in_has_said_so) {
  const auto source = make(R"({"period_ms":5,"lie":"keyframe_unsupported"})");
  ASSERT_TRUE(source->open());
  EXPECT_EQ(source->control().request_keyframe(), control_outcome::accepted);
  stepper steps(*source);
  ASSERT_TRUE(steps.run([&] { return !source->control().has_keyframe_on_demand(); }));
  EXPECT_EQ(source->control().request_keyframe(), control_outcome::unsupported);
}

TEST_F(vendor_source_test, does_not_trust_requests_that_bring_no_keyframe) {
  const auto source = make(R"({"period_ms":5,"lie":"never_keyframe"})");
  ASSERT_TRUE(source->open());
  stepper steps(*source);
  ASSERT_TRUE(steps.run_frames(2));
  EXPECT_EQ(source->control().request_keyframe(), control_outcome::accepted);
  ASSERT_TRUE(steps.run_frames(4));
  EXPECT_TRUE(source->control().has_keyframe_on_demand());
  steps.skip(seconds(5));
  ASSERT_TRUE(steps.run_frames(6));
  EXPECT_FALSE(source->control().has_keyframe_on_demand());
}

TEST_F(vendor_source_test, shares_one_plug_in_among_channels) {
  for (const char* const lie : {"", "serial"}) {
    plugin.set(lie);
    plugins = std::make_shared<hal_library_cache>();
    const auto first = make(R"({"period_ms":5})", 0), second = make(R"({"period_ms":5})", 1);
    ASSERT_TRUE(first->open());
    ASSERT_TRUE(second->open());
    stepper first_steps(*first), second_steps(*second);
    ASSERT_TRUE(first_steps.run([&] {
      second_steps.run_frames(second_steps.keeper.frames.size() + 1);
      return first_steps.keeper.frames.size() >= 10 && second_steps.keeper.frames.size() >= 10;
    })) << lie;
  }
}

TEST_F(vendor_source_test, refuses_a_channel_that_is_in_use) {
  const auto first = make(R"({"period_ms":5})"), second = make(R"({"period_ms":5})");
  ASSERT_TRUE(first->open());
  const auto refused = second->open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::busy);
  EXPECT_THAT(refused.error().message, HasSubstr("video channel 0 is in use"));
  first->close();
  EXPECT_TRUE(second->open());
}

TEST_F(vendor_source_test, takes_the_stream_id_for_a_channel_that_is_not_configured) {
  stream_config config = liar_config(R"({"period_ms":5})");
  config.source.channel.reset();
  config.stream_id = 9;
  vendor_source source(config, time, plugins);
  const auto refused = source.open();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("no video channel 9; the plug-in has 4"));
}

TEST_F(vendor_source_test, counts_units_that_the_encoder_lost) {
  const auto source = make(R"({"period_ms":5,"lie":"loses_units"})");
  ASSERT_TRUE(source->open());
  stepper steps(*source);
  ASSERT_TRUE(steps.run_frames(5));
  EXPECT_GE(source->health().lost_pictures, 4u);
}

TEST_F(vendor_source_test, is_interrupted_while_it_runs_and_opens_again) {
  const auto source = make(R"({"period_ms":5})");
  ASSERT_TRUE(source->open());
  source->interrupt();
  stepper steps(*source);
  ASSERT_TRUE(steps.run_into_failure());
  EXPECT_EQ(steps.failure.code, error_code::cancelled);
  source->close();
  EXPECT_TRUE(source->open());
  EXPECT_EQ(plugin.count("close"), 1u);
}

TEST_F(vendor_source_test, says_once_what_went_wrong_with_a_request) {
  const auto source = make(R"({"period_ms":5,"lie":"bitrate_fails"})");
  ASSERT_TRUE(source->open());
  stepper steps(*source);
  ASSERT_TRUE(steps.run_frames(1));
  testing::internal::CaptureStderr();
  for (const uint32_t kbps : {700u, 500u}) {
    EXPECT_EQ(source->control().set_bitrate(kbps), control_outcome::accepted);
    EXPECT_TRUE(steps.run([&] { return plugin.count("bitrate") == kbps; }));
  }
  source->close();
  const std::string said = testing::internal::GetCapturedStderr();
  const std::string text = "video 0: set_bitrate returned -6 (failed): as?[31m told";
  ASSERT_NE(said.find(text), std::string::npos) << said;
  EXPECT_EQ(said.find(text, said.find(text) + 1), std::string::npos) << said;
}

TEST_F(vendor_source_test, is_looked_at_often_where_there_are_no_descriptors) {
  if (test::has_ubsan) GTEST_SKIP() << "UBSan looks at types through a pipe, for which this test leaves no descriptor";
  ASSERT_TRUE(plugins->load(CAMPUSH_LYING_HAL));
  const auto source = make(R"({"period_ms":5})");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next_free = ::dup(0);
  ASSERT_GE(next_free, 0);
  ::close(next_free);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next_free);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const bool is_open = source->open().has_value();
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(is_open);
  ASSERT_EQ(source->poll_descriptor(), -1);
  EXPECT_LE(source->next_due(), time.now() + milliseconds(20));
}

TEST_F(vendor_source_test, leaves_nothing_behind_after_many_starts) {
  const auto source = make(R"({"period_ms":5})");
  ASSERT_TRUE(source->open());
  source->close();
  const size_t descriptors = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
  stepper steps(*source);
  for (int round = 0; round < 1000; ++round) {
    ASSERT_TRUE(source->open());
    const size_t wanted = steps.keeper.frames.size() + (round % 100 == 0 ? 1 : 0);
    ASSERT_TRUE(steps.run_frames(wanted));
    source->close();
  }
  EXPECT_EQ(entries_of("/proc/self/fd"), descriptors);
  EXPECT_EQ(entries_of("/proc/self/task"), threads);
  EXPECT_EQ(plugin.count("open"), plugin.count("close"));
}

}  // namespace

}  // namespace campush
