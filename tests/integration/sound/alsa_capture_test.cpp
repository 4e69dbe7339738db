#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "device/alsa/alsa_device.h"
#include "device/alsa/alsa_source.h"
#include "device/wake_signal.h"
#include "fake_card.h"
#include "fakes/sound_only_library.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr double tone_hz = 437;

/// What the encoder was given: an encoder that keeps it.
class kept_sound final : public audio_encoder {
 public:
  explicit kept_sound(const audio_encoder_options& options) : m_inner(options) {}
  result<void> encode(const sound_block& block, frame_sink& sink) override {
    blocks.push_back({block.captured_at, block.frames});
    samples.insert(samples.end(), block.samples, block.samples + block.frames);
    return m_inner.encode(block, sink);
  }
  const char* name() const noexcept override { return "kept"; }
  audio_description description() const override { return m_inner.description(); }

  struct kept_block {
    time_point at;
    uint32_t frames;
  };
  static std::vector<kept_block> blocks;
  static std::vector<int16_t> samples;

 private:
  test::fake_audio_encoder m_inner;
};
std::vector<kept_sound::kept_block> kept_sound::blocks;
std::vector<int16_t> kept_sound::samples;

class keeping_library final : public codec_library {
 public:
  result<std::unique_ptr<video_encoder>> make_video_encoder(const video_encoder_options&) override { return none(); }
  result<std::unique_ptr<picture_decoder>> make_picture_decoder() override { return none(); }
  result<std::unique_ptr<audio_encoder>> make_audio_encoder(const audio_encoder_options& options) override {
    return std::make_unique<kept_sound>(options);
  }
  bool has_encoder(codec_id) override { return true; }

 private:
  static tl::unexpected<error> none() { return fail(error_code::unsupported, "not in this fake"); }
};

struct frame_count final : frame_sink {
  void on_frame(const media_frame& frame) override {
    ++frames;
    bytes.insert(bytes.end(), frame.payload.begin(), frame.payload.end());
  }
  int frames = 0;
  std::vector<uint8_t> bytes;
};

/// How often the signal crosses zero upwards, as a pitch.
double pitch_of(const std::vector<double>& signal, double rate) {
  int crossings = 0;
  for (size_t i = 1; i < signal.size(); ++i) crossings += signal[i - 1] < 0 && signal[i] >= 0;
  return crossings * rate / static_cast<double>(signal.size());
}

class alsa_capture : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { card = new test::fake_card("tone 437 ppm 150 rate 48000 channels 1"); }
  static void TearDownTestSuite() {
    delete card;
    card = nullptr;
  }
  void SetUp() override {
    card->heal();
    kept_sound::blocks.clear();
    kept_sound::samples.clear();
    config.device = "mic";
  }
  void make() { source = std::make_unique<alsa_source>(config, time, codecs, std::make_unique<alsa_device>()); }
  /// Until `is_over` or the time is up, waiting as a thread of the agent does. The error of a step that failed.
  std::optional<error> run(
      duration longest, const std::function<bool()>& is_over = [] { return false; }) {
    const time_point end = time.now() + longest;
    while (time.now() < end && !is_over()) {
      if (auto outcome = source->step(time.now(), sink); !outcome) return outcome.error();
      wake.wait_until(time, std::min(source->next_due(), end), source->poll_descriptor());
      ++wake_ups;
    }
    return std::nullopt;
  }

  static test::fake_card* card;
  const system_clock time{};
  wake_signal wake;
  keeping_library codecs;
  audio_config config;
  std::unique_ptr<alsa_source> source;
  frame_count sink;
  int wake_ups = 0;
};
test::fake_card* alsa_capture::card = nullptr;

TEST_F(alsa_capture, keeps_the_pitch_and_the_time_of_a_card_that_is_wrong) {
  make();
  const auto opened = source->open();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->audio->sample_rate, 48'000u);
  EXPECT_EQ(opened->audio->channels, 1u);
  ASSERT_FALSE(run(seconds(4)));
  EXPECT_LT(wake_ups, 1'000) << "the descriptor is always readable";
  ASSERT_GT(kept_sound::samples.size(), 100'000u);
  std::vector<double> signal(kept_sound::samples.begin(), kept_sound::samples.end());
  EXPECT_NEAR(pitch_of(signal, 48'000), tone_hz, 1);
  time_point last{};
  for (const auto& block : kept_sound::blocks) {
    EXPECT_GT(block.at, last);
    last = block.at;
  }
  const duration age = time.now() - last;
  EXPECT_GE(age.count(), 0);
  EXPECT_LT(age.count(), 500'000);
  EXPECT_EQ(source->health().overruns, 0u);
}

TEST_F(alsa_capture, converts_the_rate_and_the_channels_that_the_card_lacks) {
  config.sample_rate = 32'000;
  config.channels = 2;
  make();
  const auto opened = source->open();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->audio->sample_rate, 32'000u);
  EXPECT_EQ(opened->audio->channels, 2u);
  ASSERT_FALSE(run(seconds(2)));
  EXPECT_GT(kept_sound::blocks.size(), 20u);
}

/// ITU-T G.711: the segment and the step of a code.
double expand_a_law(uint8_t code) {
  const int bits = code ^ 0x55;
  const int segment = (bits & 0x70) >> 4, step = bits & 0x0f;
  const double size = segment == 0 ? step * 2 + 1 : (step * 2 + 33) << (segment - 1);
  return (bits & 0x80) != 0 ? size : -size;
}

TEST_F(alsa_capture, lets_alsa_compand_to_a_law) {
  config.codec = codec_id::g711a;
  make();
  const auto opened = source->open();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->audio->sample_rate, 8'000u);
  ASSERT_FALSE(run(seconds(3)));
  ASSERT_GT(sink.bytes.size(), 12'000u);
  std::vector<double> signal;
  for (const uint8_t byte : sink.bytes) signal.push_back(expand_a_law(byte));
  EXPECT_NEAR(pitch_of(signal, 8'000), tone_hz, 2);
}

TEST_F(alsa_capture, recovers_from_an_overrun) {
  make();
  ASSERT_TRUE(source->open());
  ASSERT_FALSE(run(milliseconds(300)));
  card->tell("xrun");
  ASSERT_FALSE(run(seconds(5), [this] { return source->health().overruns > 0; }));
  const int before = sink.frames;
  ASSERT_FALSE(run(seconds(5), [this, before] { return sink.frames > before + 10; }));
  EXPECT_GT(sink.frames, before + 10);
  EXPECT_EQ(source->health().overruns, 1u);
}

TEST_F(alsa_capture, recovers_from_a_reader_that_came_too_late) {
  make();
  ASSERT_TRUE(source->open());
  ASSERT_FALSE(run(milliseconds(300)));
  wake.wait_until(time, time.now() + milliseconds(900), -1);
  ASSERT_FALSE(run(seconds(5), [this] { return source->health().overruns > 0; }));
  EXPECT_EQ(source->health().overruns, 1u);
}

TEST_F(alsa_capture, recovers_from_a_suspend) {
  make();
  ASSERT_TRUE(source->open());
  ASSERT_FALSE(run(milliseconds(300)));
  card->tell("suspend");
  const auto failure = run(milliseconds(1'500));
  ASSERT_FALSE(failure) << failure->message;
  const int before = sink.frames;
  card->heal();
  ASSERT_FALSE(run(seconds(5), [this, before] { return sink.frames > before + 10; }));
  EXPECT_GT(sink.frames, before + 10);
}

TEST_F(alsa_capture, starts_a_stalled_card_again_and_gives_up_at_the_second_stall) {
  make();
  ASSERT_TRUE(source->open());
  ASSERT_FALSE(run(milliseconds(300)));
  card->tell("stall");
  const auto failure = run(seconds(10));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, error_code::timed_out);
  EXPECT_EQ(source->health().stalls, 2u);
}

TEST_F(alsa_capture, ends_when_it_is_unplugged_and_opens_when_it_is_back) {
  make();
  ASSERT_TRUE(source->open());
  ASSERT_FALSE(run(milliseconds(300)));
  card->tell("unplug");
  const auto failure = run(seconds(5));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, error_code::not_found) << failure->message;
  const auto missing = source->open();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, error_code::not_found);
  EXPECT_THAT(missing.error().message, HasSubstr("microphone mic"));
  card->heal();
  ASSERT_TRUE(source->open());
  const int before = sink.frames;
  ASSERT_FALSE(run(seconds(5), [this, before] { return sink.frames > before + 10; }));
  EXPECT_GT(sink.frames, before + 10);
}

TEST_F(alsa_capture, says_that_a_card_is_busy_or_unknown) {
  make();
  card->tell("busy");
  const auto busy = source->open();
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, error_code::busy);
  card->heal();
  config.device = "hw:CARD=Nowhere,DEV=0";
  make();
  const auto unknown = source->open();
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, error_code::not_found);
  EXPECT_THAT(unknown.error().message, HasSubstr("hw:CARD=Nowhere,DEV=0"));
}

}  // namespace
}  // namespace campush
