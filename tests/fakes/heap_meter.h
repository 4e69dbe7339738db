#pragma once

#include <cstddef>

namespace campush::test {

/// What the program holds of its heap (operator new), in bytes as the allocator rounds them. The test links fakes/heap_meter.cpp, which
/// replaces operator new for the whole program; under sanitizers, which bring their own, everything reads 0.
/// Thread: any-thread.
size_t heap_bytes() noexcept;
/// The most since reset_heap_peak().
size_t heap_peak_bytes() noexcept;
void reset_heap_peak() noexcept;
bool is_heap_metered() noexcept;

}  // namespace campush::test
