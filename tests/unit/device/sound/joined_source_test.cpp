#include "device/sound/joined_source.h"

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

/// Pictures every 40 ms, paced or by a descriptor.
class scripted_pictures final : public media_source {
 public:
  struct script {
    std::optional<error> open_failure, step_failure;
    bool has_ended = false, has_own_sound = false;
    int event = -1, next_event = -1;  ///< next_event: from the next step on
    int steps = 0, closes = 0, interrupts = 0;
    std::optional<video_description> new_video;
  };
  scripted_pictures(script& s, const clock& time) : m_script(s), m_time(time) {}
  result<stream_description> open() override {
    if (m_script.open_failure) return tl::unexpected<error>(*m_script.open_failure);
    m_next = m_time.now();
    stream_description out;
    out.video = video_description{codec_id::h264, 640, 360, 25, 500};
    if (m_script.has_own_sound) out.audio = audio_description{codec_id::aac, 48'000, 1, 64, {}};
    return out;
  }
  void close() noexcept override { ++m_script.closes; }
  time_point next_due() const noexcept override { return m_script.event >= 0 ? time_point::max() : m_next; }
  result<step_outcome> step(time_point now, frame_sink& sink) override {
    ++m_script.steps;
    if (m_script.next_event >= 0) m_script.event = std::exchange(m_script.next_event, -1);
    if (m_script.step_failure) return tl::unexpected<error>(*m_script.step_failure);
    if (m_script.has_ended) return step_outcome::ended;
    if (m_script.new_video) {
      stream_description out;
      out.video = std::exchange(m_script.new_video, std::nullopt);
      sink.on_description(out);
    }
    auto outcome = step_outcome::idle;
    for (; m_next <= now; m_next += milliseconds(40)) {
      media_frame frame;
      frame.codec = codec_id::h264;
      frame.dts = frame.pts = m_next;
      sink.on_frame(frame);
      if (m_script.has_own_sound) {
        frame.codec = codec_id::aac;
        sink.on_frame(frame);
      }
      outcome = step_outcome::delivered;
    }
    return outcome;
  }
  int poll_descriptor() const noexcept override { return m_script.event; }
  stream_control& control() noexcept override { return m_control; }
  void interrupt() noexcept override { ++m_script.interrupts; }
  source_health health() const noexcept override {
    source_health out;
    out.encoder = "libx264";
    out.lost_pictures = 5;
    return out;
  }

 private:
  script& m_script;
  const clock& m_time;
  time_point m_next{};
  no_stream_control m_control;
};

class joined_source_steps : public ::testing::Test {
 protected:
  joined_source_steps()
      : joined(std::make_unique<scripted_pictures>(pictures, time), std::make_unique<scripted_sound>(sound, time),
               time) {}
  ~joined_source_steps() override {
    if (pictures.event >= 0) ::close(pictures.event);
  }
  void open() {
    auto opened = joined.open();
    ASSERT_TRUE(opened);
    description = *opened;
  }
  result<step_outcome> run(duration length) {
    const time_point end = time.now() + length;
    while (time.now() < end) {
      auto outcome = joined.step(time.now(), heard);
      if (!outcome || *outcome == step_outcome::ended) return outcome;
      time.set(std::min(end, std::max(time.now() + milliseconds(1), joined.next_due())));
    }
    return step_outcome::idle;
  }
  size_t count(codec_id codec) const {
    size_t out = 0;
    for (const auto& frame : heard.frames) out += frame.codec == codec;
    return out;
  }

  fake_clock time;
  scripted_pictures::script pictures;
  scripted_sound::script sound;
  test::heard_sound heard;
  stream_description description;
  joined_source joined;
};

TEST_F(joined_source_steps, is_one_stream_of_both) {
  open();
  EXPECT_TRUE(description.video && description.audio);
  ASSERT_TRUE(run(seconds(2)));
  EXPECT_NEAR(static_cast<double>(count(codec_id::h264)), 50, 1);
  EXPECT_NEAR(static_cast<double>(count(codec_id::g711a)), 98, 2);
}

TEST_F(joined_source_steps, leaves_out_the_sound_that_came_with_the_pictures) {
  pictures.has_own_sound = true;
  open();
  EXPECT_EQ(description.audio->codec, codec_id::g711a);
  ASSERT_TRUE(run(seconds(1)));
  EXPECT_EQ(count(codec_id::aac), 0u);
}

TEST_F(joined_source_steps, fails_when_the_pictures_fail) {
  pictures.open_failure = error{error_code::not_found, "no camera"};
  EXPECT_EQ(joined.open().error().message, "no camera");
  pictures.open_failure.reset();
  open();
  pictures.step_failure = error{error_code::io_failed, "gone"};
  const auto outcome = run(seconds(1));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "gone");
  EXPECT_EQ(sound.closes, sound.opens);
}

TEST_F(joined_source_steps, ends_when_the_pictures_end) {
  open();
  pictures.has_ended = true;
  const auto outcome = run(seconds(1));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(*outcome, step_outcome::ended);
  joined.close();
  EXPECT_EQ(pictures.closes, 1);
}

TEST_F(joined_source_steps, goes_on_without_sound_and_takes_it_back) {
  open();
  ASSERT_TRUE(run(seconds(1)));
  sound.step_failure = error{error_code::io_failed, "no sound"};
  ASSERT_TRUE(run(milliseconds(500)));
  sound.step_failure.reset();
  const size_t before = count(codec_id::g711a);
  ASSERT_TRUE(run(seconds(3)));
  EXPECT_GT(count(codec_id::g711a), before + 90);
  EXPECT_NEAR(static_cast<double>(count(codec_id::h264)), 112, 2);
  EXPECT_TRUE(heard.descriptions.empty()) << "what comes back is what was said at first";
}

TEST_F(joined_source_steps, tells_of_sound_that_comes_later) {
  sound.open_failure = error{error_code::not_found, "no microphone"};
  open();
  EXPECT_TRUE(description.video);
  EXPECT_FALSE(description.audio);
  sound.open_failure.reset();
  ASSERT_TRUE(run(seconds(3)));
  ASSERT_EQ(heard.descriptions.size(), 1u);
  EXPECT_TRUE(heard.descriptions[0].video && heard.descriptions[0].audio);
  EXPECT_GT(count(codec_id::g711a), 50u);
}

TEST_F(joined_source_steps, adds_what_it_knows_to_a_description_that_changes) {
  open();
  pictures.new_video = video_description{codec_id::h265, 1280, 720, 25, 500};
  ASSERT_TRUE(run(milliseconds(100)));
  ASSERT_EQ(heard.descriptions.size(), 1u);
  EXPECT_EQ(heard.descriptions[0].video->codec, codec_id::h265);
  EXPECT_EQ(heard.descriptions[0].audio->codec, codec_id::g711a);
  auto changed = sound.description;
  changed.sample_rate = 16'000;
  sound.new_description = changed;
  ASSERT_TRUE(run(milliseconds(100)));
  ASSERT_EQ(heard.descriptions.size(), 2u);
  EXPECT_EQ(heard.descriptions[1].video->codec, codec_id::h265);
  EXPECT_EQ(heard.descriptions[1].audio->sample_rate, 16'000u);
}

TEST_F(joined_source_steps, asks_pictures_that_wait_for_a_device_only_when_there_are_some) {
  pictures.event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  open();
  EXPECT_GE(joined.poll_descriptor(), 0);
  ASSERT_TRUE(run(seconds(1)));
  EXPECT_EQ(pictures.steps, 0);
  EXPECT_GT(count(codec_id::g711a), 40u);
  const uint64_t one = 1;
  ASSERT_EQ(::write(pictures.event, &one, sizeof one), 8);
  ASSERT_TRUE(joined.step(time.now(), heard));
  EXPECT_EQ(pictures.steps, 1);
}

TEST_F(joined_source_steps, follows_a_descriptor_that_changes) {
  open();
  EXPECT_EQ(joined.poll_descriptor(), -1);
  pictures.next_event = ::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
  ASSERT_TRUE(joined.step(time.now(), heard));
  ASSERT_TRUE(run(milliseconds(100)));
  EXPECT_GE(joined.poll_descriptor(), 0);
  EXPECT_GT(pictures.steps, 1);
}

TEST_F(joined_source_steps, interrupts_and_reports_both) {
  sound.overruns = 3;
  joined.interrupt();
  EXPECT_EQ(pictures.interrupts, 1);
  EXPECT_EQ(joined.health().encoder, std::string("libx264"));
  EXPECT_EQ(joined.health().lost_pictures, 5u);
  EXPECT_EQ(joined.health().overruns, 3u);
}

TEST(join_sources, leaves_one_alone_as_it_is) {
  fake_clock time;
  scripted_sound::script sound;
  scripted_pictures::script pictures;
  auto only_sound = std::make_unique<scripted_sound>(sound, time);
  auto only_pictures = std::make_unique<scripted_pictures>(pictures, time);
  const media_source* const sound_at = only_sound.get();
  const media_source* const pictures_at = only_pictures.get();
  EXPECT_EQ(join_sources(nullptr, std::move(only_sound), time).get(), sound_at);
  EXPECT_EQ(join_sources(std::move(only_pictures), nullptr, time).get(), pictures_at);
}

}  // namespace
}  // namespace campush
