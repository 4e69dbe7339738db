#include "device/v4l2/video_device_calls.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace campush {

namespace {

class kernel_calls final : public video_device_calls {
 public:
  int open(const char* path) noexcept override { return ::open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC); }
  int close(int descriptor) noexcept override { return ::close(descriptor); }
  int ioctl(int descriptor, unsigned long request, void* argument) noexcept override {
    return ::ioctl(descriptor, request, argument);
  }
  void* mmap(size_t length, int descriptor, uint32_t offset) noexcept override {
    return ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, static_cast<off_t>(offset));
  }
  int munmap(void* memory, size_t length) noexcept override { return ::munmap(memory, length); }
  int poll(pollfd* watched, nfds_t count, int timeout_ms) noexcept override {
    return ::poll(watched, count, timeout_ms);
  }
  ssize_t read(int descriptor, void* memory, size_t size) noexcept override { return ::read(descriptor, memory, size); }
};

}  // namespace

video_device_calls& system_video_calls() noexcept {
  // Buffers that are leased out may be given back while the program ends: it is never destroyed.
  static kernel_calls* const calls = new kernel_calls();  // NOLINT(bugprone-unhandled-exception-at-new): at the start
  return *calls;
}

}  // namespace campush
