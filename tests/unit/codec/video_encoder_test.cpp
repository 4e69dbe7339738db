#include "codec/video_encoder.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <thread>

#include "codec/codec_library.h"
#include "device/test/test_pattern.h"
#include "fakes/fake_codec_library.h"
#include "util/cpu_time.h"
#include "video_decoder.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr wall_ms first_time{1'795'192'445'000};

struct codec_row {
  const char* name;
  codec_id codec;
};
constexpr codec_row codecs[] = {{"libx264", codec_id::h264}, {"libx265", codec_id::h265}};

video_encoder_options options_of(codec_id codec, uint32_t width = 320, uint32_t height = 180, uint32_t kbps = 300) {
  video_encoder_options options;
  options.codec = codec;
  options.width = width;
  options.height = height;
  options.bitrate_kbps = kbps;
  options.name = codec == codec_id::h264 ? "libx264" : "libx265";
  return options;
}

/// The test pattern through an encoder, picture by picture.
class pattern_run {
 public:
  pattern_run(const video_encoder_options& options, uint32_t width, uint32_t height)
      : m_pattern(width, height, "gate") {
    auto made = default_codec_library().make_video_encoder(options);
    if (made) {
      encoder = std::move(*made);
    } else {
      failure = made.error().message;
    }
  }
  explicit pattern_run(const video_encoder_options& options) : pattern_run(options, options.width, options.height) {}

  /// False when the encoder failed.
  bool feed(int count) {
    for (int i = 0; i < count && failure.empty(); ++i) {
      raw_picture picture = m_pattern.draw(time_of(m_fed), false);
      picture.captured_at = captured_at(m_fed++);
      if (auto encoded = encoder->encode(picture, frames); !encoded) failure = encoded.error().message;
    }
    return failure.empty();
  }
  static wall_ms time_of(int index) { return first_time + wall_ms(40 * index); }
  static time_point captured_at(int index) { return time_point(seconds(1000) + milliseconds(40) * index); }
  size_t bytes_of_last(size_t count) const {
    size_t sum = 0;
    for (size_t i = frames.all.size() - count; i < frames.all.size(); ++i) sum += frames.all[i].bytes.size();
    return sum;
  }

  std::unique_ptr<video_encoder> encoder;
  std::string failure;
  kept_frames frames;

 private:
  test_pattern m_pattern;
  int m_fed = 0;
};

size_t open_files() {
  size_t count = 0;
  DIR* const folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

int64_t resident_pages() {
  std::ifstream in("/proc/self/statm");
  int64_t size = 0, resident = 0;
  in >> size >> resident;
  return resident;
}

TEST(video_encoder, gives_each_picture_at_once_so_that_a_player_reads_its_time) {
  for (const codec_row& each : codecs) {
    SCOPED_TRACE(each.name);
    pattern_run run(options_of(each.codec));
    ASSERT_EQ(run.failure, "");
    video_decoder player(each.codec);
    int index = 0;
    std::vector<video_decoder::decoded> seen;
    for (int i = 0; i < 60; ++i) {
      ASSERT_TRUE(run.feed(1)) << run.failure;
      ASSERT_EQ(run.frames.all.size(), static_cast<size_t>(i + 1)) << "an encoder that waits for more pictures is late";
      for (auto& picture : player.decode(run.frames.all.back().bytes)) seen.push_back(std::move(picture));
    }
    for (auto& picture : player.finish()) seen.push_back(std::move(picture));
    ASSERT_EQ(seen.size(), 60u);
    for (const auto& picture : seen) {
      ASSERT_EQ(picture.width, 320u);
      const auto shown = read_time_strip(picture.luma, picture.width, picture.width, picture.height);
      ASSERT_TRUE(shown) << index;
      EXPECT_EQ(*shown, pattern_run::time_of(index++));
    }
    EXPECT_EQ(player.failures(), 0);
    EXPECT_STREQ(run.encoder->name(), each.name);
  }
}

TEST(video_encoder, keeps_the_time_strip_readable_at_100_kbit_a_second) {
  for (const codec_row& each : codecs) {
    SCOPED_TRACE(each.name);
    pattern_run run(options_of(each.codec, 320, 180, 100));
    ASSERT_TRUE(run.feed(100)) << run.failure;
    video_decoder player(each.codec);
    int index = 0, unread = 0;
    for (const auto& kept : run.frames.all) {
      for (const auto& picture : player.decode(kept.bytes)) {
        const auto shown = read_time_strip(picture.luma, picture.width, picture.width, picture.height);
        if (!shown || *shown != pattern_run::time_of(index)) ++unread;
        ++index;
      }
    }
    EXPECT_GE(index, 98);
    EXPECT_EQ(unread, 0);
    EXPECT_LT(run.bytes_of_last(75), 100'000u / 8 * 3 * 13 / 10);
  }
}

TEST(video_encoder, gives_capture_times_and_one_keyframe_a_gop_with_parameter_sets) {
  for (const codec_row& each : codecs) {
    SCOPED_TRACE(each.name);
    video_encoder_options options = options_of(each.codec);
    options.gop = 10;
    pattern_run run(options);
    ASSERT_TRUE(run.feed(40)) << run.failure;
    for (int i = 0; i < 40; ++i) {
      const media_frame& frame = run.frames.all[static_cast<size_t>(i)].frame;
      EXPECT_EQ(frame.pts, pattern_run::captured_at(i));
      EXPECT_EQ(frame.dts, frame.pts);
      EXPECT_EQ(frame.capture_time, frame.pts);
      EXPECT_EQ(frame.is_keyframe, i % 10 == 0) << i;
    }
    // A player that joins at any keyframe needs nothing else.
    video_decoder late_player(each.codec);
    size_t pictures = 0;
    for (size_t i = 20; i < 40; ++i) pictures += late_player.decode(run.frames.all[i].bytes).size();
    EXPECT_GE(pictures, 18u);
    EXPECT_EQ(late_player.failures(), 0);
  }
}

TEST(video_encoder, makes_the_next_picture_a_keyframe_when_it_is_asked_for_one) {
  for (const codec_row& each : codecs) {
    SCOPED_TRACE(each.name);
    video_encoder_options options = options_of(each.codec);
    options.gop = 1000;
    pattern_run run(options);
    ASSERT_TRUE(run.feed(7));
    run.encoder->request_keyframe();
    ASSERT_TRUE(run.feed(5));
    for (size_t i = 0; i < 12; ++i) EXPECT_EQ(run.frames.all[i].frame.is_keyframe, i == 0 || i == 7) << i;
    video_decoder late_player(each.codec);
    size_t pictures = 0;
    for (size_t i = 7; i < 12; ++i) pictures += late_player.decode(run.frames.all[i].bytes).size();
    EXPECT_GE(pictures + late_player.finish().size(), 5u);
    EXPECT_EQ(late_player.failures(), 0);
  }
}

/// Pictures that no encoder can foretell: what it makes of them is what it is allowed to.
class noise_run {
 public:
  explicit noise_run(const video_encoder_options& options)
      : m_luma(size_t{options.width} * options.height), m_chroma(m_luma.size() / 4, 128) {
    encoder = std::move(*default_codec_library().make_video_encoder(options));
    m_picture.shape = {pixel_format::yuv420, options.width, options.height, false};
    m_picture.planes = {m_luma, m_chroma, m_chroma};
    m_picture.strides = {options.width, options.width / 2, options.width / 2};
  }
  /// Kilobits a second of so many pictures at 25 a second.
  double kbps_of(int pictures) {
    const size_t first = frames.all.size();
    for (int i = 0; i < pictures; ++i) {
      for (uint8_t& pixel : m_luma) {
        m_state = m_state * 1664525 + 1013904223;
        pixel = static_cast<uint8_t>(64 + (m_state >> 25));
      }
      m_picture.captured_at += milliseconds(40);
      EXPECT_TRUE(encoder->encode(m_picture, frames));
    }
    size_t bytes = 0;
    for (size_t i = first; i < frames.all.size(); ++i) bytes += frames.all[i].bytes.size();
    return static_cast<double>(bytes) * 8 * 25 / 1000 / pictures;
  }

  std::unique_ptr<video_encoder> encoder;
  kept_frames frames;

 private:
  std::vector<uint8_t> m_luma, m_chroma;
  raw_picture m_picture;
  uint32_t m_state = 1;
};

TEST(video_encoder, follows_a_bitrate_that_is_set_while_it_runs) {
  for (const codec_row& each : codecs) {
    SCOPED_TRACE(each.name);
    noise_run run(options_of(each.codec, 160, 96, 600));
    run.kbps_of(50);
    EXPECT_NEAR(run.kbps_of(75), 600, 120);
    EXPECT_TRUE(run.encoder->set_bitrate(200));
    run.kbps_of(50);
    EXPECT_NEAR(run.kbps_of(75), 200, 50);
    EXPECT_TRUE(run.encoder->set_bitrate(1000));
    run.kbps_of(75);
    EXPECT_NEAR(run.kbps_of(75), 1000, 200);
    EXPECT_EQ(run.encoder->description().bitrate_kbps, 1000u);
  }
}

TEST(video_encoder, changes_the_bitrate_of_x264_without_a_keyframe) {
  video_encoder_options options = options_of(codec_id::h264);
  options.gop = 1000;
  pattern_run run(options);
  ASSERT_TRUE(run.feed(10));
  run.encoder->set_bitrate(100);
  ASSERT_TRUE(run.feed(10));
  for (size_t i = 1; i < 20; ++i) EXPECT_FALSE(run.frames.all[i].frame.is_keyframe);
}

TEST(video_encoder, scales_pictures_of_every_format_to_the_configured_size) {
  struct row {
    pixel_format format;
    size_t planes;
    std::array<uint32_t, 3> strides, rows;
  };
  const row rows[] = {{pixel_format::yuv420, 3, {640, 320, 320}, {480, 240, 240}},
                      {pixel_format::nv12, 2, {640, 640, 0}, {480, 240, 0}},
                      {pixel_format::nv21, 2, {672, 672, 0}, {480, 240, 0}},
                      {pixel_format::yuyv, 1, {1280, 0, 0}, {480, 0, 0}},
                      {pixel_format::uyvy, 1, {1312, 0, 0}, {480, 0, 0}},
                      {pixel_format::yuv422p, 3, {640, 320, 320}, {480, 480, 480}},
                      {pixel_format::rgb24, 1, {1920, 0, 0}, {480, 0, 0}},
                      {pixel_format::bgr24, 1, {1920, 0, 0}, {480, 0, 0}},
                      {pixel_format::grey, 1, {640, 0, 0}, {480, 0, 0}}};
  auto made = default_codec_library().make_video_encoder(options_of(codec_id::h264, 320, 240));
  ASSERT_TRUE(made);
  kept_frames frames;
  video_decoder player(codec_id::h264);
  for (const row& each : rows) {
    SCOPED_TRACE(pixel_format_name(each.format));
    std::array<std::vector<uint8_t>, 3> memory;
    raw_picture picture;
    picture.shape = {each.format, 640, 480, false};
    picture.strides = each.strides;
    for (size_t plane = 0; plane < each.planes; ++plane) {
      memory[plane].assign(size_t{each.strides[plane]} * each.rows[plane], 128);
      picture.planes[plane] = memory[plane];
    }
    picture.captured_at = time_point(seconds(1));
    ASSERT_TRUE((*made)->encode(picture, frames));
    for (const auto& decoded : player.decode(frames.all.back().bytes)) {
      EXPECT_EQ(decoded.width, 320u);
      EXPECT_EQ(decoded.height, 240u);
      EXPECT_NEAR(decoded.luma[decoded.luma.size() / 2], 128, 18);
    }
  }
  EXPECT_EQ(frames.all.size(), std::size(rows));
}

TEST(video_encoder, stretches_no_range_that_is_limited_and_compresses_one_that_is_full) {
  for (const bool is_full : {false, true}) {
    for (const uint32_t side : {64u, 128u}) {
      auto made = default_codec_library().make_video_encoder(options_of(codec_id::h264, 64, 64, 2000));
      ASSERT_TRUE(made);
      const std::vector<uint8_t> luma(size_t{side} * side, 250), chroma(luma.size() / 4, 128);
      raw_picture picture;
      picture.shape = {pixel_format::yuv420, side, side, is_full};
      picture.planes = {luma, chroma, chroma};
      picture.strides = {side, side / 2, side / 2};
      kept_frames frames;
      ASSERT_TRUE((*made)->encode(picture, frames));
      video_decoder player(codec_id::h264);
      auto seen = player.decode(frames.all.at(0).bytes);
      if (seen.empty()) seen = player.finish();
      ASSERT_EQ(seen.size(), 1u);
      EXPECT_NEAR(seen[0].luma[2000], is_full ? 231 : 250, 4) << side;
    }
  }
}

TEST(video_encoder, takes_the_shape_of_the_first_picture_where_it_is_told_none) {
  video_encoder_options options = options_of(codec_id::h264, 0, 0);
  pattern_run run(options, 640, 360);
  EXPECT_EQ(run.encoder->description().width, 0u);
  ASSERT_TRUE(run.feed(1)) << run.failure;
  EXPECT_EQ(run.encoder->description().width, 640u);
  EXPECT_EQ(run.encoder->description().height, 360u);
  options.height = 180;
  pattern_run narrow(options, 640, 360);
  ASSERT_TRUE(narrow.feed(1)) << narrow.failure;
  EXPECT_EQ(narrow.encoder->description().width, 320u) << "one side given: the other keeps the proportion";
}

TEST(video_encoder, opens_with_every_profile_and_level_that_the_configuration_knows) {
  const auto opens = [](video_encoder_options options, const char* profile, const char* level) {
    options.profile = profile;
    options.level = level;
    pattern_run run(options);
    return run.failure.empty() && run.feed(1) ? std::string() : std::string(profile) + " " + level + ": " + run.failure;
  };
  for (const char* profile : {"", "baseline", "main", "high"}) {
    EXPECT_EQ(opens(options_of(codec_id::h264), profile, "4.1"), "");
  }
  for (const char* level : {"1", "1.1", "1.3", "2", "2.2", "3.1", "3.2", "4", "4.2", "5.1", "6", "6.2"}) {
    EXPECT_EQ(opens(options_of(codec_id::h264), "", level), "");
  }
  for (const char* level : {"2", "2.1", "3.1", "4", "4.1", "5.2", "6.2"}) {
    EXPECT_EQ(opens(options_of(codec_id::h265), "main", level), "");
  }
  EXPECT_THAT(opens(options_of(codec_id::h265), "main", "1"), HasSubstr("with level 1, which may be too low"));
  EXPECT_THAT(opens(options_of(codec_id::h265), "main", "3.2"), HasSubstr("level 3.2 is none of h265"));
}

TEST(video_encoder, takes_one_that_is_avoided_where_there_is_no_other) {
  video_encoder_options options = options_of(codec_id::h264);
  for (const char* const name : {"auto", "libx264"}) {
    options.name = name;
    options.avoided = "libx264";
    pattern_run run(options);
    ASSERT_EQ(run.failure, "") << name;
    EXPECT_STREQ(run.encoder->name(), "libx264");
  }
}

TEST(video_encoder, refuses_options_that_no_encoder_takes) {
  struct row {
    const char* name;
    void (*change)(video_encoder_options&);
    error_code code;
    const char* words;
  };
  const row rows[] = {
      {"size 1", [](video_encoder_options& o) { o.width = 1; }, error_code::invalid_argument, "32 and 8192"},
      {"huge", [](video_encoder_options& o) { o.width = o.height = 4'000'000'000u; }, error_code::invalid_argument,
       "8192"},
      {"rate", [](video_encoder_options& o) { o.frame_rate = -5; }, error_code::invalid_argument, "frame rate"},
      {"no number", [](video_encoder_options& o) { o.frame_rate = std::nan(""); }, error_code::invalid_argument,
       "frame rate"},
      {"gop", [](video_encoder_options& o) { o.gop = 4'000'000'000u; }, error_code::invalid_argument, "GOP"},
      {"bitrate", [](video_encoder_options& o) { o.bitrate_kbps = 4'000'000'000u; }, error_code::invalid_argument,
       "bitrate"},
      {"profile", [](video_encoder_options& o) { o.profile = "high:preset=placebo"; }, error_code::invalid_argument,
       "baseline"},
      {"level", [](video_encoder_options& o) { o.level = "4:crf=1"; }, error_code::invalid_argument, "level"},
      {"codec", [](video_encoder_options& o) { o.codec = codec_id::aac; }, error_code::invalid_argument, "not video"},
      {"unknown", [](video_encoder_options& o) { o.name = "libx999"; }, error_code::not_found, "libx264"},
      {"of another codec", [](video_encoder_options& o) { o.name = "libx265"; }, error_code::not_found, "libx264"},
  };
  for (const row& each : rows) {
    SCOPED_TRACE(each.name);
    video_encoder_options options = options_of(codec_id::h264);
    each.change(options);
    const auto made = default_codec_library().make_video_encoder(options);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, each.code) << made.error().message;
    EXPECT_THAT(made.error().message, HasSubstr(each.words));
  }
}

TEST(video_encoder, refuses_pictures_that_cannot_be_without_reading_them) {
  auto made = default_codec_library().make_video_encoder(options_of(codec_id::h264));
  ASSERT_TRUE(made);
  const std::vector<uint8_t> little(1000, 0);
  raw_picture picture;
  picture.planes = {little, little, little};
  kept_frames frames;
  const auto refuses = [&](picture_shape shape, std::array<uint32_t, 3> strides) {
    picture.shape = shape;
    picture.strides = strides;
    const auto encoded = (*made)->encode(picture, frames);
    return !encoded && encoded.error().code == error_code::invalid_argument;
  };
  EXPECT_TRUE(refuses({pixel_format::none, 16, 16, false}, {16, 8, 8}));
  EXPECT_TRUE(refuses({pixel_format::mjpeg, 16, 16, false}, {16, 8, 8}));
  EXPECT_TRUE(refuses({pixel_format::yuv420, 0, 0, false}, {0, 0, 0}));
  EXPECT_TRUE(refuses({pixel_format::yuv420, 640, 480, false}, {640, 320, 320})) << "planes end before their rows";
  EXPECT_TRUE(refuses({pixel_format::yuv420, 16, 16, false}, {8, 8, 8})) << "a stride shorter than a row";
  EXPECT_TRUE(refuses({pixel_format::yuyv, 4'000'000'000u, 2, false}, {4'000'000'000u, 0, 0}));
  EXPECT_TRUE(refuses({pixel_format::yuv420, 4, 4, false}, {UINT32_MAX, 8, 8}));
  EXPECT_TRUE(frames.all.empty());
}

TEST(video_encoder, tells_the_cpu_time_that_it_takes) {
  pattern_run run(options_of(codec_id::h264, 1280, 720, 2000));
  const duration before = own_cpu_time();
  ASSERT_TRUE(run.feed(25));
  const duration own = own_cpu_time() - before;
  EXPECT_GT(run.encoder->cpu_time(), milliseconds(5));
  // Threads of the encoder count beside this one, which also drew.
  EXPECT_GT(run.encoder->cpu_time(), own / 4);
}

/// Threads under another name that begin at any time and keep the processor busy.
class foreign_threads {
 public:
  foreign_threads() : m_parent([this] { work(); }) {}
  ~foreign_threads() {
    m_is_done = true;
    m_parent.join();
  }
  void stop_beginning() { m_is_full = true; }
  duration used() const { return duration(m_used_us.load()); }

 private:
  void work() {
    pthread_setname_np(pthread_self(), "foreign");
    std::vector<std::thread> threads;
    while (!m_is_done) {
      if (!m_is_full && threads.size() < 100) threads.emplace_back([this] { burn(); });
      std::this_thread::yield();
    }
    for (std::thread& thread : threads) thread.join();
  }
  void burn() {
    duration seen{};
    while (!m_is_done) {
      const duration now = own_cpu_time();
      m_used_us += (now - seen).count();
      seen = now;
    }
  }
  std::atomic<bool> m_is_full{false}, m_is_done{false};
  std::atomic<int64_t> m_used_us{0};
  std::thread m_parent;
};

TEST(video_encoder, counts_no_cpu_time_of_threads_that_others_begin) {
  ASSERT_TRUE(default_codec_library().has_encoder(codec_id::h264)) << "loaded before the others begin";
  foreign_threads others;
  pattern_run run(options_of(codec_id::h264, 64, 64, 64));
  others.stop_beginning();
  ASSERT_EQ(run.failure, "");
  const duration before = others.used();
  while (others.used() - before < seconds(1)) std::this_thread::yield();
  ASSERT_TRUE(run.feed(1)) << run.failure;
  EXPECT_LT(run.encoder->cpu_time(), milliseconds(200));
}

TEST(video_encoder, leaves_no_thread_descriptor_or_memory_behind) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
  constexpr int starts = 40;  // Sanitizers make an encoder slow, and look for leaks themselves.
#else
  constexpr int starts = 1000;
#endif
  const auto start = [](const codec_row& each) { return pattern_run(options_of(each.codec, 640, 368)).feed(1); };
  // What is made once is made by the first few.
  for (int i = 0; i < starts / 10; ++i) ASSERT_TRUE(start(codecs[0]));
  ASSERT_TRUE(start(codecs[1]));
  const size_t files = open_files(), threads = threads_of_process().size();
  const int64_t pages = resident_pages();
  for (int i = 0; i < starts; ++i) ASSERT_TRUE(start(codecs[i % 50 == 49 ? 1 : 0]));
  EXPECT_EQ(open_files(), files);
  EXPECT_LE(threads_of_process().size(), threads);
  if (starts >= 1000) {
    EXPECT_LT(resident_pages() - pages, 4 << 8) << "4 MiB in all";
  }
}

}  // namespace
}  // namespace campush
