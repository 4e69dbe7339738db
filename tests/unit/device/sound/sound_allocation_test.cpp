#include <gtest/gtest.h>

#include "device/alsa/alsa_source.h"
#include "device/sound/sound_listener.h"
#include "device/sound/sound_pump.h"
#include "fakes/allocation_count.h"
#include "fakes/fake_sound_device.h"
#include "fakes/sound_only_library.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// What a microphone does with a frame: a copy for each stream.
struct two_streams final : frame_sink {
  void on_frame(const media_frame& frame) override {
    main.give(frame);
    sub.give(frame);
  }
  sound_listener main, sub;
};

struct allocation_case {
  const char* name;
  codec_id codec;
  bool is_missing;
};

TEST(sound_allocation, is_none_per_frame_from_the_card_to_the_streams) {
  const allocation_case cases[] = {{"a-law", codec_id::g711a, false},
                                   {"an encoder that allocates nothing", codec_id::aac, false},
                                   {"silence", codec_id::aac, true}};
  for (const allocation_case& row : cases) {
    SCOPED_TRACE(row.name);
    fake_clock time;
    test::sound_card_script card;
    test::sound_only_library codecs;
    two_streams streams;
    audio_config config;
    config.codec = row.codec;
    config.is_muted = row.is_missing;
    sound_pump pump(
        0, config, time,
        [&](const audio_config& asked) -> result<std::unique_ptr<media_source>> {
          return std::make_unique<alsa_source>(asked, time, codecs,
                                               std::make_unique<test::fake_sound_device>(card, time));
        },
        streams);
    uint64_t frames = 0;
    const auto run = [&](duration length) {
      const time_point end = time.now() + length;
      while (time.now() < end) {
        pump.run_step();
        for (sound_listener* listener : {&streams.main, &streams.sub}) {
          listener->take([&frames](const media_frame&) { ++frames; });
        }
        time.advance(milliseconds(20));
      }
    };
    run(seconds(5));
    const uint64_t before = allocation_count(), frames_before = frames;
    run(seconds(60));
    EXPECT_EQ(allocation_count(), before);
    EXPECT_GT(frames, frames_before + 4'000);
  }
}

}  // namespace
}  // namespace campush
