#include "device/sound/silence.h"

#include <gtest/gtest.h>

#include "media/aac.h"

namespace campush {
namespace {

struct silence_case {
  const char* name;
  codec_id codec;
  uint32_t rate, channels;
  std::vector<uint8_t> head;  ///< first bytes
  size_t size;
  uint32_t samples, samples_rate;
};

TEST(silence, has_a_frame_for_every_codec) {
  const silence_case cases[] = {
      {"aac mono", codec_id::aac, 44'100, 1, {0x00, 0xc8, 0x00, 0x07}, 4, 1024, 44'100},
      {"aac stereo", codec_id::aac, 48'000, 2, {0x21, 0x00, 0x03, 0x20, 0x64, 0x1c}, 6, 1024, 48'000},
      {"opus mono", codec_id::opus, 48'000, 1, {0xf8, 0xff, 0xfe}, 3, 960, 48'000},
      {"opus stereo of 16 kHz", codec_id::opus, 16'000, 2, {0xfc, 0xff, 0xfe}, 3, 960, 48'000},
      {"a-law", codec_id::g711a, 8'000, 1, {0xd5, 0xd5}, 160, 160, 8'000},
      {"mu-law", codec_id::g711u, 8'000, 1, {0xff, 0xff}, 160, 160, 8'000},
  };
  for (const silence_case& row : cases) {
    SCOPED_TRACE(row.name);
    const auto frame = silence_of({row.codec, row.rate, row.channels, 0, {}});
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->payload.size(), row.size);
    EXPECT_EQ(frame->payload.subview(0, row.head.size()).to_vector(), row.head);
    EXPECT_EQ(frame->samples, row.samples);
    EXPECT_EQ(frame->rate, row.samples_rate);
  }
}

struct length_case {
  const char* name;
  codec_id codec;
  std::vector<uint8_t> payload;
  uint32_t samples;
};
TEST(samples_of_frame, reads_them_from_the_frame) {
  const length_case cases[] = {
      {"aac", codec_id::aac, {0x21, 0x00}, 1'024},
      {"a-law of 5 ms", codec_id::g711a, std::vector<uint8_t>(40), 40},
      {"mu-law of 40 ms", codec_id::g711u, std::vector<uint8_t>(320), 320},
      {"mu-law of a minute", codec_id::g711u, std::vector<uint8_t>(480'000), 8'000},
      {"opus, the frame of silence", codec_id::opus, {0xf8, 0xff, 0xfe}, 960},
      {"opus, SILK of 60 ms", codec_id::opus, {0x18, 0}, 2'880},
      {"opus, SILK of 10 ms twice", codec_id::opus, {0x41, 0}, 960},
      {"opus, hybrid of 20 ms", codec_id::opus, {0x68, 0}, 960},
      {"opus, CELT of 2.5 ms", codec_id::opus, {0xe0, 0}, 120},
      {"opus, CELT of 5 ms, three times", codec_id::opus, {0xeb, 0x03, 0}, 720},
      {"opus, more than 120 ms", codec_id::opus, {0x1b, 0x3f, 0}, 5'760},
      {"opus without a count", codec_id::opus, {0xfb}, 960},
      {"opus, empty", codec_id::opus, {}, 960},
  };
  for (const length_case& row : cases) {
    SCOPED_TRACE(row.name);
    media_frame frame;
    frame.codec = row.codec;
    frame.payload = {row.payload.data(), row.payload.size()};
    EXPECT_EQ(samples_of(frame, *silence_of({row.codec, row.codec == codec_id::aac ? 48'000u : 8'000u, 1, 0, {}})),
              row.samples);
  }
}

TEST(silence, has_none_where_it_would_be_wrong) {
  EXPECT_FALSE(silence_of({codec_id::aac, 48'000, 6, 0, {}}));
  EXPECT_FALSE(silence_of({codec_id::aac, 0, 1, 0, {}}));
  EXPECT_FALSE(silence_of({codec_id::g711a, 8'000, 2, 0, {}}));
  EXPECT_FALSE(silence_of({codec_id::h264, 48'000, 1, 0, {}}));
}

TEST(silence, expects_what_the_configuration_says_and_48_khz_mono_else) {
  audio_config config;
  EXPECT_EQ(expected_sound(config).sample_rate, 48'000u);
  EXPECT_EQ(expected_sound(config).channels, 1u);
  EXPECT_EQ(expected_sound(config).config, (std::vector<uint8_t>{0x11, 0x88}));
  config.sample_rate = 16'000;
  config.channels = 2;
  EXPECT_EQ(expected_sound(config).config, (std::vector<uint8_t>{0x14, 0x10}));
  config.codec = codec_id::opus;
  EXPECT_EQ(expected_sound(config).sample_rate, 48'000u);
  EXPECT_EQ(expected_sound(config).config,
            (std::vector<uint8_t>{'O', 'p', 'u', 's', 'H', 'e', 'a', 'd', 1, 2, 0x38, 1, 0x80, 0xbb, 0, 0, 0, 0, 0}));
  config.codec = codec_id::g711u;
  EXPECT_EQ(expected_sound(config).sample_rate, 8'000u);
  EXPECT_EQ(expected_sound(config).channels, 1u);
}

TEST(silence, knows_two_configs_that_mean_the_same) {
  const audio_description plain{codec_id::aac, 48'000, 1, 64, {0x11, 0x88}};
  const audio_description extended{codec_id::aac, 48'000, 1, 64, {0x11, 0x88, 0x56, 0xe5, 0x00}};
  const audio_description other{codec_id::aac, 44'100, 1, 64, {0x12, 0x08}};
  EXPECT_TRUE(is_same_sound(plain, extended));
  EXPECT_FALSE(is_same_sound(plain, other));
  audio_description stereo = plain;
  stereo.channels = 2;
  EXPECT_FALSE(is_same_sound(plain, stereo));
  EXPECT_FALSE(is_same_sound(plain, {codec_id::opus, 48'000, 1, 64, {}}));
  EXPECT_TRUE(is_same_sound({codec_id::g711a, 8'000, 1, 64, {}}, {codec_id::g711a, 8'000, 1, 0, {}}));
}

}  // namespace
}  // namespace campush
