#pragma once

#include <poll.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace campush {

/// The system calls through which a camera is driven, so that a test can be the driver.
/// Shape: as the calls of the same name: -1 (mmap: MAP_FAILED) and errno on failure. open() is for reading and writing, never blocks
///   and is closed on exec.
/// Thread: any-thread, as far as the driver allows it.
class video_device_calls {
 public:
  virtual ~video_device_calls() = default;
  virtual int open(const char* path) noexcept = 0;
  virtual int close(int descriptor) noexcept = 0;
  virtual int ioctl(int descriptor, unsigned long request, void* argument) noexcept = 0;
  /// Shared with who has the descriptor; with -1 memory of this process alone.
  virtual void* mmap(size_t length, int descriptor, uint32_t offset) noexcept = 0;
  virtual int munmap(void* memory, size_t length) noexcept = 0;
  virtual int poll(pollfd* watched, nfds_t count, int timeout_ms) noexcept = 0;
  virtual ssize_t read(int descriptor, void* memory, size_t size) noexcept = 0;
  /// A descriptor (dma-buf) of new memory in a heap of the kernel (/dev/dma_heap/system), to be closed; -1 and errno where it has none.
  virtual int allocate_dma(const char*, size_t) noexcept {
    errno = ENOTTY;
    return -1;
  }
  /// Around the processor's access to such memory: true begins it, false ends it.
  virtual int sync_dma(int, bool) noexcept {
    errno = ENOTTY;
    return -1;
  }
};

/// The kernel's.
video_device_calls& system_video_calls() noexcept;

}  // namespace campush
