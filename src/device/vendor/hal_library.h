#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "device/vendor/camera_hal.h"
#include "device/vendor/plugin_report.h"

namespace campush {

/// A plug-in that has been loaded, checked and described. It stays in memory until the process ends: SDKs leave threads and
/// thread-local destructors behind that must not lose their code.
/// Shape: `table()` has every required function; those not offered, or beyond the plug-in's own table, are null.
/// Thread: any-thread. Whoever calls a function of the table holds `turn()` where is_parallel() is false.
class hal_library {
 public:
  hal_library(const campush_hal_table& table, plugin_report report) : m_table(table), m_report(std::move(report)) {}

  const campush_hal_table& table() const noexcept { return m_table; }
  const plugin_report& report() const noexcept { return m_report; }
  bool is_parallel() const noexcept { return m_report.is_parallel; }
  /// Null when there is no such channel.
  const plugin_channel_report* find(track_kind kind, uint32_t channel) const noexcept;
  std::mutex& turn() noexcept { return m_turn; }

  /// Marks a channel as in use: one at a time in this process, also while a call of a former user has not returned.
  /// Errors: busy, not_found.
  [[nodiscard]] result<void> claim(track_kind kind, uint32_t channel);
  void give_back(track_kind kind, uint32_t channel) noexcept;
  uint32_t claimed() const noexcept { return m_claimed.load(); }

 private:
  const campush_hal_table m_table;
  const plugin_report m_report;
  std::mutex m_turn;
  std::mutex m_mutex;
  std::set<std::pair<track_kind, uint32_t>> m_in_use;  // guarded by m_mutex
  std::atomic<uint32_t> m_claimed{0};
};

/// dlopen, the entry symbol, the checks of camera_hal.h and describe, all in the calling thread.
/// Errors: those of describe_plugin() but timed_out.
[[nodiscard]] result<std::shared_ptr<hal_library>> load_hal_library(const std::string& path);

/// Every plug-in of the process once, whatever the names of its file: links lead to one hal_library. A name stays with what it was first
/// loaded from, also when its link is changed. What fails to load is tried again when it is next asked for.
/// Thread: any-thread.
class hal_library_cache {
 public:
  /// The one that the agent and describe_plugin() share; others are for tests. A plug-in has its static variables once a process, so
  /// its channels and its turn must be counted in one place.
  static std::shared_ptr<hal_library_cache> of_process();

  /// Errors: those of describe_plugin(); an earlier load that has not returned is waited for.
  [[nodiscard]] result<std::shared_ptr<hal_library>> load(const std::string& path,
                                                          duration limit = std::chrono::seconds(5));
  /// What has been loaded already under this name; null: nothing, or it is not known yet. Does not wait for a plug-in.
  std::shared_ptr<hal_library> loaded(const std::string& path);

 private:
  struct loading;
  result<std::shared_ptr<loading>> find(const std::string& path);

  std::mutex m_mutex;
  std::map<std::string, std::shared_ptr<loading>> m_entries;  // by file, and by names loaded; guarded by m_mutex
};

}  // namespace campush
