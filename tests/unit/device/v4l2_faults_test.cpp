#include <cerrno>

#include "v4l2_fixture.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

TEST_F(v4l2_source_steps, switches_a_silent_stream_off_and_on_and_goes_on) {
  ASSERT_TRUE(open());
  fill_and_step(h264_idr());
  time.set(source->next_due() - duration(1));
  EXPECT_EQ(*step(), step_outcome::idle);
  EXPECT_EQ(driver.count(VIDIOC_STREAMOFF), 0);
  time.advance(duration(1));
  EXPECT_EQ(*step(), step_outcome::idle);
  expect_restarted_once();
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

/// What comes is no picture, and it comes all the time.
TEST_F(v4l2_source_steps, takes_buffers_that_are_never_of_use_for_silence) {
  ASSERT_TRUE(open());
  fill_and_step(h264_idr());
  testing::internal::CaptureStderr();
  int steps = 0;
  auto outcome = step();
  for (; outcome && steps < 1000; ++steps) outcome = fill_and_step(std::vector<uint8_t>(100));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, error_code::timed_out);
  EXPECT_THAT(outcome.error().message, HasSubstr("no picture for 3000 ms"));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_GT(steps, (500 + 3000) / 40);
  EXPECT_LT(steps, (500 + 3000) / 40 + 10);
  EXPECT_EQ(source->health().stalls, 2U);
  EXPECT_THAT(log, HasSubstr("/dev/video0: 1 buffers are of no use, the last: neither a picture"));
  EXPECT_THAT(log, HasSubstr("/dev/video0: 25 buffers are of no use"));
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
  expect_restarted_once();
}

/// Drivers in an error condition say so when they are given a buffer, too (vivid's fatal error).
TEST_F(v4l2_source_steps, restarts_a_driver_that_does_not_take_its_buffer_back) {
  ASSERT_TRUE(open());
  driver.fail(VIDIOC_QBUF, EIO, 2);
  EXPECT_EQ(*fill_and_step(h264_idr()), step_outcome::delivered);
  EXPECT_EQ(*step(), step_outcome::idle);
  expect_restarted_once();
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

}  // namespace
}  // namespace campush
