#include "fakes/heap_meter.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAMPUSH_HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CAMPUSH_HAS_SANITIZER 1
#endif
#endif

namespace {

std::atomic<size_t> held{0}, peak{0};

}  // namespace

size_t campush::test::heap_bytes() noexcept {
  return held.load();
}
size_t campush::test::heap_peak_bytes() noexcept {
  return peak.load();
}
void campush::test::reset_heap_peak() noexcept {
  peak.store(held.load());
}

#ifdef CAMPUSH_HAS_SANITIZER

bool campush::test::is_heap_metered() noexcept {
  return false;
}

#else

bool campush::test::is_heap_metered() noexcept {
  return true;
}

void* operator new(size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  const size_t now = held.fetch_add(malloc_usable_size(memory)) + malloc_usable_size(memory);
  size_t most = peak.load();
  while (now > most && !peak.compare_exchange_weak(most, now)) {
  }
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  held.fetch_sub(malloc_usable_size(memory));
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  operator delete(memory);
}

#endif
