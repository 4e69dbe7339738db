#include <cerrno>

#include "v4l2_fixture.h"

namespace campush {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t mmap_only = 1u << V4L2_MEMORY_MMAP, userptr_only = 1u << V4L2_MEMORY_USERPTR,
                   dmabuf_only = 1u << V4L2_MEMORY_DMABUF;

struct memory_case {
  const char* name;
  const char* configured;
  uint32_t driver;
  buffer_origin used;
};
class v4l2_memory : public v4l2_source_steps, public ::testing::WithParamInterface<memory_case> {
 protected:
  void expect_no_memory_left() {
    expect_nothing_left();
    EXPECT_EQ(driver.dma_descriptors(), 0U);
    EXPECT_EQ(driver.open_accesses(), 0);
  }
};

TEST_P(v4l2_memory, that_the_driver_takes_brings_every_picture) {
  config.source.memory = GetParam().configured;
  driver.node().memories = GetParam().driver;
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(driver.dma_descriptors(), GetParam().used == buffer_origin::dma_heap ? 4U : 0U);
  for (uint8_t i = 0; i < 20; ++i) {
    const auto outcome = fill_and_step(i == 0 ? h264_idr() : h264_slice(i));
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(*outcome, step_outcome::delivered);
  }
  ASSERT_EQ(sink.frames.size(), 20U);
  for (uint8_t i = 1; i < 20; ++i) EXPECT_EQ(sink.frames[i].payload, h264_slice(i));
  EXPECT_EQ(driver.queued_buffers(), 4U);
  source->close();
  expect_no_memory_left();
}

TEST_P(v4l2_memory, stays_the_same_over_a_restart_of_the_stream) {
  config.source.memory = GetParam().configured;
  driver.node().memories = GetParam().driver;
  ASSERT_TRUE(open());
  fill_and_step(h264_idr());
  driver.fail(VIDIOC_DQBUF, EIO);
  ASSERT_TRUE(step());
  EXPECT_EQ(driver.queued_buffers(), 4U);
  fill_and_step(h264_idr());
  EXPECT_EQ(sink.frames.size(), 2U);
  driver.unplug();
  EXPECT_FALSE(step());
  expect_no_memory_left();
}

INSTANTIATE_TEST_SUITE_P(
    kinds, v4l2_memory,
    ::testing::Values(memory_case{"mmap_first", "", mmap_only | userptr_only | dmabuf_only, buffer_origin::driver},
                      memory_case{"userptr_without_mmap", "auto", userptr_only | dmabuf_only, buffer_origin::process},
                      memory_case{"dmabuf_alone", "auto", dmabuf_only, buffer_origin::dma_heap},
                      memory_case{"userptr_asked_for", "userptr", mmap_only | userptr_only, buffer_origin::process},
                      memory_case{"dmabuf_asked_for", "dmabuf", mmap_only | dmabuf_only, buffer_origin::dma_heap}),
    [](const auto& param) { return std::string(param.param.name); });

TEST_F(v4l2_source_steps, is_refused_memory_that_was_asked_for_and_says_so) {
  config.source.memory = "userptr";
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, error_code::unsupported);
  EXPECT_THAT(opened.error().message, HasSubstr("/dev/video0: VIDIOC_REQBUFS (userptr): the driver refuses it"));
  expect_nothing_left();
}

TEST_F(v4l2_source_steps, names_the_heap_that_is_not_there) {
  config.source.memory = "dmabuf";
  config.source.dma_heap = "/dev/dma_heap/cma";
  driver.node().memories = dmabuf_only;
  driver.fail(fake_v4l2::call_allocate, ENOENT);
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("memory of /dev/dma_heap/cma"));
  expect_nothing_left();
}

TEST_F(v4l2_source_steps, falls_back_to_read_where_the_driver_takes_no_memory_at_all) {
  driver.node().capabilities |= V4L2_CAP_READWRITE;
  driver.node().memories = 0;
  ASSERT_TRUE(open());
  EXPECT_FALSE(driver.is_streaming());
  source->close();
  expect_nothing_left();
}

/// Every allocation fails in turn: nothing may be left behind.
TEST_F(v4l2_source_steps, leaves_no_memory_behind_wherever_allocating_breaks_off) {
  driver.node().memories = dmabuf_only;
  for (const unsigned long request :
       {static_cast<unsigned long>(fake_v4l2::call_allocate), static_cast<unsigned long>(fake_v4l2::call_mmap)}) {
    for (int skip = 0; skip < 4; ++skip) {
      driver.fail(request, ENOMEM, 1, skip);
      EXPECT_FALSE(open());
      expect_nothing_left();
      EXPECT_EQ(driver.dma_descriptors(), 0U);
      driver.forgive();
    }
  }
}

TEST_F(v4l2_source_steps, goes_on_where_heap_memory_cannot_be_synchronised) {
  driver.node().memories = dmabuf_only;
  driver.fail(fake_v4l2::call_sync, ENOTTY, 1000);
  ASSERT_TRUE(open());
  EXPECT_EQ(*fill_and_step(h264_idr()), step_outcome::delivered);
}

}  // namespace
}  // namespace campush
