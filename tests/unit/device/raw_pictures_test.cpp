#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

#include "device/v4l2/picture_leases.h"
#include "device/v4l2/picture_mailbox.h"
#include "fakes/fake_v4l2.h"

namespace campush {
namespace {

using ::testing::ElementsAre;

TEST(picture_mailbox, keeps_the_newest_and_counts_the_others) {
  picture_mailbox box;
  EXPECT_EQ(box.take(), nullptr);
  const auto first = std::make_shared<raw_picture>(), second = std::make_shared<raw_picture>();
  box.put(first);
  box.put(second);
  EXPECT_EQ(first.use_count(), 1) << "let go at once";
  EXPECT_EQ(box.lost(), 1U);
  pollfd watched{box.descriptor(), POLLIN, 0};
  EXPECT_EQ(::poll(&watched, 1, 0), 1);
  EXPECT_EQ(box.take(), second);
  EXPECT_EQ(second.use_count(), 1);
  EXPECT_EQ(::poll(&watched, 1, 0), 0);
  EXPECT_EQ(box.take(), nullptr);
  box.put(first);
  box.put(nullptr);
  EXPECT_EQ(box.take(), nullptr);
}

TEST(picture_mailbox, hands_over_between_threads_in_order) {
  picture_mailbox box;
  constexpr int64_t count = 20'000;
  std::thread writer([&box] {
    for (int64_t i = 1; i <= count; ++i) {
      auto picture = std::make_shared<raw_picture>();
      picture->captured_at = time_point(duration(i));
      box.put(std::move(picture));
    }
  });
  int64_t last = 0, taken = 0;
  while (last < count) {
    const picture_lease picture = box.take();
    if (picture == nullptr) continue;
    const int64_t number = picture->captured_at.time_since_epoch().count();
    EXPECT_GT(number, last);
    last = number;
    ++taken;
  }
  writer.join();
  EXPECT_EQ(taken + static_cast<int64_t>(box.lost()), count);
}

TEST(picture_leases, describe_planes_in_one_memory_and_in_several) {
  fake_v4l2 driver;
  const auto memory = std::make_shared<buffer_memory>(driver);
  capture_format format;
  format.format = *find_format(V4L2_PIX_FMT_YUV420);
  format.width = 6;
  format.height = 3;
  format.strides[0] = 8;
  std::vector<uint8_t> bytes(8 * 3 + 2 * 4 * 2);
  captured_buffer buffer;
  buffer.plane_count = 1;
  buffer.planes[0] = {bytes.data(), static_cast<uint32_t>(bytes.size())};
  const auto single = picture_leases(format, memory).describe(buffer, {});
  ASSERT_TRUE(single);
  EXPECT_EQ(single->planes[0].size(), 24U);
  EXPECT_EQ(single->planes[1].data(), bytes.data() + 24);
  EXPECT_EQ(single->planes[2].data(), bytes.data() + 32);
  EXPECT_THAT(single->strides, ElementsAre(8, 4, 4));
  buffer.planes[0].used -= 1;
  EXPECT_FALSE(picture_leases(format, memory).describe(buffer, {}));

  format.format = *find_format(V4L2_PIX_FMT_NV12M);
  format.plane_count = 2;
  format.strides = {8, 16, 0};
  std::vector<uint8_t> chroma(16 * 2);
  buffer.plane_count = 2;
  buffer.planes[1] = {chroma.data(), static_cast<uint32_t>(chroma.size())};
  const auto several = picture_leases(format, memory).describe(buffer, {});
  ASSERT_TRUE(several);
  EXPECT_EQ(several->planes[1].data(), chroma.data());
  EXPECT_EQ(several->planes[1].size(), 32U);
  EXPECT_EQ(several->strides[1], 16U);
}

}  // namespace
}  // namespace campush
