#include "util/clock.h"

namespace campush {

time_point system_clock::now() const noexcept {
  const auto since_boot = std::chrono::steady_clock::now().time_since_epoch();
  return time_point(std::chrono::duration_cast<duration>(since_boot));
}

std::chrono::system_clock::time_point system_clock::wall_now() const noexcept {
  return std::chrono::system_clock::now();
}

}  // namespace campush
