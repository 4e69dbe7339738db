#pragma once

#include "util/clock.h"

namespace campush {

/// When the samples of a sound card were captured. The card counts with a crystal of its own, some 10 to 200 ppm off the monotonic
/// clock: this measures it and gives times on the monotonic clock that stay true for months (docs/decisions/0014).
/// Shape: observe() with what the driver says of each period, time_of() for each block read, restart() whenever the device was stopped.
///   Times never go back, and move against the samples by at most 0.5 % (10 % in the first 4 s), except over a gap.
/// Units: positions count the samples of one channel since the device was opened, lost ones excluded.
/// Robust against: observations that come late, some or all of a second (the earliest of each second counts), samples lost
///   without a word (a lag of more than 40 ms for 5 s is taken as a gap).
/// Thread: one thread. Allocates nothing.
class sample_clock {
 public:
  explicit sample_clock(uint32_t nominal_rate) noexcept;

  /// At `at` the device had captured `position` samples; later than that is possible, earlier is not.
  void observe(uint64_t position, time_point at) noexcept;
  /// The device begins anew with the sample at `position`, the first that was not read: the next observation says when.
  void restart(uint64_t position) noexcept;
  /// Before the first observation: time_point{}.
  time_point time_of(uint64_t position) const noexcept;

  bool is_anchored() const noexcept { return m_is_anchored; }
  /// Positive: the card is fast.
  int32_t drift_ppm() const noexcept;
  /// Gaps that nothing but the clock has told of.
  uint64_t silent_gaps() const noexcept { return m_silent_gaps; }

 private:
  /// A straight line from position to microseconds since the origin.
  struct line {
    uint64_t position = 0;
    double us = 0, us_per_sample = 0;
    double at(uint64_t where) const noexcept {
      return us + (static_cast<double>(where) - static_cast<double>(position)) * us_per_sample;
    }
  };

  void anchor(uint64_t position, double at_us) noexcept;
  void end_window(uint64_t position) noexcept;
  void correct(double residual_us, double seconds, uint64_t position) noexcept;
  void judge_lag(double residual_us, double seconds) noexcept;
  void steer(uint64_t position) noexcept;

  const double m_nominal_us;  ///< of one sample
  const double m_second_samples;
  bool m_is_anchored = false, m_has_origin = false;
  time_point m_origin{};
  line m_truth;               ///< what is known of the card; jumps with what is learnt
  line m_output, m_before;    ///< what time_of() tells: bent towards m_truth, one window each
  double m_floor_us = -1e18;  ///< the end of what was told before a restart
  uint64_t m_window_start = 0;
  double m_earliest_us = 0;
  bool m_has_earliest = false;
  double m_phase_variance = 0, m_covariance = 0, m_rate_variance = 0;
  double m_lag_s = 0;  ///< for how long every observation has been late
  double m_age_s = 0;  ///< since the first observation behind a start
  uint64_t m_silent_gaps = 0;
};

}  // namespace campush
