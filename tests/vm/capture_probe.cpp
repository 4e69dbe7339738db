// capture_probe DEVICE FOURCC WIDTH HEIGHT COUNT [mmap|userptr|dmabuf FILE EXPORTER]: captures with the agent's V4L2 layer alone. Built for
// other machines, it shows that their form of the kernel's interface is understood. Prints "size time sequence" of each buffer, in bytes and
// microseconds, and writes the pictures to FILE. The memory for dmabuf is that of another node, EXPORTER, as of a heap.

#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "device/v4l2/v4l2_device.h"
#include "util/clock.h"

namespace campush::vm {
namespace {

/// A heap whose memory is the buffers of a video node.
class node_as_heap final : public video_device_calls {
 public:
  explicit node_as_heap(const char* exporter) : m_exporter(exporter != nullptr ? ::open(exporter, O_RDWR) : -1) {
    v4l2_requestbuffers wish{};
    wish.count = 8;
    wish.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    wish.memory = V4L2_MEMORY_MMAP;
    if (m_exporter >= 0 && ::ioctl(m_exporter, VIDIOC_REQBUFS, &wish) < 0) std::perror("exporter");
  }
  int open(const char* path) noexcept override { return m_calls.open(path); }
  int close(int descriptor) noexcept override { return m_calls.close(descriptor); }
  int ioctl(int descriptor, unsigned long request, void* argument) noexcept override {
    return m_calls.ioctl(descriptor, request, argument);
  }
  void* mmap(size_t length, int descriptor, uint32_t offset) noexcept override {
    return m_calls.mmap(length, descriptor, offset);
  }
  int munmap(void* memory, size_t length) noexcept override { return m_calls.munmap(memory, length); }
  int poll(pollfd* watched, nfds_t count, int timeout_ms) noexcept override {
    return m_calls.poll(watched, count, timeout_ms);
  }
  ssize_t read(int descriptor, void* memory, size_t size) noexcept override {
    return m_calls.read(descriptor, memory, size);
  }
  int allocate_dma(const char*, size_t) noexcept override {
    v4l2_exportbuffer wish{};
    wish.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    wish.index = m_next++;
    wish.flags = O_RDWR | O_CLOEXEC;
    return ::ioctl(m_exporter, VIDIOC_EXPBUF, &wish) < 0 ? -1 : wish.fd;
  }
  int sync_dma(int descriptor, bool begins) noexcept override { return m_calls.sync_dma(descriptor, begins); }

 private:
  video_device_calls& m_calls = system_video_calls();
  const int m_exporter;
  uint32_t m_next = 0;
};

int fail(const error& why) {
  std::fprintf(stderr, "%s\n", why.message.c_str());
  return 1;
}

int run(int count, char** arguments) {
  const auto number = [arguments](int at) { return static_cast<uint32_t>(std::strtoul(arguments[at], nullptr, 10)); };
  const auto letter = [arguments](int at) { return uint32_t{static_cast<uint8_t>(arguments[2][at])} << 8 * at; };
  capture_request request;
  request.fourccs = {letter(0) | letter(1) | letter(2) | letter(3)};
  request.width = number(3);
  request.height = number(4);
  if (count > 6) request.memory = buffer_origin_of(arguments[6]);
  std::FILE* const file = count > 7 ? std::fopen(arguments[7], "wb") : nullptr;
  node_as_heap calls(count > 8 ? arguments[8] : nullptr);
  device_counters counters;
  v4l2_device device(calls, counters);
  const clock& time = system_clock();
  if (auto opened = device.open(arguments[1]); !opened) return fail(opened.error());
  if (auto agreed = device.configure(request); !agreed) return fail(agreed.error());
  if (auto started = device.start(4, time.now()); !started) return fail(started.error());
  for (uint32_t taken = 0; taken < number(5);) {
    pollfd watched{device.descriptor(), POLLIN, 0};
    poll(&watched, 1, 100);
    v4l2_device::taken_buffer picture;
    auto has_one = device.take(time.now(), picture);
    if (!has_one) return fail(has_one.error());
    if (!*has_one) continue;
    std::printf("%u %" PRId64 " %u\n", picture.buffer.planes[0].used,
                static_cast<int64_t>(picture.captured_at.time_since_epoch().count()), picture.buffer.sequence);
    if (file != nullptr) std::fwrite(picture.buffer.planes[0].data, 1, picture.buffer.planes[0].used, file);
    device.give_back(picture.buffer);
    ++taken;
  }
  if (file != nullptr) std::fclose(file);
  return 0;
}

}  // namespace
}  // namespace campush::vm

int main(int count, char** arguments) {
  return count >= 6 ? campush::vm::run(count, arguments) : 2;
}
