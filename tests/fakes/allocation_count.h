#pragma once

#include <cstdint>

namespace campush {

/// How often the program has called operator new. The test links fakes/allocation_count.cpp, which replaces it for the
/// whole program: a program of its own, therefore.
/// Thread: any-thread.
uint64_t allocation_count() noexcept;

}  // namespace campush
