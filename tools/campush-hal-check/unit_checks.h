#pragma once

#include "check_table.h"
#include "device/vendor/hal_format.h"
#include "device/vendor/hal_unit.h"

namespace campush {

/// Looks at every unit of a stretch of streaming; judge() writes down what it saw.
class unit_checks {
 public:
  void add(const checked_unit& unit, time_point arrival);
  void judge(const hal_opened& opened, check_table& table) const;
  uint64_t units() const { return m_units; }

 private:
  void look_at_picture(const checked_unit& unit);
  void judge_rate(const hal_opened& opened, check_table& table) const;
  void judge_pictures(check_table& table) const;

  uint64_t m_units = 0, m_samples = 0, m_lost = 0, m_backward = 0, m_far = 0;
  uint64_t m_keyframes = 0, m_without_start_code = 0, m_without_picture = 0, m_with_pictures = 0, m_without_sets = 0;
  bool m_is_video = false, m_is_counted = false;
  uint32_t m_last_sequence = 0;
  int64_t m_last_dts_us = INT64_MIN;
  duration m_latest{}, m_earliest = duration::max();
  time_point m_first{}, m_last{};
};

}  // namespace campush
