#include "device/file_source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "clip_fixtures.h"
#include "fakes/fake_clock.h"
#include "unit/media/nal_builder.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Plays a source on a fake clock, each frame at the moment the source asks to be called.
class player {
 public:
  explicit player(const stream_config& config, uint64_t in_memory_bytes = clip_file::max_in_memory_bytes)
      : source(config, time, in_memory_bytes) {}

  result<stream_description> open() {
    start = time.now();
    return source.open();
  }
  result<step_outcome> step() {
    time.set(std::max(time.now(), source.next_due()));
    sink.now = time.now();
    return source.step(time.now(), sink);
  }
  /// Until the source ends or `length` of media has been played.
  step_outcome play(duration length) {
    while (source.next_due() < start + length) {
      const auto outcome = step();
      if (!outcome) {
        ADD_FAILURE() << outcome.error().message;
        return step_outcome::ended;
      }
      if (*outcome == step_outcome::ended) return *outcome;
    }
    return step_outcome::delivered;
  }
  duration since_start(time_point moment) const { return moment - start; }

  fake_clock time;
  file_source source;
  recording_sink sink;
  time_point start{};
};

std::vector<uint8_t> joined(const std::vector<kept_frame>& frames) {
  std::vector<uint8_t> out;
  for (const kept_frame& kept : frames) out.insert(out.end(), kept.bytes.begin(), kept.bytes.end());
  return out;
}

TEST(file_source, describes_what_it_opened) {
  player gate(file_stream(clip("gate.h264"), clip("gate.aac")));
  const auto description = gate.open();
  ASSERT_TRUE(description) << description.error().message;
  ASSERT_TRUE(description->video && description->audio);
  EXPECT_EQ(description->video->codec, codec_id::h264);
  EXPECT_EQ(description->video->width, 640u);
  EXPECT_EQ(description->video->height, 360u);
  EXPECT_EQ(description->video->frame_rate, 25);
  EXPECT_EQ(description->video->bitrate_kbps, 640u);
  EXPECT_EQ(description->audio->codec, codec_id::aac);
  EXPECT_EQ(description->audio->sample_rate, 48000u);
  EXPECT_EQ(description->audio->channels, 1u);
  EXPECT_EQ(description->audio->config.size(), 2u);
  EXPECT_EQ(description->audio->bitrate_kbps, 64u);
  EXPECT_EQ(gate.source.poll_descriptor(), -1);
  EXPECT_FALSE(gate.source.control().has_keyframe_on_demand());
  EXPECT_EQ(gate.source.control().request_keyframe(), control_outcome::unsupported);
}

TEST(file_source, paces_pictures_at_their_rate_and_sound_by_its_samples) {
  player gate(file_stream(clip("gate.h264"), clip("gate.aac")));
  ASSERT_TRUE(gate.open());
  gate.play(seconds(8));
  const auto pictures = gate.sink.of(track_kind::video), sounds = gate.sink.of(track_kind::audio);
  ASSERT_EQ(pictures.size(), 200u);
  ASSERT_EQ(sounds.size(), 375u);
  for (size_t i = 0; i < pictures.size(); ++i) {
    EXPECT_EQ(gate.since_start(pictures[i].frame.dts), milliseconds(40) * i);
    EXPECT_EQ(pictures[i].frame.pts, pictures[i].frame.dts);
    EXPECT_EQ(pictures[i].frame.capture_time, pictures[i].delivered_at);
    EXPECT_EQ(pictures[i].delivered_at, pictures[i].frame.dts);
    EXPECT_EQ(pictures[i].frame.is_keyframe, i % 50 == 0);
  }
  for (size_t i = 0; i < sounds.size(); ++i) {
    EXPECT_EQ(gate.since_start(sounds[i].frame.dts).count(), static_cast<int64_t>(i * 1024 * 1'000'000 / 48000));
    EXPECT_EQ(sounds[i].delivered_at, sounds[i].frame.dts);
  }
}

TEST(file_source, delivers_both_tracks_in_dts_order_and_the_picture_first) {
  player gate(file_stream(clip("gate.h264"), clip("gate.aac")));
  ASSERT_TRUE(gate.open());
  gate.play(seconds(20));
  EXPECT_EQ(gate.sink.frames.front().frame.track(), track_kind::video);
  EXPECT_TRUE(std::is_sorted(gate.sink.frames.begin(), gate.sink.frames.end(),
                             [](const auto& left, const auto& right) { return left.frame.dts < right.frame.dts; }));
}

TEST(file_source, delivers_every_byte_of_the_pictures_whether_it_keeps_the_file_or_reads_it_in_parts) {
  for (const char* name : {"gate.h264", "yard.h265", "bframes.h264", "bframes.h265", "tiny.h264"}) {
    for (const uint64_t in_memory_bytes : {clip_file::max_in_memory_bytes, uint64_t{0}}) {
      player clip_player(file_stream(clip(name), "", false), in_memory_bytes);
      ASSERT_TRUE(clip_player.open()) << name;
      EXPECT_EQ(clip_player.play(seconds(60)), step_outcome::ended);
      EXPECT_EQ(clip_player.sink.frames.size(), 200u) << name;
      EXPECT_TRUE(joined(clip_player.sink.frames) == read_bytes(clip(name))) << name;
    }
  }
}

TEST(file_source, delivers_aac_frames_without_their_adts_headers) {
  player sound(file_stream("", clip("gate.aac"), false));
  ASSERT_TRUE(sound.open());
  EXPECT_EQ(sound.play(seconds(60)), step_outcome::ended);
  ASSERT_EQ(sound.sink.frames.size(), 375u);
  const std::vector<uint8_t> file = read_bytes(clip("gate.aac"));
  size_t at = 0;
  for (const kept_frame& kept : sound.sink.frames) {
    constexpr size_t header_bytes = 7;
    ASSERT_LE(at + header_bytes + kept.bytes.size(), file.size());
    EXPECT_TRUE(
        std::equal(kept.bytes.begin(), kept.bytes.end(), file.begin() + static_cast<ptrdiff_t>(at + header_bytes)));
    at += header_bytes + kept.bytes.size();
  }
  EXPECT_EQ(at, file.size());
}

TEST(file_source, delivers_g711_in_frames_of_twenty_milliseconds) {
  struct {
    const char* name;
    codec_id codec;
  } cases[] = {{"gate.alaw", codec_id::g711a}, {"gate.ulaw", codec_id::g711u}};
  for (const auto& c : cases) {
    player sound(file_stream("", clip(c.name), false));
    const auto description = sound.open();
    ASSERT_TRUE(description);
    EXPECT_FALSE(description->video);
    EXPECT_EQ(description->audio->codec, c.codec);
    EXPECT_EQ(description->audio->sample_rate, 8000u);
    EXPECT_EQ(sound.play(seconds(60)), step_outcome::ended);
    ASSERT_EQ(sound.sink.frames.size(), 400u);
    for (size_t i = 0; i < 400; ++i) {
      EXPECT_EQ(sound.since_start(sound.sink.frames[i].frame.dts), milliseconds(20) * i);
      EXPECT_EQ(sound.sink.frames[i].frame.codec, c.codec);
    }
    EXPECT_TRUE(joined(sound.sink.frames) == read_bytes(clip(c.name)));
  }
}

TEST(file_source, keeps_exact_times_over_three_loops) {
  struct {
    const char* name;
    double frame_rate;
    int64_t numerator_us, denominator;            // one picture
    int64_t loop_numerator_us, loop_denominator;  // one loop: the longer of 200 pictures and 8 s of sound
  } cases[] = {
      {"25", 25, 1'000'000, 25, 8'000'000, 1},
      {"29.97, sound is longer", 29.97, 1'001'000'000, 30000, 8'000'000, 1},
      {"23.976, pictures are longer", 23.976, 1'001'000'000, 24000, 200 * 1'001'000'000LL, 24000},
  };
  for (const auto& c : cases) {
    player gate(file_stream(clip("gate.h264"), clip("gate.aac"), true, c.frame_rate));
    ASSERT_TRUE(gate.open());
    gate.play(duration(3 * c.loop_numerator_us / c.loop_denominator));
    const auto pictures = gate.sink.of(track_kind::video), sounds = gate.sink.of(track_kind::audio);
    ASSERT_EQ(pictures.size(), 600u) << c.name;
    ASSERT_EQ(sounds.size(), 1125u) << c.name;
    for (int64_t i = 0; i < 600; ++i) {
      const int64_t loop_us = i / 200 * c.loop_numerator_us / c.loop_denominator;
      const int64_t expected = loop_us + i % 200 * c.numerator_us / c.denominator;
      ASSERT_EQ(gate.since_start(pictures[static_cast<size_t>(i)].frame.dts).count(), expected) << c.name << ' ' << i;
    }
    for (int64_t i = 0; i < 1125; ++i) {
      const int64_t loop_us = i / 375 * c.loop_numerator_us / c.loop_denominator;
      const int64_t expected = loop_us + i % 375 * 1024 * 1'000'000 / 48000;
      ASSERT_EQ(gate.since_start(sounds[static_cast<size_t>(i)].frame.dts).count(), expected) << c.name << ' ' << i;
    }
  }
}

TEST(file_source, gives_pictures_out_of_order_their_times) {
  struct {
    const char* name;
    int64_t delay;
  } cases[] = {{"bframes.h264", 2}, {"bframes.h265", 2}, {"tiny.h264", 1}};
  for (const auto& c : cases) {
    player clip_player(file_stream(clip(c.name), clip("gate.aac")));
    ASSERT_TRUE(clip_player.open());
    clip_player.play(seconds(24));
    const auto pictures = clip_player.sink.of(track_kind::video);
    ASSERT_EQ(pictures.size(), 600u) << c.name;
    std::set<int64_t> shown;
    size_t reordered = 0;
    for (size_t i = 0; i < pictures.size(); ++i) {
      const media_frame& frame = pictures[i].frame;
      EXPECT_EQ(clip_player.since_start(frame.dts), milliseconds(40) * i) << c.name;
      EXPECT_LE(frame.dts, frame.pts) << c.name;
      const bool is_in_place = !frame.is_keyframe || frame.pts - frame.dts == milliseconds(40) * c.delay;
      EXPECT_TRUE(is_in_place) << c.name << ' ' << i;
      if (i > 0 && frame.pts < pictures[i - 1].frame.pts) ++reordered;
      EXPECT_TRUE(shown.insert(clip_player.since_start(frame.pts).count()).second) << c.name << ": two at one time";
    }
    EXPECT_GT(reordered, 100u) << c.name;
    int64_t expected = c.delay * 40'000;
    for (const int64_t moment : shown) {
      EXPECT_EQ(moment, expected) << c.name;
      expected += 40'000;
    }
  }
}

TEST(file_source, sets_sound_back_by_the_reordering_delay_in_every_loop) {
  player clip_player(file_stream(clip("bframes.h264"), clip("gate.aac")));
  ASSERT_TRUE(clip_player.open());
  clip_player.play(seconds(24) + milliseconds(80));
  const auto pictures = clip_player.sink.of(track_kind::video), sounds = clip_player.sink.of(track_kind::audio);
  for (size_t loop = 0; loop < 3; ++loop) {
    EXPECT_EQ(sounds.at(loop * 375).frame.pts, pictures.at(loop * 200).frame.pts);
    EXPECT_EQ(clip_player.since_start(sounds.at(loop * 375).frame.pts), seconds(8) * loop + milliseconds(80));
  }
}

TEST(file_source, says_of_each_picture_what_its_mark_says) {
  for (const char* name :
       {"gate.h264", "gate_sub.h264", "yard.h265", "yard_sub.h265", "bframes.h264", "bframes.h265", "tiny.h264"}) {
    player clip_player(file_stream(clip(name), ""));
    ASSERT_TRUE(clip_player.open());
    clip_player.play(seconds(16));
    ASSERT_EQ(clip_player.sink.frames.size(), 400u);
    uint8_t references = 0;
    for (size_t i = 0; i < 400; ++i) {
      const kept_frame& kept = clip_player.sink.frames[i];
      const picture_mark mark = mark_of(kept.frame.codec, kept.bytes);
      ASSERT_TRUE(mark.is_present) << name << ' ' << i;
      EXPECT_EQ(mark.number, i % 200) << name;
      EXPECT_EQ(mark.is_keyframe, kept.frame.is_keyframe) << name << ' ' << i;
      EXPECT_EQ(mark.is_disposable, kept.frame.is_disposable) << name << ' ' << i;
      if (mark.is_keyframe) references = 0;
      if (!mark.is_keyframe && !mark.is_disposable) ++references;
      EXPECT_EQ(mark.references, references) << name << ' ' << i;
    }
  }
}

TEST(file_source, ends_when_the_last_frame_has_had_its_time) {
  player gate(file_stream(clip("gate.h264"), clip("gate.aac"), false));
  ASSERT_TRUE(gate.open());
  EXPECT_EQ(gate.play(seconds(60)), step_outcome::ended);
  EXPECT_EQ(gate.sink.frames.size(), 575u);
  EXPECT_EQ(gate.since_start(gate.time.now()), seconds(8));
  player reordered(file_stream(clip("bframes.h264"), clip("gate.aac"), false));
  ASSERT_TRUE(reordered.open());
  EXPECT_EQ(reordered.play(seconds(60)), step_outcome::ended);
  EXPECT_EQ(reordered.since_start(reordered.time.now()), milliseconds(8080)) << "sound ends as late as it began";
}

TEST(file_source, plays_again_from_the_start_when_opened_again) {
  player gate(file_stream(clip("gate.h264"), ""));
  ASSERT_TRUE(gate.open());
  gate.play(seconds(1));
  gate.source.close();
  gate.sink.frames.clear();
  ASSERT_TRUE(gate.open());
  gate.play(seconds(1));
  ASSERT_EQ(gate.sink.frames.size(), 25u);
  EXPECT_EQ(mark_of(codec_id::h264, gate.sink.frames[0].bytes).number, 0u);
  EXPECT_EQ(gate.sink.frames[0].frame.dts, gate.start);
}

TEST(file_source, catches_up_when_it_is_called_a_little_late) {
  player gate(file_stream(clip("gate.h264"), ""));
  ASSERT_TRUE(gate.open());
  gate.time.advance(milliseconds(1000));
  ASSERT_TRUE(gate.step());
  EXPECT_EQ(gate.sink.frames.size(), 26u);
  EXPECT_EQ(gate.sink.frames.back().frame.dts, gate.start + seconds(1));
}

TEST(file_source, goes_on_without_a_burst_after_a_gap) {
  for (const duration gap : {duration(1000001), duration(seconds(30))}) {
    player gate(file_stream(clip("gate.h264"), clip("gate.aac")));
    ASSERT_TRUE(gate.open());
    gate.play(seconds(2));
    const size_t before = gate.sink.frames.size();
    gate.time.set(gate.source.next_due() + gap);
    gate.sink.now = gate.time.now();
    ASSERT_TRUE(gate.source.step(gate.time.now(), gate.sink));
    ASSERT_EQ(gate.sink.frames.size(), before + 1);
    EXPECT_EQ(gate.sink.frames[before].frame.dts, gate.time.now());
    EXPECT_EQ(mark_of(codec_id::h264, gate.sink.frames[before].bytes).number, 50u);
  }
}

TEST(file_source, delivers_nothing_before_its_time) {
  player gate(file_stream(clip("gate.h264"), ""));
  ASSERT_TRUE(gate.open());
  ASSERT_TRUE(gate.step());
  ASSERT_EQ(gate.sink.frames.size(), 1u);
  gate.time.advance(milliseconds(39));
  const auto outcome = gate.source.step(gate.time.now(), gate.sink);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(*outcome, step_outcome::idle);
  EXPECT_EQ(gate.sink.frames.size(), 1u);
}

TEST(file_source, believes_the_declared_rate_before_the_one_in_the_clip) {
  player gate(file_stream(clip("gate.h264"), "", true, 10));
  const auto description = gate.open();
  ASSERT_TRUE(description);
  EXPECT_EQ(description->video->frame_rate, 10);
  gate.play(seconds(1));
  EXPECT_EQ(gate.sink.frames.size(), 10u);
}

TEST(file_source, paces_at_25_where_the_clip_says_nothing_believable) {
  struct rate_case {
    uint32_t units_in_tick, time_scale;
    double rate;
  };
  for (const rate_case& one : {rate_case{1, 100, 50}, {1, 482, 25}, {10, 19, 25}, {0, 0, 25}}) {
    h264_sps_fields sps;
    sps.has_vui = true;
    sps.units_in_tick = one.units_in_tick;
    sps.time_scale = one.time_scale;
    h264_slice_fields idr;
    idr.is_idr = true;
    scratch_folder folder;
    const std::string path = folder.write("clip.h264", annexb_of({sps.unit(), h264_pps_unit(), idr.unit(sps)}));
    player one_picture(file_stream(path, ""));
    const auto description = one_picture.open();
    ASSERT_TRUE(description) << description.error().message;
    EXPECT_EQ(description->video->frame_rate, one.rate) << one.time_scale;
  }
}

TEST(file_source, leaves_sound_out_when_audio_is_disabled) {
  stream_config config = file_stream(clip("gate.h264"), clip("gate.aac"));
  config.audio.enabled = false;
  player gate(config);
  const auto description = gate.open();
  ASSERT_TRUE(description);
  EXPECT_FALSE(description->audio);
  gate.play(seconds(8));
  EXPECT_EQ(gate.sink.frames.size(), 200u);
}

TEST(file_source, fails_with_a_clear_error_when_a_large_file_becomes_shorter_while_it_plays) {
  scratch_folder folder;
  const std::string path = folder.write("clip.h264", read_bytes(clip("gate.h264")));
  player gate(file_stream(path, ""), 1024);
  ASSERT_TRUE(gate.open());
  gate.play(seconds(1));
  ASSERT_EQ(::truncate(path.c_str(), 1000), 0);
  const auto outcome = gate.step();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, error_code::truncated);
  EXPECT_EQ(outcome.error().message, path + ": the file has become shorter");
}

TEST(file_source, plays_on_when_a_small_file_becomes_shorter) {
  scratch_folder folder;
  const std::string path = folder.write("clip.h264", read_bytes(clip("gate.h264")));
  player gate(file_stream(path, ""));
  ASSERT_TRUE(gate.open());
  ASSERT_EQ(::truncate(path.c_str(), 0), 0);
  gate.play(seconds(16));
  EXPECT_EQ(gate.sink.frames.size(), 400u);
}

TEST(file_source, is_interrupted_before_and_between_steps_until_closed) {
  player gate(file_stream(clip("gate.h264"), ""));
  gate.source.interrupt();
  const auto refused = gate.open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::cancelled);
  ASSERT_TRUE(gate.open());
  gate.source.interrupt();
  const auto outcome = gate.step();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, error_code::cancelled);
  EXPECT_TRUE(gate.open()) << "a step that failed has closed it";
}

TEST(file_source, names_what_is_wrong_with_a_clip_in_one_line) {
  scratch_folder folder;
  const std::vector<uint8_t> gate = read_bytes(clip("gate.h264"));
  const std::string fifo = folder.path("fifo.h264");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const std::string huge = folder.write_text("huge.h264", "x");
  ASSERT_EQ(::truncate(huge.c_str(), (off_t{2} << 30) + 1), 0);
  const std::string no_such = folder.path("none.h264");
  // Parameter sets and mark alone: what is left when the writer was cut off in the first picture's head.
  const std::string headless = folder.write("headless.h264", {gate.begin() + 60, gate.begin() + 4000});
  struct {
    const char* name;
    std::string video, audio;
    error_code code;
    const char* text;
  } cases[] = {
      {"no file", "", "", error_code::invalid_argument, "names neither video nor audio"},
      {"missing", no_such, "", error_code::not_found, "No such file or directory"},
      {"missing sound", clip("gate.h264"), no_such, error_code::not_found, "No such file or directory"},
      {"empty", folder.write("empty.h264", {}), "", error_code::truncated, "the file is empty"},
      {"empty sound", "", folder.write("empty.aac", {}), error_code::truncated, "the file is empty"},
      {"a folder", "/tmp", "", error_code::invalid_argument, "not a regular file"},
      {"a fifo", fifo, "", error_code::invalid_argument, "not a regular file"},
      {"a device", "/dev/zero", "", error_code::invalid_argument, "not a regular file"},
      {"too big", huge, "", error_code::too_big, "larger than 2 GiB"},
      {"named like the other codec", folder.write("wrong.h265", gate), "", error_code::malformed,
       "named like H.265 but holds H.264"},
      {"the other way round", folder.write("wrong.h264", read_bytes(clip("yard.h265"))), "", error_code::malformed,
       "named like H.264 but holds H.265"},
      {"text", folder.write_text("text.h264", "this is not a clip\n"), "", error_code::malformed, "parameter sets"},
      {"text without a name", folder.write_text("text", "this is not a clip\n"), "", error_code::malformed,
       "neither H.264 nor H.265"},
      {"a container", folder.write_text("film.h264", std::string("\0\0\0\x18", 4) + "ftypisom and more"), "",
       error_code::unsupported, "MP4"},
      {"sound as video", clip("gate.aac"), "", error_code::malformed, "neither H.264 nor H.265"},
      {"no parameter sets", headless, "", error_code::malformed, "parameter sets"},
      {"text as aac", "", folder.write_text("text.aac", "no sound in here, only words"), error_code::malformed, "ADTS"},
      {"video as aac", "", folder.write("video.aac", gate), error_code::malformed, "ADTS"},
      {"wav as alaw", "", folder.write_text("sound.alaw", "RIFF....WAVEfmt "), error_code::unsupported, "WAV"},
      {"unknown sound", "", clip("gate.h264"), error_code::unsupported, "unknown kind of sound"},
      {"less than a frame", "", folder.write("short.ulaw", std::vector<uint8_t>(159)), error_code::truncated, "20 ms"},
  };
  for (const auto& c : cases) {
    player broken(file_stream(c.video, c.audio));
    const auto opened = broken.open();
    ASSERT_FALSE(opened) << c.name;
    EXPECT_EQ(opened.error().code, c.code) << c.name << ": " << opened.error().message;
    EXPECT_NE(opened.error().message.find(c.text), std::string::npos) << c.name << ": " << opened.error().message;
    EXPECT_EQ(opened.error().message.find('\n'), std::string::npos) << c.name;
    if (std::string(c.name) != "no file") {
      const std::string& path = c.audio.empty() ? c.video : c.audio;
      EXPECT_EQ(opened.error().message.rfind(path, 0), 0u) << c.name << ": " << opened.error().message;
    }
  }
}

TEST(file_source, refuses_a_frame_rate_out_of_range) {
  player gate(file_stream(clip("gate.h264"), "", true, 5000));
  const auto opened = gate.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, error_code::invalid_argument);
}

/// Root may read everything: the case looks through another user's eyes.
class without_privileges {
 public:
  without_privileges() : m_user(::geteuid()) { m_is_dropped = m_user != 0 || ::seteuid(nobody) == 0; }
  ~without_privileges() {
    if (::geteuid() != m_user && ::seteuid(m_user) != 0) std::abort();
  }
  without_privileges(const without_privileges&) = delete;
  without_privileges& operator=(const without_privileges&) = delete;
  bool is_dropped() const { return m_is_dropped; }

 private:
  static constexpr uid_t nobody = 65534;
  const uid_t m_user;
  bool m_is_dropped = false;
};

TEST(file_source, says_when_it_may_not_read_a_file) {
  scratch_folder folder;
  const std::string path = folder.write("secret.h264", read_bytes(clip("tiny.h264")));
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  player broken(file_stream(path, ""));
  const without_privileges user;
  ASSERT_TRUE(user.is_dropped());
  const auto opened = broken.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, error_code::permission_denied);
  EXPECT_EQ(opened.error().message, path + ": Permission denied");
}

}  // namespace
}  // namespace campush
