#pragma once

#include <cstdint>

namespace campush::test {

/// The same numbers in every run of one seed.
class seeded_random {
 public:
  explicit seeded_random(uint64_t seed) : m_state(seed) {}
  /// From `low` to `high`, both included.
  uint64_t between(uint64_t low, uint64_t high) {
    uint64_t bits = m_state += 0x9e3779b97f4a7c15u;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return low + (bits ^ (bits >> 31)) % (high - low + 1);
  }
  bool chance(uint64_t percent) { return between(1, 100) <= percent; }

 private:
  uint64_t m_state;
};

}  // namespace campush::test
