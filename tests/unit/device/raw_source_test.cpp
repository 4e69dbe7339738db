#include "device/raw/raw_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "fakes/fake_codec_library.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

/// A camera of the test: gives what it is given.
class scripted_feed final : public picture_feed {
 public:
  struct script {
    std::string open_error, take_error;
    picture_shape shape{pixel_format::yuyv, 640, 480, false};
    double frame_rate = 25;
    uint64_t lost = 0;
    int opens = 0, closes = 0, interrupts = 0;
    std::deque<picture_lease> waiting;
  };
  explicit scripted_feed(script& play) : m_play(play) {}
  result<feed_description> open() override {
    ++m_play.opens;
    if (!m_play.open_error.empty()) return fail(error_code::not_found, m_play.open_error);
    return feed_description{m_play.shape, m_play.frame_rate};
  }
  void close() noexcept override { ++m_play.closes; }
  int poll_descriptor() const noexcept override { return 17; }
  result<picture_lease> take(time_point) override {
    if (!m_play.take_error.empty()) return fail(error_code::io_failed, m_play.take_error);
    if (m_play.waiting.empty()) return picture_lease{};
    picture_lease newest = m_play.waiting.front();
    m_play.waiting.pop_front();
    return newest;
  }
  void interrupt() noexcept override { ++m_play.interrupts; }
  uint64_t lost_pictures() const noexcept override { return m_play.lost; }

 private:
  script& m_play;
};

class raw_sources : public ::testing::Test {
 protected:
  void make() { source = std::make_unique<raw_source>(std::make_unique<scripted_feed>(camera), config, time, library); }
  result<stream_description> open() {
    make();
    return source->open();
  }
  /// One picture every `period`, each stepped when it comes.
  result<void> run(int count, duration period = milliseconds(40)) {
    for (int i = 0; i < count; ++i) {
      time.advance(period);
      auto picture = std::make_shared<raw_picture>();
      picture->shape = camera.shape;
      picture->captured_at = time.now();
      camera.waiting.push_back(picture);
      const auto stepped = source->step(time.now(), frames);
      if (!stepped) return tl::unexpected<error>(stepped.error());
    }
    return {};
  }

  fake_clock time;
  fake_codec_library library{time};
  scripted_feed::script camera;
  stream_config config;
  kept_frames frames;
  std::unique_ptr<raw_source> source;
};

TEST_F(raw_sources, encodes_what_the_camera_gives_at_its_size_and_rate) {
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->video->width, 640u);
  EXPECT_EQ(opened->video->height, 480u);
  EXPECT_EQ(opened->video->frame_rate, 25);
  EXPECT_FALSE(opened->audio);
  ASSERT_TRUE(run(3));
  ASSERT_EQ(frames.all.size(), 3u);
  EXPECT_TRUE(frames.all[0].frame.is_keyframe);
  EXPECT_EQ(frames.all[2].frame.capture_time, time.now());
  EXPECT_EQ(source->poll_descriptor(), 17);
  EXPECT_STREQ(source->health().encoder, "fake264");
}

TEST_F(raw_sources, asks_the_encoder_for_what_is_configured) {
  config.encoder = {codec_id::h265, rate_control::vbr, 320, 180, 250, 30, 12.5, "main", "3.1", "libx265"};
  ASSERT_TRUE(open());
  const video_encoder_options& asked = library.video_options.at(0);
  EXPECT_EQ(asked.codec, codec_id::h265);
  EXPECT_EQ(asked.control, encoder_rate_control::variable);
  EXPECT_EQ(asked.width, 320u);
  EXPECT_EQ(asked.height, 180u);
  EXPECT_EQ(asked.bitrate_kbps, 250u);
  EXPECT_EQ(asked.gop, 30u);
  EXPECT_EQ(asked.frame_rate, 12.5);
  EXPECT_EQ(asked.profile, "main");
  EXPECT_EQ(asked.level, "3.1");
  EXPECT_EQ(asked.name, "libx265");
  ASSERT_TRUE(run(20));
  EXPECT_EQ(frames.all.size(), 10u) << "half of the camera's rate";
  EXPECT_EQ(source->health().lost_pictures, 0u);
}

TEST_F(raw_sources, opens_for_a_camera_that_declares_an_impossible_rate) {
  camera.frame_rate = 1000;
  ASSERT_TRUE(open());
  ASSERT_TRUE(run(1));
  EXPECT_EQ(library.video_options.at(0).frame_rate, 240);
}

TEST_F(raw_sources, does_what_a_destination_asks_for) {
  config.encoder.bitrate_kbps = 4000;
  ASSERT_TRUE(open());
  ASSERT_TRUE(run(2));
  stream_control& control = source->control();
  EXPECT_TRUE(control.has_keyframe_on_demand());
  EXPECT_EQ(control.request_keyframe(), control_outcome::accepted);
  ASSERT_TRUE(run(2));
  EXPECT_EQ(control.set_bitrate(1500), control_outcome::accepted);
  ASSERT_TRUE(run(1));
  std::vector<std::string> texts;
  for (const auto& kept : frames.all) texts.push_back(kept.text);
  EXPECT_THAT(texts, ElementsAre("h264 key 4000", "h264 4000", "h264 key 4000", "h264 4000", "h264 1500"));
  EXPECT_EQ(control.set_bitrate(0), control_outcome::failed);
}

TEST_F(raw_sources, changes_its_codec_at_once_and_says_so_first) {
  config.encoder.profile = "high";
  ASSERT_TRUE(open());
  ASSERT_TRUE(run(2));
  EXPECT_EQ(source->control().set_codec(codec_id::h265), control_outcome::accepted);
  ASSERT_TRUE(run(2));
  ASSERT_EQ(frames.descriptions.size(), 1u);
  EXPECT_EQ(frames.descriptions[0].video->codec, codec_id::h265);
  EXPECT_EQ(frames.all[2].text.substr(0, 8), "h265 key");
  EXPECT_EQ(frames.all[3].frame.codec, codec_id::h265);
  EXPECT_EQ(library.video_options.back().profile, "") << "a profile of H.264";
  EXPECT_STREQ(source->health().encoder, "fake265");
  source->close();
  ASSERT_TRUE(source->open());
  EXPECT_EQ(library.video_options.back().codec, codec_id::h265) << "who asked still needs it";
}

TEST_F(raw_sources, stays_with_its_codec_where_the_other_does_not_open) {
  ASSERT_TRUE(open());
  library.open_error = "no memory";
  library.failing_codec = codec_id::h265;
  EXPECT_EQ(source->control().set_codec(codec_id::h265), control_outcome::accepted);
  ASSERT_TRUE(run(3));
  EXPECT_EQ(frames.all.size(), 3u);
  EXPECT_EQ(frames.all.back().frame.codec, codec_id::h264);
  EXPECT_EQ(library.video_options.size(), 2u) << "asked once, not with every picture";
  library.has_h265 = false;
  EXPECT_EQ(source->control().set_codec(codec_id::h265), control_outcome::unsupported);
  EXPECT_EQ(source->control().set_codec(codec_id::aac), control_outcome::unsupported);
}

TEST_F(raw_sources, expects_no_more_pictures_than_the_camera_gives) {
  config.encoder.frame_rate = 30;
  camera.frame_rate = 15;
  const auto opened = open();
  ASSERT_TRUE(opened);
  EXPECT_EQ(library.video_options.at(0).frame_rate, 15) << "else half of the bitrate stays unused";
  camera.frame_rate = 0;
  ASSERT_TRUE(source->open());
  EXPECT_EQ(library.video_options.back().frame_rate, 30);
  camera.frame_rate = 60;
  ASSERT_TRUE(source->open());
  EXPECT_EQ(library.video_options.back().frame_rate, 30);
}

TEST_F(raw_sources, opens_its_encoder_for_the_pictures_that_are_left) {
  library.encode_takes = milliseconds(55);
  ASSERT_TRUE(open());
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(run(1, milliseconds(i % 2 == 0 ? 25 : 0)));
  ASSERT_EQ(library.video_options.size(), 2u) << "opened anew once";
  EXPECT_EQ(library.video_options.back().frame_rate, 12.5);
  ASSERT_EQ(frames.descriptions.size(), 1u);
  EXPECT_EQ(frames.descriptions[0].video->frame_rate, 12.5);
  EXPECT_EQ(frames.descriptions[0].video->codec, codec_id::h264);
}

TEST_F(raw_sources, tries_another_encoder_where_one_opens_and_then_fails) {
  ASSERT_TRUE(open());
  EXPECT_EQ(library.video_options.back().avoided, "");
  library.encode_error = "no memory for buffers";
  ASSERT_FALSE(run(1));
  library.encode_error.clear();
  ASSERT_TRUE(source->open());
  EXPECT_EQ(library.video_options.back().avoided, "fake264");
  ASSERT_TRUE(run(1));
  library.encode_error = "broken";
  ASSERT_FALSE(run(1));
  ASSERT_TRUE(source->open());
  EXPECT_EQ(library.video_options.back().avoided, "fake264") << "one that has worked is tried again";
}

TEST_F(raw_sources, takes_a_codec_before_it_is_open_without_loading_encoders) {
  make();
  EXPECT_EQ(source->control().set_codec(codec_id::h265), control_outcome::accepted);
  EXPECT_EQ(source->control().set_codec(codec_id::aac), control_outcome::unsupported);
  EXPECT_EQ(library.questions, 0) << "that loads FFmpeg on the thread of who asks";
  library.open_error = "no H.265 here";
  library.failing_codec = codec_id::h265;
  const auto opened = source->open();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->video->codec, codec_id::h264) << "what is configured";
  ASSERT_TRUE(run(2));
  EXPECT_EQ(library.video_options.size(), 2u) << "asked once";
}

TEST_F(raw_sources, skips_evenly_and_counts_where_encoding_is_too_slow) {
  library.encode_takes = milliseconds(55);
  ASSERT_TRUE(open());
  for (int i = 0; i < 200; ++i) {
    library.encode_takes = milliseconds(55);
    ASSERT_TRUE(run(1, milliseconds(i % 2 == 0 ? 25 : 0)));
  }
  const source_health health = source->health();
  EXPECT_GT(health.lost_pictures, 50u);
  EXPECT_EQ(frames.all.size() + health.lost_pictures, 200u);
  camera.lost = 7;
  ASSERT_TRUE(run(1));
  EXPECT_GE(source->health().lost_pictures, health.lost_pictures + 7);
}

TEST_F(raw_sources, tells_the_share_of_a_core_that_encoding_takes) {
  library.encode_costs = milliseconds(10);
  ASSERT_TRUE(open());
  ASSERT_TRUE(run(120));
  EXPECT_NEAR(source->health().encode_permille, 250, 15);
  source->close();
  EXPECT_EQ(source->health().encode_permille, 0u);
}

TEST_F(raw_sources, closes_the_camera_whatever_fails) {
  camera.open_error = "/dev/video0: No such file or directory";
  ASSERT_FALSE(open());
  EXPECT_EQ(camera.closes, 0) << "it was not open";
  camera.open_error.clear();
  library.open_error = "build with CAMPUSH_WITH_LIBAV=ON";
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message, library.open_error);
  EXPECT_EQ(camera.closes, 1);
  library.open_error.clear();
  ASSERT_TRUE(open());
  ASSERT_TRUE(run(1));
  library.encode_error = "broken";
  EXPECT_FALSE(run(1));
  EXPECT_EQ(camera.closes, 2);
  library.encode_error.clear();
  ASSERT_TRUE(source->open()) << "and may be opened again";
  camera.take_error = "/dev/video0: No such device";
  EXPECT_FALSE(run(1));
  EXPECT_EQ(camera.closes, 3);
}

TEST_F(raw_sources, gives_out_what_the_encoder_holds_when_it_is_drained) {
  library.most_held = 3;
  ASSERT_TRUE(open());
  ASSERT_TRUE(run(10));
  ASSERT_EQ(frames.all.size(), 7u);
  source->drain(frames);
  ASSERT_EQ(frames.all.size(), 10u);
  EXPECT_EQ(frames.all.back().frame.capture_time, time.now());
  source->close();
  source->drain(frames);
  EXPECT_EQ(frames.all.size(), 10u);
}

TEST_F(raw_sources, gives_out_what_the_encoder_holds_when_the_camera_is_gone) {
  library.most_held = 3;
  ASSERT_TRUE(open());
  ASSERT_TRUE(run(10));
  camera.take_error = "/dev/video0: No such device";
  EXPECT_FALSE(run(1));
  EXPECT_EQ(frames.all.size(), 10u);
}

/// The old encoder's frames belong to the old description.
TEST_F(raw_sources, gives_out_what_the_encoder_holds_before_another_codec) {
  library.most_held = 3;
  ASSERT_TRUE(open());
  ASSERT_TRUE(run(10));
  EXPECT_EQ(source->control().set_codec(codec_id::h265), control_outcome::accepted);
  ASSERT_TRUE(run(4));
  ASSERT_EQ(frames.all.size(), 11u);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(frames.all[i].frame.codec, codec_id::h264) << i;
  EXPECT_EQ(frames.all[10].frame.codec, codec_id::h265);
}

TEST_F(raw_sources, asks_the_feed_again_soon_although_nothing_comes) {
  ASSERT_TRUE(open());
  const auto stepped = source->step(time.now(), frames);
  ASSERT_TRUE(stepped);
  EXPECT_EQ(*stepped, step_outcome::idle);
  EXPECT_EQ(source->next_due(), time.now() + milliseconds(100)) << "it watches for a device that stalls";
  source->interrupt();
  EXPECT_EQ(camera.interrupts, 1);
}

}  // namespace
}  // namespace campush
