#include "bench/push/counted_heap.h"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

namespace {

std::atomic<uint64_t> allocations{0};

[[maybe_unused]] void count_one() noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

uint64_t campush::bench::heap_allocations() noexcept {
  return allocations.load(std::memory_order_relaxed);
}

#ifdef __GLIBC__

bool campush::bench::has_counted_heap() noexcept {
  return true;
}

// glibc lets a program define these, and keeps its own under names that are only for that.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  count_one();
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  count_one();
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  count_one();
  return __libc_realloc(memory, size);
}
void* memalign(size_t alignment, size_t size) {
  count_one();
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  count_one();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
  count_one();
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}

#else

bool campush::bench::has_counted_heap() noexcept {
  return false;
}

#endif
