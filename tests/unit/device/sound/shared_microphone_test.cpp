#include "device/sound/shared_microphone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>
#include <future>

#include "device/sound/microphone_hub.h"
#include "sound_test_kit.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::heard_sound;
using test::scripted_sound;

/// What the test does to the source behind a microphone while its thread runs.
struct source_switches {
  std::atomic<bool> is_missing{false}, is_slow{false}, has_large_frames{false};
  std::atomic<int> opens{0}, closes{0}, living{0};
  std::promise<void> answer;
  std::shared_future<void> is_answered{answer.get_future()};  ///< what a slow source waits for
};

/// A source of A-law sound, obeying the switches.
class switched_sound final : public media_source {
 public:
  switched_sound(source_switches& switches, const clock& time) : m_switches(switches), m_sound(m_script, time) {
    ++m_switches.living;
  }
  ~switched_sound() override { --m_switches.living; }
  result<stream_description> open() override {
    ++m_switches.opens;
    if (m_switches.is_missing.load()) return fail(error_code::not_found, "no such device");
    if (m_switches.is_slow.load()) m_switches.is_answered.wait();
    if (m_switches.has_large_frames.load()) {
      m_script.description = {codec_id::aac, 48'000, 1, 64, {0x11, 0x88}};
      m_script.frame_bytes = 5'000;
    }
    return m_sound.open();
  }
  void close() noexcept override { ++m_switches.closes; }
  time_point next_due() const noexcept override { return m_sound.next_due(); }
  result<step_outcome> step(time_point now, frame_sink& sink) override {
    if (m_switches.is_missing.load()) return fail(error_code::not_found, "unplugged");
    return m_sound.step(now, sink);
  }
  stream_control& control() noexcept override { return m_sound.control(); }

 private:
  source_switches& m_switches;
  scripted_sound::script m_script;
  scripted_sound m_sound;
};

size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

class microphone_threads : public ::testing::Test {
 protected:
  microphone_threads() { config.codec = codec_id::g711a; }
  sound_maker maker() {
    return [this](const audio_config&) -> result<std::unique_ptr<media_source>> {
      return std::make_unique<switched_sound>(switches, time);
    };
  }
  /// As a capture thread does, until `count` frames of the kind have come; false: they did not in time.
  bool listen(media_source& feed, heard_sound& heard, size_t count, bool is_silence = false) const {
    const auto wanted = [&] { return is_silence ? heard.silent() : heard.real(); };
    const time_point end = time.now() + seconds(20);
    while (wanted() < count && time.now() < end) {
      pollfd watched{feed.poll_descriptor(), POLLIN, 0};
      ::poll(&watched, 1, 100);
      if (!feed.step(time.now(), heard)) return false;
    }
    return wanted() >= count;
  }

  const system_clock time{};
  audio_config config;
  source_switches switches;
};

TEST_F(microphone_threads, give_every_feed_the_same_frames_of_one_device) {
  const auto mic = std::make_shared<shared_microphone>(0, config, time, maker());
  const auto first = mic->feed(), second = mic->feed();
  const auto described = first->open();
  ASSERT_TRUE(described);
  EXPECT_EQ(described->audio->codec, codec_id::g711a);
  EXPECT_FALSE(described->video);
  ASSERT_TRUE(second->open());
  EXPECT_EQ(switches.opens.load(), 1);
  heard_sound one, other;
  EXPECT_TRUE(listen(*first, one, 20));
  EXPECT_TRUE(listen(*second, other, 15));
  EXPECT_GE(one.frames.back().dts, other.frames.front().dts);
  EXPECT_EQ(one.largest_hole(), duration::zero());
}

TEST_F(microphone_threads, open_the_device_with_the_first_feed_and_close_it_with_the_last) {
  const auto mic = std::make_shared<shared_microphone>(0, config, time, maker());
  const auto first = mic->feed(), second = mic->feed();
  EXPECT_EQ(switches.living.load(), 0);
  ASSERT_TRUE(first->open());
  ASSERT_TRUE(second->open());
  first->close();
  EXPECT_EQ(switches.living.load(), 1);
  second->close();
  EXPECT_EQ(switches.living.load(), 0);
  ASSERT_TRUE(first->open());
  heard_sound heard;
  EXPECT_TRUE(listen(*first, heard, 5));
  EXPECT_EQ(switches.opens.load(), 2);
}

TEST_F(microphone_threads, give_silence_while_the_device_is_missing) {
  const auto mic = std::make_shared<shared_microphone>(0, config, time, maker());
  switches.is_missing.store(true);
  const auto feed = mic->feed();
  const auto described = feed->open();
  ASSERT_TRUE(described && described->audio);
  heard_sound heard;
  EXPECT_TRUE(listen(*feed, heard, 10, true));
  switches.is_missing.store(false);
  EXPECT_TRUE(listen(*feed, heard, 20));
  EXPECT_EQ(heard.largest_overlap(), duration::zero());
  EXPECT_TRUE(heard.descriptions.empty());
  switches.is_missing.store(true);
  const size_t before = heard.silent();
  EXPECT_TRUE(listen(*feed, heard, before + 10, true));
}

TEST_F(microphone_threads, tell_feeds_of_sound_that_comes_later) {
  config.fills_with_silence = false;
  switches.is_missing.store(true);
  const auto mic = std::make_shared<shared_microphone>(0, config, time, maker());
  const auto feed = mic->feed();
  const auto described = feed->open();
  ASSERT_TRUE(described);
  EXPECT_FALSE(described->audio);
  switches.is_missing.store(false);
  heard_sound heard;
  EXPECT_TRUE(listen(*feed, heard, 10));
  ASSERT_EQ(heard.descriptions.size(), 1u);
  EXPECT_EQ(heard.descriptions[0].audio->codec, codec_id::g711a);
}

TEST_F(microphone_threads, lose_the_newest_frames_of_a_feed_nobody_empties_and_none_of_the_others) {
  const auto mic = std::make_shared<shared_microphone>(0, config, time, maker());
  const auto lazy = mic->feed(), eager = mic->feed();
  ASSERT_TRUE(lazy->open());
  ASSERT_TRUE(eager->open());
  heard_sound heard;
  EXPECT_TRUE(listen(*eager, heard, 30));
  EXPECT_EQ(heard.largest_hole(), duration::zero());
}

TEST_F(microphone_threads, count_what_a_feed_has_lost) {
  config.codec = codec_id::aac;
  switches.has_large_frames.store(true);
  const auto mic = std::make_shared<shared_microphone>(0, config, time, maker());
  const auto lazy = mic->feed(), eager = mic->feed();
  ASSERT_TRUE(lazy->open());
  ASSERT_TRUE(eager->open());
  heard_sound heard, late;
  EXPECT_TRUE(listen(*eager, heard, 20));
  ASSERT_TRUE(lazy->step(time.now(), late));
  EXPECT_GT(lazy->health().overruns, 0u);
  EXPECT_EQ(eager->health().overruns, 0u);
  const uint64_t lost = lazy->health().overruns;
  lazy->close();
  EXPECT_EQ(lazy->health().overruns, lost);
}

TEST_F(microphone_threads, do_not_wait_for_a_slow_device_whose_sound_is_expected) {
  switches.is_slow.store(true);
  const auto mic = std::make_shared<shared_microphone>(0, config, time, maker());
  const auto feed = mic->feed();
  // The device has not answered, and the pictures go on.
  const auto described = feed->open();
  switches.answer.set_value();
  ASSERT_TRUE(described && described->audio);
  EXPECT_EQ(described->audio->codec, codec_id::g711a);
  heard_sound heard;
  EXPECT_TRUE(listen(*feed, heard, 10));
  EXPECT_TRUE(heard.descriptions.empty()) << "it is what was expected";
}

TEST_F(microphone_threads, end_an_open_or_a_step_that_is_interrupted) {
  const auto mic = std::make_shared<shared_microphone>(0, config, time, maker());
  const auto feed = mic->feed();
  feed->interrupt();
  const auto opened = feed->open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, error_code::cancelled);
  EXPECT_EQ(switches.living.load(), 0);
  feed->close();
  ASSERT_TRUE(feed->open());
  feed->interrupt();
  heard_sound heard;
  const auto stepped = feed->step(time.now(), heard);
  ASSERT_FALSE(stepped);
  EXPECT_EQ(stepped.error().code, error_code::cancelled);
  EXPECT_EQ(switches.living.load(), 0);
}

TEST_F(microphone_threads, outlive_a_thousand_feeds_from_several_threads) {
  const size_t descriptors = open_descriptors();
  microphone_hub hub;
  std::vector<std::thread> streams;
  std::atomic<int> heard_all{0};
  for (int stream = 0; stream < 4; ++stream) {
    streams.emplace_back([&, stream] {
      for (int round = 0; round < 250; ++round) {
        const auto feed = hub.find(0, config, "", maker(), time)->feed();
        if (!feed->open()) return;
        heard_sound heard;
        if (round % 50 == stream * 10 && listen(*feed, heard, 2)) ++heard_all;
        if (!feed->step(time.now(), heard)) return;
      }
    });
  }
  for (std::thread& stream : streams) stream.join();
  EXPECT_EQ(heard_all.load(), 20);
  EXPECT_EQ(switches.living.load(), 0);
  EXPECT_EQ(open_descriptors(), descriptors);
}

TEST(microphone_hub, shares_one_microphone_among_those_who_ask_for_the_same) {
  const system_clock time{};
  microphone_hub hub;
  const sound_maker none = [](const audio_config&) -> result<std::unique_ptr<media_source>> {
    return fail(error_code::unsupported, "none");
  };
  audio_config config;
  config.device = "hw:0";
  const auto first = hub.find(0, config, "", none, time);
  EXPECT_EQ(hub.find(1, config, "", none, time), first);
  EXPECT_NE(hub.find(0, config, "plugin.so", none, time), first);
  audio_config silent = config;
  silent.fills_with_silence = false;
  EXPECT_NE(hub.find(0, silent, "", none, time), first);
  const auto of_plugin = hub.find(0, config, "plugin.so", none, time);
  EXPECT_EQ(hub.find(0, silent, "plugin.so", none, time), of_plugin) << "it cannot be opened twice";
  silent.channel = 1;
  EXPECT_NE(hub.find(0, silent, "plugin.so", none, time), of_plugin);
  audio_config other = config;
  other.codec = codec_id::opus;
  EXPECT_NE(hub.find(0, other, "", none, time), first);
  const std::weak_ptr<microphone> gone = hub.find(2, other, "x", none, time);
  EXPECT_TRUE(gone.expired()) << "the hub keeps nobody alive";
}

}  // namespace
}  // namespace campush
