#include "codec/audio_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "codec/codec_library.h"
#include "codec/libav_handles.h"
#include "fakes/fake_codec_library.h"
#include "media/aac.h"

namespace campush {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr time_point start{seconds(1000)};
constexpr double pi = 3.141592653589793;

/// A sine of 1 kHz that begins after `quiet`, in blocks of 10 ms.
class sine_run {
 public:
  explicit sine_run(const audio_encoder_options& chosen, duration quiet = {}) : options(chosen), m_quiet(quiet) {
    auto made = default_codec_library().make_audio_encoder(options);
    if (made) {
      encoder = std::move(*made);
    } else {
      failure = made.error();
    }
  }
  void feed(duration length, double clock_ppm = 0) {
    const uint32_t frames_of_block = options.sample_rate / 100;
    for (duration done{}; done < length; done += milliseconds(10)) {
      std::vector<int16_t> samples(size_t{frames_of_block} * options.channels);
      for (uint32_t i = 0; i < frames_of_block; ++i) {
        const double at = static_cast<double>(m_fed + i) / options.sample_rate;
        const bool is_quiet = at * 1e6 < static_cast<double>(m_quiet.count());
        const double value = is_quiet ? 0 : 8000 * std::sin(2 * pi * 1000 * at);
        for (uint32_t c = 0; c < options.channels; ++c)
          samples[size_t{i} * options.channels + c] = static_cast<int16_t>(value);
      }
      const double since = static_cast<double>(m_fed) / options.sample_rate * 1e6 / (1 + clock_ppm / 1e6);
      const sound_block block{samples.data(), frames_of_block, start + duration(static_cast<int64_t>(since))};
      ASSERT_TRUE(encoder->encode(block, frames));
      m_fed += frames_of_block;
    }
  }

  const audio_encoder_options options;
  std::unique_ptr<audio_encoder> encoder;
  error failure;
  kept_frames frames;

 private:
  const duration m_quiet;
  int64_t m_fed = 0;
};

struct heard_sound {
  std::vector<float> samples;  ///< of the first channel
  uint32_t rate = 0;
};

/// What a player hears.
heard_sound decode(const audio_description& description, const kept_frames& frames) {
  const AVCodecID id = description.codec == codec_id::aac     ? AV_CODEC_ID_AAC
                       : description.codec == codec_id::opus  ? AV_CODEC_ID_OPUS
                       : description.codec == codec_id::g711a ? AV_CODEC_ID_PCM_ALAW
                                                              : AV_CODEC_ID_PCM_MULAW;
  const AVCodec* const codec = avcodec_find_decoder(id);
  const libav_ptr<AVCodecContext> context(avcodec_alloc_context3(codec));
  context->sample_rate = static_cast<int>(description.sample_rate);
#if CAMPUSH_HAS_CHANNEL_LAYOUT
  av_channel_layout_default(&context->ch_layout, static_cast<int>(description.channels));
#else
  context->channels = static_cast<int>(description.channels);
#endif
  context->extradata = static_cast<uint8_t*>(av_mallocz(description.config.size() + AV_INPUT_BUFFER_PADDING_SIZE));
  context->extradata_size = static_cast<int>(description.config.size());
  std::copy(description.config.begin(), description.config.end(), context->extradata);
  heard_sound heard;
  if (avcodec_open2(context.get(), codec, nullptr) < 0) return heard;
  const libav_ptr<AVFrame> frame(av_frame_alloc());
  for (const auto& kept : frames.all) {
    std::vector<uint8_t> padded = kept.bytes;
    padded.resize(padded.size() + AV_INPUT_BUFFER_PADDING_SIZE, 0);
    const libav_ptr<AVPacket> packet(av_packet_alloc());
    packet->data = padded.data();
    packet->size = static_cast<int>(kept.bytes.size());
    avcodec_send_packet(context.get(), packet.get());
    while (avcodec_receive_frame(context.get(), frame.get()) >= 0) {
      heard.rate = static_cast<uint32_t>(frame->sample_rate);
      for (int i = 0; i < frame->nb_samples; ++i) {
        const bool is_float = frame->format == AV_SAMPLE_FMT_FLTP || frame->format == AV_SAMPLE_FMT_FLT;
        heard.samples.push_back(is_float
                                    ? reinterpret_cast<const float*>(frame->data[0])[i]
                                    : static_cast<float>(reinterpret_cast<const int16_t*>(frame->data[0])[i]) / 32768);
      }
    }
  }
  return heard;
}

double pitch_of(const heard_sound& sound) {
  size_t crossings = 0;
  const size_t first = sound.samples.size() / 2;
  for (size_t i = first; i < sound.samples.size(); ++i) {
    if (sound.samples[i - 1] < 0 && sound.samples[i] >= 0) ++crossings;
  }
  return static_cast<double>(crossings) * sound.rate / static_cast<double>(sound.samples.size() - first);
}

struct audio_row {
  const char* name;
  codec_id codec;
  uint32_t rate, channels;
  uint32_t expected_rate;
};
constexpr audio_row rows[] = {
    {"aac mono", codec_id::aac, 48000, 1, 48000},     {"aac stereo", codec_id::aac, 44100, 2, 44100},
    {"aac 16 kHz", codec_id::aac, 16000, 1, 16000},   {"opus", codec_id::opus, 48000, 1, 48000},
    {"opus stereo", codec_id::opus, 48000, 2, 48000}, {"opus from 44.1 kHz", codec_id::opus, 44100, 1, 48000},
    {"A-law", codec_id::g711a, 8000, 1, 8000},        {"mu-law from 48 kHz stereo", codec_id::g711u, 48000, 2, 8000},
};

TEST(audio_encoder, gives_sound_that_a_player_hears_at_its_pitch_and_time) {
  for (const audio_row& each : rows) {
    SCOPED_TRACE(each.name);
    constexpr duration quiet = milliseconds(500);
    sine_run run({each.codec, each.rate, each.channels, 0}, quiet);
    ASSERT_TRUE(run.encoder) << run.failure.message;
    run.feed(seconds(2));
    const audio_description description = run.encoder->description();
    EXPECT_EQ(description.sample_rate, each.expected_rate);
    const heard_sound heard = decode(description, run.frames);
    ASSERT_GT(heard.samples.size(), heard.rate * 18 / 10);
    EXPECT_NEAR(pitch_of(heard), 1000, 15);
    const auto onset =
        std::find_if(heard.samples.begin(), heard.samples.end(), [](float v) { return std::abs(v) > 0.1; });
    const double heard_at = static_cast<double>(onset - heard.samples.begin()) * 1e6 / heard.rate;
    const double played_at = heard_at + static_cast<double>((run.frames.all.at(0).frame.pts - start).count());
    // FFmpeg's Opus decoder drops the pre-skip itself: 6.5 ms.
    EXPECT_NEAR(played_at, static_cast<double>(quiet.count()), 8000);
  }
}

TEST(audio_encoder, is_described_for_a_sequence_header) {
  sine_run aac({codec_id::aac, 48000, 1, 64});
  ASSERT_TRUE(aac.encoder);
  EXPECT_EQ(aac.encoder->description().config, (std::vector<uint8_t>{0x11, 0x88}));
  const auto config = parse_audio_specific_config(aac.encoder->description().config);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->audio_object_type, 2);
  EXPECT_STREQ(aac.encoder->name(), "aac");
  sine_run opus({codec_id::opus, 48000, 2, 0});
  ASSERT_TRUE(opus.encoder);
  const auto head = opus.encoder->description().config;
  ASSERT_EQ(head.size(), 19u);
  EXPECT_EQ(byte_view(head).subview(0, 8).as_text(), "OpusHead");
  EXPECT_EQ(head[9], 2);
  sine_run g711({codec_id::g711a, 8000, 1, 0});
  ASSERT_TRUE(g711.encoder);
  EXPECT_TRUE(g711.encoder->description().config.empty());
}

TEST(audio_encoder, cuts_frames_of_the_length_that_receivers_expect) {
  sine_run aac({codec_id::aac, 48000, 1, 64});
  aac.feed(seconds(1));
  for (size_t i = 1; i < aac.frames.all.size(); ++i) {
    const auto step = (aac.frames.all[i].frame.pts - aac.frames.all[i - 1].frame.pts).count();
    EXPECT_NEAR(static_cast<double>(step), 1024 * 1e6 / 48000, 2);
  }
  sine_run g711({codec_id::g711u, 8000, 1, 0});
  g711.feed(seconds(1));
  EXPECT_EQ(g711.frames.all.size(), 50u);
  EXPECT_EQ(g711.frames.all[0].bytes.size(), 160u);
}

TEST(audio_encoder, follows_the_clock_that_the_blocks_follow) {
  sine_run run({codec_id::aac, 48000, 1, 64});
  run.feed(seconds(60), 200);
  const auto& last = run.frames.all.back().frame;
  const double samples = static_cast<double>(run.frames.all.size() - 1) * 1024 - 1024;
  EXPECT_NEAR(static_cast<double>((last.pts - start).count()), samples / 48000 * 1e6 / 1.0002, 50);
}

TEST(audio_encoder, carries_a_gap_between_blocks_into_its_times) {
  auto made = default_codec_library().make_audio_encoder({codec_id::g711a, 8000, 1, 0});
  ASSERT_TRUE(made);
  const std::vector<int16_t> silence(160, 0);
  kept_frames frames;
  ASSERT_TRUE((*made)->encode({silence.data(), 160, start}, frames));
  ASSERT_TRUE((*made)->encode({silence.data(), 160, start + seconds(3)}, frames));
  ASSERT_EQ(frames.all.size(), 2u);
  EXPECT_EQ(frames.all[0].frame.pts, start);
  EXPECT_EQ(frames.all[1].frame.pts, start + seconds(3));
}

TEST(audio_encoder, takes_blocks_of_any_length) {
  auto made = default_codec_library().make_audio_encoder({codec_id::aac, 48000, 1, 0});
  ASSERT_TRUE(made);
  const std::vector<int16_t> silence(48000, 0);
  kept_frames frames;
  uint32_t fed = 0;
  for (const uint32_t length : {1u, 0u, 7u, 48000u, 1023u, 1u}) {
    const time_point at = start + duration(int64_t{fed} * 1'000'000 / 48000);
    ASSERT_TRUE((*made)->encode({silence.data(), length, at}, frames));
    fed += length;
  }
  EXPECT_GE(frames.all.size(), fed / 1024 - 1);
  EXPECT_FALSE((*made)->encode({nullptr, 10, start}, frames));
}

TEST(audio_encoder, refuses_what_no_encoder_takes) {
  for (const audio_encoder_options& options : {audio_encoder_options{codec_id::h264, 48000, 1, 0},
                                               {codec_id::aac, 0, 1, 0},
                                               {codec_id::aac, 48000, 0, 0},
                                               {codec_id::aac, 48000, 200, 0},
                                               {codec_id::aac, 4'000'000'000u, 1, 0},
                                               {codec_id::opus, 48000, 1, 4'000'000'000u}}) {
    const auto made = default_codec_library().make_audio_encoder(options);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, error_code::invalid_argument);
    EXPECT_THAT(made.error().message, HasSubstr("no encoder takes"));
  }
}

}  // namespace
}  // namespace campush
