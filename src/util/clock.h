#pragma once

#include <chrono>
#include <cstdint>

namespace campush {

/// Tag of the program's one time line: CLOCK_MONOTONIC, in 64-bit microseconds. V4L2 and ALSA stamp frames with
/// the same clock, so capture times need no conversion. It is not a chrono clock: nobody can call now() on it.
struct monotonic_time {
  using rep = int64_t;
  using period = std::micro;
  using duration = std::chrono::microseconds;
  using time_point = std::chrono::time_point<monotonic_time>;
};
using time_point = monotonic_time::time_point;
using duration = monotonic_time::duration;

/// The clock seam. Everything that asks for the time is handed one of these.
/// Thread: any-thread.
class clock {
 public:
  virtual ~clock() = default;
  virtual time_point now() const noexcept = 0;
  /// Wall clock, for people only (logs, status). A step of it changes nothing else.
  virtual std::chrono::system_clock::time_point wall_now() const noexcept = 0;
};

/// The real one. The only place of the program that reads the system's clocks.
class system_clock final : public clock {
 public:
  time_point now() const noexcept override;
  std::chrono::system_clock::time_point wall_now() const noexcept override;
};

}  // namespace campush
