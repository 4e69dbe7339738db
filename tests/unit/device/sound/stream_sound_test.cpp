#include "device/sound/stream_sound.h"

#include <gtest/gtest.h>

#include "sound_test_kit.h"
#include "util/clock.h"

namespace campush {
namespace {

struct sound_case {
  const char* name;
  source_type source;
  const char* audio_path;
  const char* type;
  bool is_muted, is_enabled, has_sound_beside;
};

TEST(stream_sound, gives_a_stream_what_its_source_does_not_bring) {
  const sound_case cases[] = {
      {"a camera alone", source_type::v4l2, "", "", false, true, false},
      {"a camera and a microphone", source_type::v4l2, "", "alsa", false, true, true},
      {"a muted camera", source_type::v4l2, "", "", true, true, true},
      {"a camera without sound", source_type::v4l2, "", "", true, false, false},
      {"a file with sound", source_type::file, "a.aac", "", false, true, false},
      {"a muted file with sound", source_type::file, "a.aac", "", true, true, true},
      {"a muted file without sound", source_type::file, "", "", true, true, true},
      {"the pattern and its tone", source_type::test, "", "", false, true, false},
      {"the pattern, muted by itself", source_type::test, "", "", true, true, false},
  };
  const system_clock time{};
  for (const sound_case& row : cases) {
    SCOPED_TRACE(row.name);
    microphone_hub hub;
    stream_config stream;
    stream.source.type = row.source;
    stream.source.audio_path = row.audio_path;
    stream.audio.type = row.type;
    stream.audio.is_muted = row.is_muted;
    stream.audio.enabled = row.is_enabled;
    EXPECT_EQ(sound_beside({}, stream, time, hub, hal_library_cache::of_process()) != nullptr, row.has_sound_beside);
  }
}

TEST(stream_sound, is_silence_where_it_is_muted) {
  const system_clock time{};
  microphone_hub hub;
  stream_config stream;
  stream.source.type = source_type::file;
  stream.source.audio_path = "a.alaw";
  stream.audio.codec = codec_id::g711a;
  stream.audio.is_muted = true;
  const auto feed = sound_beside({}, stream, time, hub, hal_library_cache::of_process());
  ASSERT_TRUE(feed);
  const auto opened = feed->open();
  ASSERT_TRUE(opened && opened->audio);
  EXPECT_EQ(opened->audio->codec, codec_id::g711a);
}

}  // namespace
}  // namespace campush
