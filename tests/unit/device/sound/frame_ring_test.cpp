#include "device/sound/frame_ring.h"

#include <gtest/gtest.h>

#include <thread>

namespace campush {
namespace {

std::vector<uint8_t> bytes_of(uint32_t number, size_t size) {
  std::vector<uint8_t> out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(number + i);
  return out;
}

media_frame frame_of(uint32_t number, const std::vector<uint8_t>& payload) {
  media_frame frame;
  frame.codec = codec_id::opus;
  frame.dts = frame.pts = time_point(duration(number));
  frame.capture_time = time_point(duration(number + 7));
  frame.payload = payload;
  return frame;
}

TEST(frame_ring, gives_frames_back_in_order_over_many_rounds) {
  frame_ring ring(1024);
  uint32_t pushed = 0, popped = 0;
  for (int round = 0; round < 1'000; ++round) {
    const auto payload = bytes_of(pushed, pushed % 331);
    if (ring.push(frame_of(pushed, payload))) {
      ++pushed;
      if (round % 3 != 0) continue;
    }
    const auto frame = ring.front();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->codec, codec_id::opus);
    EXPECT_EQ(frame->dts, time_point(duration(popped)));
    EXPECT_EQ(frame->capture_time, time_point(duration(popped + 7)));
    EXPECT_EQ(frame->payload.to_vector(), bytes_of(popped, popped % 331));
    ring.pop();
    ++popped;
  }
  while (ring.front()) {
    ring.pop();
    ++popped;
  }
  EXPECT_EQ(popped, pushed);
  EXPECT_GT(pushed, 300u);
}

TEST(frame_ring, refuses_what_does_not_fit) {
  frame_ring ring(1024);
  EXPECT_FALSE(ring.push(frame_of(0, bytes_of(0, 2'000))));
  EXPECT_FALSE(ring.front());
  int taken = 0;
  while (ring.push(frame_of(0, bytes_of(0, 100)))) ++taken;
  EXPECT_GE(taken, 6);
  EXPECT_LE(taken, 10);
  ASSERT_TRUE(ring.front());
  ring.pop();
  EXPECT_TRUE(ring.push(frame_of(0, bytes_of(0, 100))));
}

TEST(frame_ring, carries_marks_without_payload) {
  frame_ring ring(1024);
  ASSERT_TRUE(ring.push({}));
  const auto mark = ring.front();
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->codec, codec_id::none);
  EXPECT_TRUE(mark->payload.empty());
}

TEST(frame_ring, carries_frames_from_one_thread_to_another) {
  frame_ring ring(4096);
  constexpr uint32_t total = 20'000;
  std::thread writer([&ring] {
    for (uint32_t number = 0; number < total;) {
      if (ring.push(frame_of(number, bytes_of(number, number % 500)))) {
        ++number;
      } else {
        std::this_thread::yield();
      }
    }
  });
  for (uint32_t number = 0; number < total;) {
    const auto frame = ring.front();
    if (!frame) {
      std::this_thread::yield();
      continue;
    }
    EXPECT_EQ(frame->dts, time_point(duration(number)));
    EXPECT_EQ(frame->payload.size(), number % 500);
    if (!frame->payload.empty()) {
      EXPECT_EQ(frame->payload[0], static_cast<uint8_t>(number));
    }
    ring.pop();
    ++number;
  }
  writer.join();
}

}  // namespace
}  // namespace campush
