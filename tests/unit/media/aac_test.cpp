#include "media/aac.h"

#include <gtest/gtest.h>

#include "fakes/wire_text.h"

namespace campush {
namespace {

TEST(adts_header, reads_a_stereo_48k_header) {
  const auto header = parse_adts_header(wire("fff14c802e9ffc 21"));
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->audio_object_type, 2);
  EXPECT_EQ(header->sample_rate, 48000u);
  EXPECT_EQ(header->channel_config, 2);
  EXPECT_EQ(header->header_bytes, 7u);
  EXPECT_EQ(header->frame_bytes, 0x174u);
}

TEST(adts_header, counts_the_checksum) {
  const auto header = parse_adts_header(wire("fff04c802e9ffc"));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->header_bytes, 9u);
}

TEST(adts_header, refuses_what_is_no_frame) {
  struct sample {
    const char* name;
    const char* bytes;
    error_code code;
  };
  const sample samples[] = {
      {"nothing", "", error_code::truncated},
      {"six bytes", "fff14c802e9f", error_code::truncated},
      {"no sync word", "ffe14c802e9ffc", error_code::malformed},
      {"layer 3", "fff74c802e9ffc", error_code::malformed},
      {"reserved rate 13", "fff174802e9ffc", error_code::malformed},
      {"shorter than its header", "fff14c8000bffc", error_code::malformed},
      {"header and nothing else", "fff14c8000fffc", error_code::malformed},
      {"header and checksum alone", "fff04c80013ffc", error_code::malformed},
      {"two raw blocks", "fff14c802e9ffd", error_code::malformed},
  };
  for (const sample& s : samples) {
    SCOPED_TRACE(s.name);
    const auto header = parse_adts_header(wire(s.bytes));
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error().code, s.code);
  }
}

struct config_sample {
  uint32_t sample_rate;
  uint8_t index, channels;
  const char* config;
};
/// facts/rtmp 1.4.
const config_sample config_samples[] = {
    {48000, 3, 1, "1188"}, {48000, 3, 2, "1190"}, {44100, 4, 1, "1208"}, {44100, 4, 2, "1210"}, {32000, 5, 1, "1288"},
    {32000, 5, 2, "1290"}, {16000, 8, 1, "1408"}, {16000, 8, 2, "1410"}, {8000, 11, 1, "1588"}, {8000, 11, 2, "1590"},
};

TEST(audio_specific_config, is_two_bytes_for_every_known_rate) {
  for (const config_sample& s : config_samples) {
    SCOPED_TRACE(s.config);
    adts_header header;
    header.sample_rate_index = s.index;
    header.channel_config = s.channels;
    EXPECT_EQ(make_audio_specific_config(header), wire(s.config));
    const auto parsed = parse_audio_specific_config(wire(s.config));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->audio_object_type, 2);
    EXPECT_EQ(parsed->sample_rate, s.sample_rate);
    EXPECT_EQ(parsed->channels, s.channels);
  }
}

TEST(audio_specific_config, reads_longer_forms) {
  struct sample {
    const char* name;
    const char* bytes;
    uint8_t type;
    uint32_t sample_rate, channels;
  };
  const sample samples[] = {
      {"five bytes of ffmpeg", "119056e500", 2, 48000, 2},
      {"explicit rate 44101", "1780 5622 90", 2, 44101, 2},
      {"SBR over 24k gives the core", "2b118800", 2, 24000, 2},
      {"eight channels", "11b8", 2, 48000, 8},
      {"layout elsewhere", "1180", 2, 48000, 0},
  };
  for (const sample& s : samples) {
    SCOPED_TRACE(s.name);
    const auto config = parse_audio_specific_config(wire(s.bytes));
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->audio_object_type, s.type);
    EXPECT_EQ(config->sample_rate, s.sample_rate);
    EXPECT_EQ(config->channels, s.channels);
  }
}

TEST(audio_specific_config, refuses_broken_ones) {
  EXPECT_EQ(parse_audio_specific_config({}).error().code, error_code::truncated);
  EXPECT_EQ(parse_audio_specific_config(wire("11")).error().code, error_code::truncated);
  EXPECT_EQ(parse_audio_specific_config(wire("1780")).error().code, error_code::truncated);
  EXPECT_EQ(parse_audio_specific_config(wire("1690")).error().code, error_code::malformed);
  EXPECT_EQ(parse_audio_specific_config(wire("0190")).error().code, error_code::malformed);
}

}  // namespace
}  // namespace campush
