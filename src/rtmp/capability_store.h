#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "rtmp/protocol/server_capabilities.h"
#include "util/result.h"

namespace campush {

class stream_url;

/// Under which name a server is remembered: "scheme://host:port/app", without query, user and key.
std::string server_key(const stream_url& url);

/// What servers explicitly answered, remembered across restarts: scheme, host, port and app → capabilities.
/// Shape: at most max_entries, the oldest goes; an entry expires after `lifetime` of wall time (an entry from the future counts as
///   expired). A server with a longer name than max_name_bytes is not written to the file, which so takes all others. The same
///   answer again within a day changes nothing, so that reconnecting does not wear out the flash.
///   The file is small JSON, written to a temporary file, fsync, rename, fsync of the folder. It holds no stream key, no query, no
///   user. A file that is damaged, too big or of another version is ignored with one warning and replaced at the next save;
///   of one with damaged entries the others are taken.
/// Errors: save(), load(): the system's (not_found: there is no file yet); never fatal.
/// Thread: any-thread (a mutex; nothing of it on the frame path). `on_change` runs on the caller's thread, outside the mutex.
class capability_store {
 public:
  static constexpr size_t max_entries = 256;
  static constexpr size_t max_name_bytes = 256;
  static constexpr std::chrono::hours lifetime{7 * 24};
  static constexpr std::chrono::hours renewed_after{24};
  static constexpr size_t max_file_bytes = 256 * 1024;
  using wall_time = std::chrono::system_clock::time_point;

  explicit capability_store(std::function<void()> on_change = nullptr) : m_on_change(std::move(on_change)) {}

  std::optional<server_capabilities> find(const std::string& server, wall_time now) const;
  void remember(const std::string& server, const server_capabilities& answer, wall_time now);
  void forget(const std::string& server);
  size_t size() const;

  [[nodiscard]] result<void> load(const std::string& path);
  [[nodiscard]] result<void> save(const std::string& path) const;

 private:
  struct entry {
    server_capabilities answer;
    wall_time learned_at;
  };
  void drop_oldest();
  void tell_changed() const;

  const std::function<void()> m_on_change;
  mutable std::mutex m_mutex;
  std::map<std::string, entry> m_entries;  ///< guarded by m_mutex
};

}  // namespace campush
