#include "v4l2_fixture.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

TEST_F(v4l2_source_steps, describes_what_the_driver_agreed_to) {
  config.encoder.width = 1280;
  config.encoder.height = 720;
  config.encoder.frame_rate = 25;
  const auto description = open();
  ASSERT_TRUE(description) << description.error().message;
  ASSERT_TRUE(description->video);
  EXPECT_EQ(description->video->codec, codec_id::h264);
  EXPECT_EQ(description->video->width, 1280U);
  EXPECT_EQ(description->video->height, 720U);
  EXPECT_DOUBLE_EQ(description->video->frame_rate, 25);
  EXPECT_FALSE(description->audio);
  EXPECT_GE(source->poll_descriptor(), 0);
}

TEST_F(v4l2_source_steps, hands_on_each_buffer_and_gives_it_back) {
  ASSERT_TRUE(open());
  const size_t queued = driver.queued_buffers();
  for (uint8_t i = 0; i < 10; ++i) {
    const auto outcome = fill_and_step(i == 0 ? h264_idr() : h264_slice(i));
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(*outcome, step_outcome::delivered);
    EXPECT_EQ(driver.queued_buffers(), queued);
  }
  ASSERT_EQ(sink.frames.size(), 10U);
  EXPECT_TRUE(sink.frames[0].is_keyframe);
  EXPECT_FALSE(sink.frames[1].is_keyframe);
  EXPECT_EQ(sink.frames[0].payload, h264_idr());
  EXPECT_EQ(sink.frames[9].payload, h264_slice(9));
  EXPECT_EQ(*step(), step_outcome::idle);
}

TEST_F(v4l2_source_steps, takes_monotonic_driver_times_as_they_are) {
  ASSERT_TRUE(open());
  fake_v4l2::filling content;
  content.stamp_us = time.now().time_since_epoch().count() - 7000;
  fill_and_step(h264_idr(), content);
  ASSERT_EQ(sink.frames.size(), 1U);
  EXPECT_EQ(sink.frames[0].capture_time.time_since_epoch().count(), content.stamp_us);
  EXPECT_EQ(sink.frames[0].dts, sink.frames[0].capture_time);
}

TEST_F(v4l2_source_steps, leaves_out_the_stale_first_buffer_of_a_loopback) {
  driver.node().card = "loopback";
  ASSERT_TRUE(open());
  std::vector<uint8_t> stale = h264_slice();
  stale.resize(driver.node().sizes[0]);
  fill_and_step(stale);
  EXPECT_TRUE(sink.frames.empty());
  fake_v4l2::filling next;
  next.sequence = 17;
  fill_and_step(h264_idr(), next);
  fill_and_step(h264_slice());
  ASSERT_EQ(sink.frames.size(), 2U);
  EXPECT_TRUE(sink.frames[0].is_keyframe);
  EXPECT_EQ(driver.queued_buffers(), 4U);
  EXPECT_EQ(source->health().lost_pictures, 0U) << "what was before this program came is no loss";
  next.sequence = 20;
  fill_and_step(h264_slice(), next);
  EXPECT_EQ(source->health().lost_pictures, 1U);
}

TEST_F(v4l2_source_steps, knows_a_full_buffer_by_the_size_agreed_on) {
  driver.node().padding = 4096;  // buffers are whole pages
  ASSERT_TRUE(open());
  std::vector<uint8_t> stale(driver.node().sizes[0]);
  fill_and_step(stale);
  fake_v4l2::filling next;
  next.sequence = 17;
  fill_and_step(h264_idr(), next);
  EXPECT_EQ(source->health().damaged_buffers, 0U);
  EXPECT_EQ(sink.frames.size(), 1U);
}

TEST_F(v4l2_source_steps, delivers_a_full_first_buffer_that_the_sequence_goes_on_from) {
  ASSERT_TRUE(open());
  std::vector<uint8_t> full = h264_idr();
  full.resize(driver.node().sizes[0]);
  fill_and_step(full);
  fill_and_step(h264_slice());
  ASSERT_EQ(sink.frames.size(), 2U);
  EXPECT_TRUE(sink.frames[0].is_keyframe);
  EXPECT_LT(sink.frames[0].dts, sink.frames[1].dts);
  EXPECT_EQ(driver.queued_buffers(), 4U);
}

TEST_F(v4l2_source_steps, joins_parameter_sets_that_come_alone_to_the_next_picture) {
  ASSERT_TRUE(open());
  fill_and_step(h264_parameter_sets());
  EXPECT_TRUE(sink.frames.empty());
  fill_and_step({0, 0, 0, 1, 0x65, 0x88});
  fill_and_step(h264_slice());
  ASSERT_EQ(sink.frames.size(), 2U);
  std::vector<uint8_t> joined = h264_parameter_sets();
  const uint8_t picture[] = {0, 0, 0, 1, 0x65, 0x88};
  joined.insert(joined.end(), std::begin(picture), std::end(picture));
  EXPECT_EQ(sink.frames[0].payload, joined);
  EXPECT_EQ(sink.frames[1].payload, h264_slice());
}

TEST_F(v4l2_source_steps, replaces_lengths_by_start_codes) {
  driver.node().formats[0].fourcc = V4L2_PIX_FMT_H264_NO_SC;
  ASSERT_TRUE(open());
  fill_and_step({0, 0, 0, 2, 0x67, 0x42, 0, 0, 0, 3, 0x65, 0x88, 0x84});
  ASSERT_EQ(sink.frames.size(), 1U);
  EXPECT_EQ(sink.frames[0].payload, (std::vector<uint8_t>{0, 0, 0, 1, 0x67, 0x42, 0, 0, 0, 1, 0x65, 0x88, 0x84}));
  EXPECT_TRUE(sink.frames[0].is_keyframe);
}

TEST_F(v4l2_source_steps, takes_h265_from_a_camera_that_is_asked_for_it) {
  config.encoder.codec = codec_id::h265;
  driver.node().formats[0].fourcc = V4L2_PIX_FMT_HEVC;
  const auto description = open();
  ASSERT_TRUE(description);
  EXPECT_EQ(description->video->codec, codec_id::h265);
  fill_and_step({0, 0, 0, 1, 0x26, 0x01, 0xaf});
  ASSERT_EQ(sink.frames.size(), 1U);
  EXPECT_EQ(sink.frames[0].codec, codec_id::h265);
  EXPECT_TRUE(sink.frames[0].is_keyframe);
}

TEST_F(v4l2_source_steps, obeys_the_configured_pixel_format_before_the_encoder_section) {
  config.source.pixel_format = "h265";
  driver.node().formats[0].fourcc = V4L2_PIX_FMT_HEVC;
  const auto description = open();
  ASSERT_TRUE(description) << description.error().message;
  EXPECT_EQ(description->video->codec, codec_id::h265);
}

struct damage_case {
  const char* name;
  std::vector<uint8_t> bytes;
  fake_v4l2::filling words;
};
fake_v4l2::filling with_flags(uint32_t flags) {
  fake_v4l2::filling out;
  out.flags = flags;
  return out;
}
fake_v4l2::filling with_bytesused(uint32_t bytes) {
  fake_v4l2::filling out;
  out.bytesused = bytes;
  return out;
}
class v4l2_source_damage : public v4l2_source_steps, public ::testing::WithParamInterface<damage_case> {};
TEST_P(v4l2_source_damage, is_counted_and_given_back_and_a_keyframe_asked_for) {
  driver.node().controls[V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME] = {
      "Force Key Frame", V4L2_CTRL_TYPE_BUTTON, 0, 1, 1, 0, 0};
  ASSERT_TRUE(open());
  fill_and_step(h264_idr());
  const auto outcome = fill_and_step(GetParam().bytes, GetParam().words);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(*outcome, step_outcome::idle);
  EXPECT_EQ(sink.frames.size(), 1U);
  EXPECT_EQ(source->health().damaged_buffers, 1U);
  EXPECT_EQ(driver.queued_buffers(), 4U);
  EXPECT_EQ(driver.written_controls().size(), 1U);
  fill_and_step(h264_slice());
  EXPECT_EQ(sink.frames.size(), 2U);
  EXPECT_EQ(source->health().lost_pictures, 0U);
}
INSTANTIATE_TEST_SUITE_P(kinds, v4l2_source_damage,
                         ::testing::Values(damage_case{"error_flag", h264_slice(), with_flags(V4L2_BUF_FLAG_ERROR)},
                                           damage_case{"nothing_in_it", {}, {}},
                                           damage_case{"more_than_fits", h264_slice(), with_bytesused((64u << 10) + 1)},
                                           damage_case{"absurd_length", h264_slice(), with_bytesused(UINT32_MAX)},
                                           damage_case{"no_access_unit", {0x78, 2, 3, 4, 5, 6}, {}},
                                           damage_case{"only_zeros", std::vector<uint8_t>(100), {}}),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_F(v4l2_source_steps, gives_up_nothing_when_damage_never_ends) {
  ASSERT_TRUE(open());
  fill_and_step(h264_idr());
  for (int i = 0; i < 3; ++i) fill(h264_slice(), with_flags(V4L2_BUF_FLAG_ERROR));
  EXPECT_EQ(*step(), step_outcome::idle);
  EXPECT_EQ(source->health().damaged_buffers, 3U);
}

TEST_F(v4l2_source_steps, counts_what_the_sequence_skips) {
  driver.node().controls[V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME] = {
      "Force Key Frame", V4L2_CTRL_TYPE_BUTTON, 0, 1, 1, 0, 0};
  ASSERT_TRUE(open());
  fill_and_step(h264_idr());
  fake_v4l2::filling content;
  content.sequence = 4;
  fill_and_step(h264_slice(), content);
  EXPECT_EQ(source->health().lost_pictures, 3U);
  EXPECT_EQ(driver.written_controls().size(), 1U);
  content.sequence = 9;
  fill_and_step(h264_slice(), content);
  EXPECT_EQ(source->health().lost_pictures, 7U);
  EXPECT_EQ(driver.written_controls().size(), 1U) << "a second request within a second";
  content.sequence = 2;
  fill_and_step(h264_slice(), content);
  EXPECT_EQ(source->health().lost_pictures, 7U) << "a sequence that starts anew is no loss";
  EXPECT_EQ(sink.frames.size(), 4U);
}

TEST_F(v4l2_source_steps, survives_a_sequence_that_never_counts) {
  ASSERT_TRUE(open());
  fake_v4l2::filling content;
  content.sequence = 0;
  for (int i = 0; i < 5; ++i) fill_and_step(h264_idr(), content);
  EXPECT_EQ(sink.frames.size(), 5U);
  EXPECT_EQ(source->health().lost_pictures, 0U);
}

TEST_F(v4l2_source_steps, makes_do_with_two_buffers_where_memory_is_short) {
  driver.fail(VIDIOC_REQBUFS, ENOMEM);
  ASSERT_TRUE(open());
  EXPECT_EQ(driver.queued_buffers(), 2U);
}

TEST_F(v4l2_source_steps, refuses_a_driver_without_buffers_or_with_more_than_can_be) {
  driver.node().least_buffers = driver.node().most_buffers = 0;
  EXPECT_EQ(open().error().code, error_code::limit_reached);
  driver.node().least_buffers = driver.node().most_buffers = 33;
  EXPECT_EQ(open().error().code, error_code::limit_reached);
  expect_nothing_left();
}

TEST_F(v4l2_source_steps, reads_where_the_driver_has_only_read) {
  driver.node().capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_READWRITE;
  ASSERT_TRUE(open());
  fill_and_step(h264_idr());
  fill_and_step(h264_slice(7));
  fill_and_step(h264_slice(8));
  ASSERT_EQ(sink.frames.size(), 2U) << "the last one may go on";
  EXPECT_EQ(sink.frames[0].payload, h264_idr());
  EXPECT_EQ(sink.frames[1].payload, h264_slice(7));
  EXPECT_EQ(*step(), step_outcome::idle);
  driver.unplug();
  EXPECT_EQ(step().error().code, error_code::not_found);
  expect_nothing_left();
}

TEST_F(v4l2_source_steps, gives_what_it_reads_the_time_of_its_own_beginning) {
  driver.node().capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_READWRITE;
  ASSERT_TRUE(open());
  const time_point first = time.now();
  fill_and_step(h264_idr());
  // The second picture comes in two pieces, the fourth in one with the third.
  const std::vector<uint8_t> slice = h264_slice(7);
  fill_and_step({slice.begin(), slice.begin() + 7});
  fill_and_step({slice.begin() + 7, slice.end()});
  std::vector<uint8_t> both = h264_slice(8);
  for (const uint8_t byte : h264_slice(9)) both.push_back(byte);
  fill_and_step(both);
  fill_and_step(h264_slice(10));
  ASSERT_EQ(sink.frames.size(), 4U);
  EXPECT_EQ(sink.frames[0].capture_time - first, duration::zero());
  EXPECT_EQ(sink.frames[1].capture_time - first, milliseconds(40));
  EXPECT_EQ(sink.frames[2].capture_time - first, milliseconds(120));
  EXPECT_EQ(sink.frames[3].capture_time - first, milliseconds(120));
}

TEST_F(v4l2_source_steps, reads_where_streaming_is_announced_and_refused) {
  driver.node().capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_READWRITE | V4L2_CAP_STREAMING;
  driver.fail(VIDIOC_REQBUFS, EINVAL);
  ASSERT_TRUE(open());
  EXPECT_EQ(driver.queued_buffers(), 0U);
  EXPECT_EQ(*step(), step_outcome::idle);
}

TEST_F(v4l2_source_steps, takes_multiplanar_buffers_and_skips_what_stands_before_the_data) {
  driver.node().capabilities = V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_STREAMING;
  ASSERT_TRUE(open());
  std::vector<uint8_t> bytes{9, 9, 9, 9};
  for (const uint8_t byte : h264_idr()) bytes.push_back(byte);
  fake_v4l2::filling content;
  content.data_offset = 4;
  fill_and_step(bytes, content);
  ASSERT_EQ(sink.frames.size(), 1U);
  EXPECT_EQ(sink.frames[0].payload, h264_idr());
  content.data_offset = 1000;
  fill_and_step(h264_idr(), content);
  EXPECT_EQ(source->health().damaged_buffers, 1U);
  source->close();
  expect_nothing_left();
}

TEST_F(v4l2_source_steps, leaves_nothing_behind_after_a_thousand_starts) {
  config.encoder.bitrate_kbps = 2000;
  source = std::make_unique<v4l2_source>(config, time, driver);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(source->open());
    fill_and_step(h264_idr());
    if (i % 3 == 1) {
      driver.unplug();
      ASSERT_FALSE(step());
      driver.replug();
    }
    if (i % 3 == 2) source->close();
  }
  source.reset();
  expect_nothing_left();
  EXPECT_EQ(sink.frames.size(), 1000U);
}

TEST(lengths_to_start_codes, leaves_alone_what_is_not_made_of_lengths) {
  struct row {
    const char* name;
    std::vector<uint8_t> bytes;
    bool fits;
  };
  const row rows[] = {{"empty", {}, false},
                      {"too short", {0, 0, 1}, false},
                      {"start code", {0, 0, 0, 1, 0x65, 0x88}, false},
                      {"one unit", {0, 0, 0, 2, 0x65, 0x88}, true},
                      {"length zero", {0, 0, 0, 0}, false},
                      {"beyond the end", {0, 0, 0, 3, 0x65, 0x88}, false},
                      {"huge length", {0xff, 0xff, 0xff, 0xff, 0x65}, false},
                      {"rest behind the last", {0, 0, 0, 1, 0x65, 0, 0}, false}};
  for (const row& given : rows) {
    std::vector<uint8_t> bytes = given.bytes;
    EXPECT_EQ(lengths_to_start_codes(bytes.data(), bytes.size()), given.fits) << given.name;
    if (!given.fits) {
      EXPECT_EQ(bytes, given.bytes) << given.name;
    }
  }
}

}  // namespace
}  // namespace campush
