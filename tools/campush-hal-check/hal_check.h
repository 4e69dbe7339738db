#pragma once

#include "check_table.h"
#include "device/vendor/hal_format.h"
#include "device/vendor/hal_library.h"
#include "device/vendor/hal_unit.h"
#include "plugin_caller.h"
#include "unit_checks.h"

namespace campush {

struct hal_check_options {
  std::string path;
  track_kind kind = track_kind::video;
  uint32_t channel = 0;
  std::string options = "{}", device;
  double seconds = 5;
};

/// What calls refer to: shared with a call that may never come back.
struct checked_channel {
  campush_hal_table table{};
  std::string device, options;
  campush_hal_config config{};
  guarded<campush_hal_format> format;
  campush_hal_channel* handle = nullptr;
  campush_hal_channel* second = nullptr;
  guarded<campush_hal_unit> unit;
  std::vector<uint8_t> joined;
  checked_unit checked;
};

/// Walks a plug-in through everything that camera_hal.h asks of it, with one of its channels.
/// Thread: one thread; run() takes some seconds more than options.seconds.
class hal_check {
 public:
  explicit hal_check(hal_check_options options);
  const check_table& run();

 private:
  using call_result = plugin_caller::call_result;

  // hal_check.cpp: what is asked before a channel is open
  bool check_load();
  void check_description();
  void check_older_agent();
  void check_unknown_channel();

  // channel_checks.cpp: the life of a channel
  bool open_channel();
  void check_second_open();
  bool check_first_unit(check_id id);
  void stream();
  void check_lease(unsigned units);
  void check_controls();
  void check_keyframe();
  void check_bitrate();
  void check_codec();
  void check_stop_and_start();
  void check_reopening();
  bool live_once();
  call_result open();
  call_result close();

  /// The next unit that passes, or null after `limit`; the unit is leased then.
  const checked_unit* fetch(duration limit);
  void ask_for_descriptor();
  bool wait_for_data();
  void judge_wait(uint32_t wait_ms, duration took);
  void release();
  void judge_poll_fd();
  call_result call(const char* name, duration limit, int (*function)(checked_channel&));

  const hal_check_options m_options;
  check_table m_table;
  plugin_caller m_caller;
  system_clock m_time;
  std::shared_ptr<hal_library> m_library;
  std::shared_ptr<checked_channel> m_channel = std::make_shared<checked_channel>();
  hal_opened m_opened;
  unit_checks m_units;
  int m_descriptor = -1;
  unsigned m_polled = 0, m_polled_in_vain = 0, m_unwaited = 0;
  bool m_is_open = false;
};

}  // namespace campush
