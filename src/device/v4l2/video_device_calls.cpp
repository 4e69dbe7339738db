#include "device/v4l2/video_device_calls.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

// Kernel headers of vendor SDKs may be older than 5.6.
#if __has_include(<linux/dma-heap.h>) && __has_include(<linux/dma-buf.h>)
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#define CAMPUSH_HAS_DMA_HEAPS 1
#endif

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
    const int kind = descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    return ::mmap(nullptr, length, PROT_READ | PROT_WRITE, kind, descriptor, static_cast<off_t>(offset));
  }
  int munmap(void* memory, size_t length) noexcept override { return ::munmap(memory, length); }
  int poll(pollfd* watched, nfds_t count, int timeout_ms) noexcept override {
    return ::poll(watched, count, timeout_ms);
  }
  ssize_t read(int descriptor, void* memory, size_t size) noexcept override { return ::read(descriptor, memory, size); }
#ifdef CAMPUSH_HAS_DMA_HEAPS
  int allocate_dma(const char* heap, size_t length) noexcept override {
    const int source = ::open(heap, O_RDWR | O_CLOEXEC);
    if (source < 0) return -1;
    dma_heap_allocation_data wish{};
    wish.len = length;
    wish.fd_flags = O_RDWR | O_CLOEXEC;
    const int outcome = ::ioctl(source, DMA_HEAP_IOCTL_ALLOC, &wish);
    const int reason = errno;
    ::close(source);
    errno = reason;
    return outcome < 0 ? -1 : static_cast<int>(wish.fd);
  }
  int sync_dma(int descriptor, bool begins) noexcept override {
    dma_buf_sync access{};
    access.flags = DMA_BUF_SYNC_READ | (begins ? DMA_BUF_SYNC_START : DMA_BUF_SYNC_END);
    return ::ioctl(descriptor, DMA_BUF_IOCTL_SYNC, &access);
  }
#endif
};

}  // namespace

video_device_calls& system_video_calls() noexcept {
  // Buffers that are leased out may be given back while the program ends: it is never destroyed.
  static kernel_calls* const calls = new kernel_calls();  // NOLINT(bugprone-unhandled-exception-at-new): at the start
  return *calls;
}

}  // namespace campush
