#include <fstream>
#include <iterator>

#include "device/v4l2/picture_leases.h"
#include "device/v4l2/picture_mailbox.h"
#include "fakes/allocation_count.h"
#include "v4l2_fixture.h"

namespace campush {
namespace {

class counting_sink final : public frame_sink {
 public:
  void on_frame(const media_frame&) override { ++frames; }
  int frames = 0;
};

/// A keyframe with parameter sets as an encoder makes them.
std::vector<uint8_t> first_picture() {
  std::ifstream file(CAMPUSH_TEST_DATA "/tiny.h264", std::ios::binary);
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  access_unit_splitter splitter(codec_id::h264);
  byte_view unit;
  if (!splitter.append(bytes) || !splitter.next(unit)) return {};
  return unit.to_vector();
}

/// A driver without a heap: one buffer after the other, always full of the same picture.
class endless_driver final : public video_device_calls {
 public:
  explicit endless_driver(const clock& time) : m_time(time), m_picture(first_picture()) {}
  int open(const char* path) noexcept override { return m_fake.open(path); }
  int close(int descriptor) noexcept override { return m_fake.close(descriptor); }
  int ioctl(int descriptor, unsigned long request, void* argument) noexcept override {
    if (request == VIDIOC_QBUF && is_endless) return 0;
    if (request != VIDIOC_DQBUF || !is_endless) return m_fake.ioctl(descriptor, request, argument);
    auto& words = *static_cast<v4l2_buffer*>(argument);
    words.index = m_sequence % 4;
    words.sequence = m_sequence++;
    words.bytesused = static_cast<uint32_t>(m_picture.size());
    words.flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    const int64_t now_us = m_time.now().time_since_epoch().count();
    words.timestamp.tv_sec = static_cast<time_t>(now_us / 1'000'000);
    words.timestamp.tv_usec = static_cast<suseconds_t>(now_us % 1'000'000);
    std::copy(m_picture.begin(), m_picture.end(), m_memory[words.index]);
    return 0;
  }
  void* mmap(size_t length, int descriptor, uint32_t offset) noexcept override {
    void* const memory = m_fake.mmap(length, descriptor, offset);
    m_memory[m_mapped++ % 4] = static_cast<uint8_t*>(memory);
    return memory;
  }
  int munmap(void* memory, size_t length) noexcept override { return m_fake.munmap(memory, length); }
  int poll(pollfd* watched, nfds_t count, int timeout_ms) noexcept override {
    return m_fake.poll(watched, count, timeout_ms);
  }
  ssize_t read(int descriptor, void* memory, size_t size) noexcept override {
    return m_fake.read(descriptor, memory, size);
  }
  fake_v4l2& fake() { return m_fake; }
  bool is_endless = false;

 private:
  const clock& m_time;
  fake_v4l2 m_fake;
  const std::vector<uint8_t> m_picture;
  uint8_t* m_memory[4]{};
  uint32_t m_mapped = 0, m_sequence = 0;
};

TEST(v4l2_source, allocates_nothing_for_a_picture) {
  fake_clock time;
  endless_driver driver(time);
  fake_node::format_offer offer;
  offer.fourcc = V4L2_PIX_FMT_H264;
  driver.fake().node().formats = {offer};
  stream_config config;
  config.source.device = "/dev/video0";
  v4l2_source source(config, time, driver);
  ASSERT_TRUE(source.open());
  driver.is_endless = true;
  counting_sink sink;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(source.step(time.now(), sink));
    time.advance(std::chrono::milliseconds(40));
  }
  const uint64_t before = allocation_count();
  for (int i = 0; i < 1000; ++i) {
    const auto outcome = source.step(time.now(), sink);
    if (!outcome) break;
    time.advance(std::chrono::milliseconds(40));
  }
  EXPECT_EQ(allocation_count(), before);
  EXPECT_EQ(sink.frames, 1010);
  driver.is_endless = false;
}

TEST(picture_leases, allocate_nothing_for_a_picture) {
  fake_v4l2 driver;
  fake_node& node = driver.node();
  fake_node::format_offer offer;
  offer.fourcc = V4L2_PIX_FMT_GREY;
  node.formats = {offer};
  node.width = node.height = 16;
  node.sizes[0] = 256;
  v4l2_node open_node(driver);
  ASSERT_TRUE(open_node.open("/dev/video0"));
  const auto agreed = negotiate(open_node, {{V4L2_PIX_FMT_GREY}, 0, 0, 0});
  ASSERT_TRUE(agreed);
  capture_queue queue(open_node);
  ASSERT_TRUE(queue.start(*agreed, 4, {}));
  picture_leases leases(*agreed, queue.memory());
  picture_mailbox box;
  std::vector<uint8_t> bytes(256);
  captured_buffer buffer;
  buffer.plane_count = 1;
  buffer.planes[0] = {bytes.data(), 256};
  const auto pass_on = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const auto picture = leases.describe(buffer, {});
      buffer.index = static_cast<uint32_t>(i) % 2;
      const picture_lease lent = leases.lend(buffer, *picture), copied = leases.copy(*picture);
      box.put(lent);
      box.put(copied);
      if (i % 2 == 0 && box.take() != copied) return false;
    }
    return true;
  };
  ASSERT_TRUE(pass_on(10));
  const uint64_t before = allocation_count();
  EXPECT_TRUE(pass_on(1000));
  EXPECT_EQ(allocation_count(), before);
}

}  // namespace
}  // namespace campush
