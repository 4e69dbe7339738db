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

TEST_F(v4l2_source_steps, switches_a_silent_stream_off_and_on_and_goes_on) {
  ASSERT_TRUE(open());
  fill_and_step(h264_idr());
  time.set(source->next_due() - duration(1));
  EXPECT_EQ(*step(), step_outcome::idle);
  EXPECT_EQ(driver.count(VIDIOC_STREAMOFF), 0);
  time.advance(duration(1));
  EXPECT_EQ(*step(), step_outcome::idle);
  EXPECT_EQ(driver.count(VIDIOC_STREAMOFF), 1);
  EXPECT_EQ(driver.count(VIDIOC_STREAMON), 2);
  EXPECT_EQ(driver.queued_buffers(), 4U);
  EXPECT_EQ(source->health().stalls, 1U);
  fill_and_step(h264_idr());
  EXPECT_EQ(sink.frames.size(), 2U);
}

TEST_F(v4l2_source_steps, is_patient_for_five_periods_and_at_least_half_a_second) {
  ASSERT_TRUE(open());
  fill_and_step(h264_idr());
  const time_point last = time.now() - milliseconds(40);
  EXPECT_EQ(source->next_due() - last, milliseconds(500));
  // A camera that needs longer exposures at night than it says.
  for (int i = 0; i < 40; ++i) {
    time.advance(milliseconds(360));
    fill_and_step(h264_slice());
  }
  const duration patience = source->next_due() - (time.now() - milliseconds(40));
  EXPECT_GT(patience, milliseconds(1900));
  EXPECT_LT(patience, milliseconds(2050));
  EXPECT_EQ(source->health().stalls, 0U);
}

TEST_F(v4l2_source_steps, fails_when_a_restart_does_not_help) {
  ASSERT_TRUE(open());
  fill_and_step(h264_idr());
  const auto outcome = wait_for_trouble(seconds(20));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, error_code::timed_out);
  EXPECT_THAT(outcome.error().message, HasSubstr("/dev/video0: no picture for 3000 ms"));
  EXPECT_EQ(source->health().stalls, 2U);
  expect_nothing_left();
}

TEST_F(v4l2_source_steps, waits_five_seconds_for_the_first_picture) {
  ASSERT_TRUE(open());
  EXPECT_EQ(source->next_due() - time.now(), seconds(5));
}

TEST_F(v4l2_source_steps, gives_a_held_buffer_back_when_the_stream_is_restarted) {
  ASSERT_TRUE(open());
  std::vector<uint8_t> stale = h264_slice();
  stale.resize(driver.node().sizes[0]);
  fill_and_step(stale);
  time.set(source->next_due());
  EXPECT_EQ(*step(), step_outcome::idle);
  fill_and_step(h264_idr());
  EXPECT_EQ(sink.frames.size(), 1U);
  EXPECT_EQ(driver.queued_buffers(), 4U);
}

TEST_F(v4l2_source_steps, says_that_the_device_is_gone) {
  ASSERT_TRUE(open());
  fill_and_step(h264_idr());
  driver.unplug();
  const auto outcome = step();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, error_code::not_found);
  EXPECT_THAT(outcome.error().message, HasSubstr("/dev/video0"));
  EXPECT_THAT(outcome.error().message, HasSubstr("unplugged"));
  expect_nothing_left();
  EXPECT_EQ(source->open().error().code, error_code::not_found);
  driver.replug();
  ASSERT_TRUE(source->open());
  fill_and_step(h264_idr());
  EXPECT_EQ(sink.frames.size(), 2U);
}

TEST_F(v4l2_source_steps, takes_a_hangup_without_an_errno_as_gone) {
  ASSERT_TRUE(open());
  driver.set_poll_events(POLLERR | POLLHUP);
  const auto outcome = step();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, error_code::not_found);
  expect_nothing_left();
}

TEST_F(v4l2_source_steps, restarts_on_an_error_condition_and_fails_on_the_next) {
  ASSERT_TRUE(open());
  driver.set_poll_events(POLLERR);
  EXPECT_EQ(*step(), step_outcome::idle);
  EXPECT_EQ(driver.count(VIDIOC_STREAMON), 2);
  const auto outcome = step();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, error_code::io_failed);
  expect_nothing_left();
}

struct dequeue_case {
  const char* name;
  int errno_value;
  bool may_pass;
  error_code code;
};
class v4l2_source_dequeue : public v4l2_source_steps, public ::testing::WithParamInterface<dequeue_case> {};
TEST_P(v4l2_source_dequeue, error_is_survived_once_or_named) {
  const dequeue_case& given = GetParam();
  ASSERT_TRUE(open());
  fill_and_step(h264_idr());
  driver.fail(VIDIOC_DQBUF, given.errno_value);
  auto outcome = step();
  EXPECT_EQ(outcome.has_value(), given.may_pass);
  if (given.may_pass) {
    EXPECT_EQ(driver.count(VIDIOC_STREAMON), 2);
    fill_and_step(h264_idr());
    EXPECT_EQ(sink.frames.size(), 2U);
    driver.fail(VIDIOC_DQBUF, given.errno_value);
    outcome = step();
  }
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, given.code);
  EXPECT_THAT(outcome.error().message, HasSubstr("/dev/video0: VIDIOC_DQBUF: "));
  expect_nothing_left();
}
INSTANTIATE_TEST_SUITE_P(errnos, v4l2_source_dequeue,
                         ::testing::Values(dequeue_case{"eio", EIO, true, error_code::io_failed},
                                           dequeue_case{"epipe", EPIPE, true, error_code::io_failed},
                                           dequeue_case{"eproto", EPROTO, true, error_code::io_failed},
                                           dequeue_case{"enodev", ENODEV, false, error_code::not_found},
                                           dequeue_case{"einval", EINVAL, true, error_code::unsupported},
                                           dequeue_case{"enomem", ENOMEM, false, error_code::limit_reached}),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_F(v4l2_source_steps, does_not_believe_a_buffer_number_that_cannot_be) {
  for (const uint32_t index : {4U, 400U, UINT32_MAX}) {
    ASSERT_TRUE(open());
    fake_v4l2::filling content;
    content.index = index;
    const auto outcome = fill_and_step(h264_idr(), content);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(*outcome, step_outcome::idle);
    EXPECT_EQ(driver.count(VIDIOC_STREAMOFF) % 2, 1);
    source->close();
  }
  EXPECT_TRUE(sink.frames.empty());
}

TEST_F(v4l2_source_steps, does_not_believe_a_buffer_that_comes_twice) {
  ASSERT_TRUE(open());
  std::vector<uint8_t> full = h264_idr();
  full.resize(driver.node().sizes[0]);
  fill_and_step(full);  // held, so buffer 0 is ours
  fake_v4l2::filling content;
  content.index = 0;
  fill(h264_slice(), content);
  EXPECT_EQ(*step(), step_outcome::idle);
  EXPECT_EQ(driver.count(VIDIOC_STREAMON), 2);
}

TEST_F(v4l2_source_steps, goes_on_after_interrupted_calls) {
  driver.fail(VIDIOC_S_FMT, EINTR, 3);
  ASSERT_TRUE(open());
  fill(h264_idr());
  driver.fail(VIDIOC_DQBUF, EINTR, 2);
  driver.fail(VIDIOC_QBUF, EINTR, 2);
  EXPECT_EQ(*step(), step_outcome::delivered);
}

TEST_F(v4l2_source_steps, restarts_an_encoder_that_ended_its_stream) {
  ASSERT_TRUE(open());
  fill_and_step(h264_idr());
  fake_v4l2::filling last;
  last.flags = V4L2_BUF_FLAG_LAST;
  EXPECT_EQ(*fill_and_step({}, last), step_outcome::idle);
  EXPECT_EQ(driver.count(VIDIOC_STREAMON), 2);
  EXPECT_EQ(driver.queued_buffers(), 4U);
}

/// Drivers in an error condition say so when they are given a buffer, too (vivid's fatal error).
TEST_F(v4l2_source_steps, restarts_a_driver_that_does_not_take_its_buffer_back) {
  ASSERT_TRUE(open());
  driver.fail(VIDIOC_QBUF, EIO, 2);
  EXPECT_EQ(*fill_and_step(h264_idr()), step_outcome::delivered);
  EXPECT_EQ(*step(), step_outcome::idle);
  EXPECT_EQ(driver.count(VIDIOC_STREAMON), 2);
  EXPECT_EQ(driver.queued_buffers(), 4U);
  EXPECT_EQ(source->health().stalls, 1U);
  fill_and_step(h264_idr());
  EXPECT_EQ(sink.frames.size(), 2U);
}

TEST_F(v4l2_source_steps, fails_when_a_buffer_cannot_be_given_back) {
  ASSERT_TRUE(open());
  driver.fail(VIDIOC_QBUF, ENODEV, 2);
  EXPECT_EQ(*fill_and_step(h264_idr()), step_outcome::delivered);
  const auto outcome = step();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("VIDIOC_QBUF"));
  expect_nothing_left();
}

TEST_F(v4l2_source_steps, fails_when_the_restart_fails) {
  ASSERT_TRUE(open());
  fill_and_step(h264_idr());
  driver.fail(VIDIOC_STREAMON, ENOSPC);
  time.set(source->next_due());
  const auto outcome = step();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("bandwidth"));
  expect_nothing_left();
}

struct open_case {
  const char* name;
  unsigned long request;
  int errno_value;
  error_code code;
  const char* text;
};
class v4l2_source_open : public v4l2_source_steps, public ::testing::WithParamInterface<open_case> {};
TEST_P(v4l2_source_open, failure_names_the_device_and_leaves_nothing) {
  const open_case& given = GetParam();
  driver.fail(given.request, given.errno_value, 10);
  const auto description = open();
  ASSERT_FALSE(description);
  EXPECT_EQ(description.error().code, given.code);
  EXPECT_THAT(description.error().message, HasSubstr("/dev/video0: "));
  EXPECT_THAT(description.error().message, HasSubstr(given.text));
  expect_nothing_left();
  driver.forgive();
  EXPECT_TRUE(source->open()) << "it may be opened again";
}
INSTANTIATE_TEST_SUITE_P(
    calls, v4l2_source_open,
    ::testing::Values(
        open_case{"open_missing", fake_v4l2::call_open, ENOENT, error_code::not_found, "no such device"},
        open_case{"open_unplugged", fake_v4l2::call_open, ENODEV, error_code::not_found, "gone"},
        open_case{"open_not_permitted", fake_v4l2::call_open, EACCES, error_code::permission_denied, "group video"},
        open_case{"open_busy", fake_v4l2::call_open, EBUSY, error_code::busy, "in use"},
        open_case{"querycap_no_video", VIDIOC_QUERYCAP, ENOTTY, error_code::unsupported, "not a video device"},
        open_case{"g_fmt", VIDIOC_G_FMT, EINVAL, error_code::unsupported, "VIDIOC_G_FMT"},
        open_case{"s_fmt_gone", VIDIOC_S_FMT, ENODEV, error_code::not_found, "VIDIOC_S_FMT"},
        open_case{"s_fmt_io", VIDIOC_S_FMT, EIO, error_code::io_failed, "VIDIOC_S_FMT"},
        open_case{"reqbufs_busy", VIDIOC_REQBUFS, EBUSY, error_code::busy, "in use by another stream or program"},
        open_case{"reqbufs_memory", VIDIOC_REQBUFS, ENOMEM, error_code::limit_reached, "no memory"},
        open_case{"reqbufs_refused", VIDIOC_REQBUFS, EINVAL, error_code::unsupported, "VIDIOC_REQBUFS"},
        open_case{"querybuf", VIDIOC_QUERYBUF, EINVAL, error_code::unsupported, "VIDIOC_QUERYBUF"},
        open_case{"mmap", fake_v4l2::call_mmap, ENOMEM, error_code::limit_reached, "mmap"},
        open_case{"qbuf", VIDIOC_QBUF, EIO, error_code::io_failed, "VIDIOC_QBUF"},
        open_case{"streamon_bandwidth", VIDIOC_STREAMON, ENOSPC, error_code::limit_reached, "bandwidth"},
        open_case{"streamon_pipeline", VIDIOC_STREAMON, EPIPE, error_code::io_failed, "pipeline"},
        open_case{"streamon_sensor", VIDIOC_STREAMON, ENOLINK, error_code::unsupported, "media-ctl"},
        open_case{"streamon_io", VIDIOC_STREAMON, EIO, error_code::io_failed, "input/output"},
        open_case{"streamon_usb", VIDIOC_STREAMON, EPROTO, error_code::io_failed, "USB"},
        open_case{"streamon_silent", VIDIOC_STREAMON, ETIMEDOUT, error_code::timed_out, "does not answer"}),
    [](const auto& param) { return std::string(param.param.name); });

/// Every call of open() fails in turn, wherever it stands: nothing may be left behind.
TEST_F(v4l2_source_steps, leaves_nothing_behind_wherever_opening_breaks_off) {
  for (const unsigned long request :
       {static_cast<unsigned long>(VIDIOC_QUERYBUF), static_cast<unsigned long>(VIDIOC_QBUF),
        static_cast<unsigned long>(fake_v4l2::call_mmap)}) {
    for (int skip = 0; skip < 4; ++skip) {
      driver.fail(request, EIO, 1, skip);
      EXPECT_FALSE(open());
      expect_nothing_left();
    }
  }
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
