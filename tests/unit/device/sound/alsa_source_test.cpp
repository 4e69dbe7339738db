#include "device/alsa/alsa_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

#include "fakes/fake_sound_device.h"
#include "fakes/sound_only_library.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

struct sound_frame {
  time_point dts;
  std::vector<uint8_t> payload;
};
class frame_list final : public frame_sink {
 public:
  void on_frame(const media_frame& frame) override { frames.push_back({frame.dts, frame.payload.to_vector()}); }
  std::vector<sound_frame> frames;
};

double us(duration length) {
  return static_cast<double>(length.count());
}

class alsa_source_steps : public ::testing::Test {
 protected:
  void make(codec_id codec = codec_id::aac) {
    config.codec = codec;
    source = std::make_unique<alsa_source>(config, time, codecs, std::make_unique<test::fake_sound_device>(card, time));
  }
  void open() {
    auto opened = source->open();
    ASSERT_TRUE(opened) << opened.error().message;
    description = *opened;
  }
  /// In steps of a period. The error of the step that failed.
  std::optional<error> run(duration length, duration step = milliseconds(20)) {
    for (duration gone{}; gone < length; gone += step) {
      time.advance(step);
      if (auto outcome = source->step(time.now(), sink); !outcome) return outcome.error();
    }
    return std::nullopt;
  }

  fake_clock time;
  test::sound_card_script card;
  test::sound_only_library codecs;
  audio_config config;
  std::unique_ptr<alsa_source> source;
  stream_description description;
  frame_list sink;
};

struct format_case {
  const char* name;
  codec_id codec;
  uint32_t rate, channels;
  sample_format asked_format;
  uint32_t asked_rate, asked_channels;
};
TEST_F(alsa_source_steps, asks_the_device_for_what_the_codec_takes) {
  const format_case cases[] = {
      {"aac leaves all to the card", codec_id::aac, 0, 0, sample_format::signed_16, 0, 0},
      {"aac as configured", codec_id::aac, 44'100, 2, sample_format::signed_16, 44'100, 2},
      {"opus has one rate", codec_id::opus, 44'100, 0, sample_format::signed_16, 48'000, 0},
      {"a-law is 8 kHz mono", codec_id::g711a, 48'000, 2, sample_format::a_law, 8'000, 1},
      {"mu-law is 8 kHz mono", codec_id::g711u, 0, 0, sample_format::mu_law, 8'000, 1},
  };
  for (const format_case& row : cases) {
    SCOPED_TRACE(row.name);
    config.sample_rate = row.rate;
    config.channels = row.channels;
    make(row.codec);
    open();
    EXPECT_EQ(card.request.name, "default");
    EXPECT_EQ(card.request.format, row.asked_format);
    EXPECT_EQ(card.request.sample_rate, row.asked_rate);
    EXPECT_EQ(card.request.channels, row.asked_channels);
    EXPECT_EQ(description.audio->codec, row.codec);
    EXPECT_FALSE(description.video);
  }
}

TEST_F(alsa_source_steps, gives_the_encoder_the_shape_of_the_card) {
  card.shape = {44'100, 2, 882, 22'050};
  config.bitrate_kbps = 96;
  make();
  open();
  EXPECT_EQ(codecs.last_options.sample_rate, 44'100u);
  EXPECT_EQ(codecs.last_options.channels, 2u);
  EXPECT_EQ(codecs.last_options.bitrate_kbps, 96u);
  EXPECT_EQ(source->health().encoder, std::string("fake"));
}

TEST_F(alsa_source_steps, closes_the_device_when_there_is_no_encoder) {
  codecs.failure = error{error_code::unsupported, "build with CAMPUSH_WITH_LIBAV=ON"};
  make();
  const auto opened = source->open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("CAMPUSH_WITH_LIBAV"));
  EXPECT_FALSE(card.is_open);
}

TEST_F(alsa_source_steps, hands_on_companded_sound_in_frames_of_20_ms) {
  card.shape = {8'000, 1, 400, 4'000};
  make(codec_id::g711a);
  open();
  const time_point start = time.now();
  ASSERT_FALSE(run(seconds(1)));
  ASSERT_EQ(sink.frames.size(), 50u);
  uint8_t next = 0;
  for (size_t i = 0; i < sink.frames.size(); ++i) {
    ASSERT_EQ(sink.frames[i].payload.size(), 160u);
    for (const uint8_t byte : sink.frames[i].payload) ASSERT_EQ(byte, next++);
    EXPECT_NEAR(us(sink.frames[i].dts - start), static_cast<double>(i) * 20'000, 200);
  }
}

TEST_F(alsa_source_steps, gives_encoded_frames_the_time_of_their_first_sample) {
  make();
  open();
  const time_point start = time.now();
  ASSERT_FALSE(run(seconds(2)));
  ASSERT_EQ(sink.frames.size(), 93u);
  for (size_t i = 0; i < sink.frames.size(); ++i) {
    EXPECT_NEAR(us(sink.frames[i].dts - start), static_cast<double>(i) * 1024 * 1000 / 48, 200);
  }
}

TEST_F(alsa_source_steps, takes_short_reads_as_they_come) {
  card.largest_read = 100;
  make(codec_id::g711u);
  card.shape.period = 160;
  open();
  ASSERT_FALSE(run(seconds(1)));
  EXPECT_NEAR(static_cast<double>(sink.frames.size()), 50, 2);
}

TEST_F(alsa_source_steps, recovers_from_an_overrun_with_the_gap_in_the_times) {
  make();
  open();
  const time_point start = time.now();
  ASSERT_FALSE(run(seconds(1)));
  const size_t before = sink.frames.size();
  time.advance(milliseconds(700));
  ASSERT_FALSE(run(seconds(1)));
  EXPECT_EQ(source->health().overruns, 1u);
  EXPECT_EQ(card.starts, 2);
  const duration gap = sink.frames[before + 1].dts - sink.frames[before].dts;
  EXPECT_NEAR(us(gap), 700'000, 60'000);
  const duration end = sink.frames.back().dts - start;
  EXPECT_NEAR(us(end), 2'700'000 - 20'000, 30'000);
}

TEST_F(alsa_source_steps, lets_a_device_that_has_resumed_go_on) {
  make();
  open();
  const time_point start = time.now();
  ASSERT_FALSE(run(seconds(1)));
  card.state = device_state::suspended;
  card.is_asleep = true;
  ASSERT_FALSE(run(seconds(5)));
  card.is_asleep = false;
  const size_t before = sink.frames.size();
  ASSERT_FALSE(run(seconds(2)));
  EXPECT_EQ(card.starts, 1) << "a start drops what was captured";
  EXPECT_EQ(source->health().overruns, 0u);
  EXPECT_GT(sink.frames.size(), before + 85);
  EXPECT_NEAR(us(sink.frames.back().dts - start), 8'000'000 - 21'333, 40'000);
}

TEST_F(alsa_source_steps, counts_samples_that_the_device_loses_without_a_word) {
  make();
  open();
  ASSERT_FALSE(run(seconds(5)));
  time.advance(milliseconds(200));
  card.lost = 4'800;
  ASSERT_FALSE(run(seconds(10)));
  EXPECT_EQ(source->health().overruns, 1u);
}

TEST_F(alsa_source_steps, waits_for_a_suspended_device_and_starts_it_again) {
  card.can_resume = false;
  make();
  open();
  ASSERT_FALSE(run(seconds(1)));
  card.state = device_state::suspended;
  card.is_asleep = true;
  ASSERT_FALSE(run(seconds(5)));
  EXPECT_EQ(card.starts, 1);
  EXPECT_LE(source->next_due() - time.now(), milliseconds(100));
  card.is_asleep = false;
  const size_t before = sink.frames.size();
  ASSERT_FALSE(run(seconds(1)));
  EXPECT_EQ(card.starts, 2);
  EXPECT_GT(sink.frames.size(), before + 40);
}

TEST_F(alsa_source_steps, starts_a_stalled_device_again_and_gives_up_at_the_second_stall) {
  make();
  open();
  ASSERT_FALSE(run(seconds(1)));
  card.is_silent = true;
  ASSERT_FALSE(run(milliseconds(980)));
  EXPECT_EQ(source->health().stalls, 0u);
  ASSERT_FALSE(run(milliseconds(40)));
  EXPECT_EQ(source->health().stalls, 1u);
  EXPECT_EQ(card.starts, 2);
  const auto failure = run(seconds(2));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, error_code::timed_out);
  EXPECT_FALSE(card.is_open);
}

TEST_F(alsa_source_steps, takes_a_stall_after_sound_for_a_first_one) {
  make();
  open();
  for (int round = 0; round < 4; ++round) {
    card.is_silent = true;
    ASSERT_FALSE(run(milliseconds(1'100))) << round;
    card.is_silent = false;
    ASSERT_FALSE(run(seconds(1))) << round;
  }
  EXPECT_EQ(source->health().stalls, 4u);
}

TEST_F(alsa_source_steps, is_patient_with_a_device_of_long_periods) {
  card.shape = {48'000, 1, 24'000, 96'000};
  make();
  open();
  card.is_silent = true;
  ASSERT_FALSE(run(milliseconds(2'400)));
  EXPECT_EQ(source->health().stalls, 0u);
}

TEST_F(alsa_source_steps, gives_up_on_a_device_that_stops_at_once_again_and_again) {
  make();
  open();
  std::optional<error> failure;
  for (int round = 0; round < 100 && !failure; ++round) {
    card.state = device_state::overrun;
    failure = run(milliseconds(20));
  }
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, error_code::io_failed);
}

struct failure_case {
  const char* name;
  void (*make)(test::sound_card_script&);
  error_code code;
};
TEST_F(alsa_source_steps, ends_with_an_error_and_can_be_opened_again) {
  const failure_case cases[] = {
      {"unplugged", [](test::sound_card_script& c) { c.state = device_state::gone; }, error_code::not_found},
      {"look fails",
       [](test::sound_card_script& c) {
         c.look_failure = error{error_code::not_found, "No such device"};
       },
       error_code::not_found},
      {"read fails",
       [](test::sound_card_script& c) {
         c.read_failure = error{error_code::io_failed, "I/O error"};
       },
       error_code::io_failed},
      {"restart fails",
       [](test::sound_card_script& c) {
         c.state = device_state::overrun;
         c.start_failure = error{error_code::busy, "busy"};
       },
       error_code::busy},
  };
  for (const failure_case& row : cases) {
    SCOPED_TRACE(row.name);
    card = {};
    make();
    open();
    ASSERT_FALSE(run(seconds(1)));
    row.make(card);
    const auto failure = run(milliseconds(20));
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->code, row.code);
    EXPECT_FALSE(card.is_open);
    card = {};
    open();
    const size_t before = sink.frames.size();
    ASSERT_FALSE(run(seconds(1)));
    EXPECT_GT(sink.frames.size(), before + 40);
  }
}

TEST_F(alsa_source_steps, reads_its_own_clock_where_the_driver_has_none_or_another) {
  for (const bool has_stamps : {false, true}) {
    card = {};
    card.has_stamps = has_stamps;
    card.stamp_offset = seconds(1'000'000);
    make();
    open();
    const time_point start = time.now();
    sink.frames.clear();
    ASSERT_FALSE(run(seconds(1)));
    ASSERT_GT(sink.frames.size(), 40u);
    EXPECT_NEAR(us(sink.frames.front().dts - start), 0, 200);
  }
}

TEST_F(alsa_source_steps, looks_at_a_device_that_cannot_be_waited_for_once_a_block) {
  make();
  open();
  ASSERT_FALSE(run(milliseconds(100)));
  EXPECT_EQ(source->next_due() - time.now(), milliseconds(20));
}

TEST_F(alsa_source_steps, says_what_the_drift_is) {
  make();
  open();
  ASSERT_FALSE(run(seconds(60)));
  EXPECT_NEAR(source->health().drift_ppm, 0, 2);
}

TEST_F(alsa_source_steps, tells_when_a_node_of_a_sound_card_appears) {
  std::string folder = ::testing::TempDir() + "alsa_source_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  card.open_failure = error{error_code::not_found, "No such device"};
  source = std::make_unique<alsa_source>(config, time, codecs, std::make_unique<test::fake_sound_device>(card, time),
                                         folder + "/card");
  EXPECT_EQ(source->return_descriptor(), -1);
  ASSERT_FALSE(source->open());
  pollfd watched{source->return_descriptor(), POLLIN, 0};
  ASSERT_GE(watched.fd, 0);
  EXPECT_EQ(::poll(&watched, 1, 0), 0);
  std::ofstream(folder + "/pcmC0D0c") << "x";
  EXPECT_EQ(::poll(&watched, 1, 0), 1);
  card.open_failure.reset();
  open();
  EXPECT_EQ(source->return_descriptor(), -1);
  card.state = device_state::gone;
  EXPECT_TRUE(run(milliseconds(20)));
  EXPECT_GE(source->return_descriptor(), 0);
  ::unlink((folder + "/pcmC0D0c").c_str());
  ::rmdir(folder.c_str());
}

}  // namespace
}  // namespace campush
