#pragma once

#include <cstdint>

namespace campush::bench {

/// Heap allocations of the whole process so far: malloc and its relatives, hence operator new as well. They are counted where the
/// C library is glibc; elsewhere has_counted_heap() is false.
/// Thread: any-thread.
uint64_t heap_allocations() noexcept;
bool has_counted_heap() noexcept;

}  // namespace campush::bench
