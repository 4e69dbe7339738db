#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "util/clock.h"
#include "util/result.h"

namespace campush {

enum class log_level : uint8_t { trace, debug, info, warn, error, off };
enum class log_module : uint8_t { app, config, device, media, net, rtmp, session, server };

inline constexpr size_t log_module_count = 8;

const char* log_module_name(log_module module) noexcept;
/// Accepts the names in any case, and "warning" for warn. Errors: invalid_argument naming what is allowed.
[[nodiscard]] result<log_level> parse_log_level(std::string_view text);

enum class log_target : uint8_t { console, file, syslog };

/// Where log lines go. `path`, `max_bytes` and `max_files` concern target file (rotated by size); `module_levels`, by log_module,
/// stand above `level`.
struct log_options {
  log_level level = log_level::info;
  log_target target = log_target::console;
  std::string path;
  uint64_t max_bytes = 1 << 20;
  uint32_t max_files = 3;
  std::array<std::optional<log_level>, log_module_count> module_levels{};
};

/// Sets target and level of the process. Before the first call lines go to the console at info.
/// Errors: io_failed or permission_denied when the file cannot be opened (console stays in use). A disk that fills
/// up later loses lines and says so once on stderr; it never throws and never stops the program.
/// Thread: control-thread.
[[nodiscard]] result<void> configure_logging(const log_options& options);

/// Any-thread. Changes take effect at once.
void set_log_level(log_level level) noexcept;
void set_log_level(log_module module, log_level level) noexcept;

/// One relaxed load: cheap enough for the frame path.
bool is_logged(log_module module, log_level level) noexcept;
/// Writes one line "[module] text" without checking the level. Newlines and control bytes are escaped: text that
/// came from a server cannot forge a line.
void write_log(log_module module, log_level level, std::string_view text) noexcept;

template <class... Args>
void log(log_module module, log_level level, fmt::format_string<Args...> format, Args&&... args) noexcept {
  if (!is_logged(module, level)) return;
  try {
    write_log(module, level, fmt::format(format, std::forward<Args>(args)...));
  } catch (...) {
    write_log(module, log_level::error, "a log line could not be formatted");
  }
}
template <class... Args>
void log_debug(log_module module, fmt::format_string<Args...> format, Args&&... args) noexcept {
  log(module, log_level::debug, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_info(log_module module, fmt::format_string<Args...> format, Args&&... args) noexcept {
  log(module, log_level::info, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_warn(log_module module, fmt::format_string<Args...> format, Args&&... args) noexcept {
  log(module, log_level::warn, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_error(log_module module, fmt::format_string<Args...> format, Args&&... args) noexcept {
  log(module, log_level::error, format, std::forward<Args>(args)...);
}

/// Counts what repeats per frame so that one line a second can report it.
/// Shape: `if (auto n = dropped.add(now)) log_warn(…, n)`; add() returns how many came since the last line when a
/// line is due, else 0. The first event is due at once. Thread: one thread.
class rate_counter {
 public:
  uint64_t add(time_point now, uint64_t count = 1) noexcept {
    m_pending += count;
    if (m_has_reported && now - m_last_report < std::chrono::seconds(1)) return 0;
    m_has_reported = true;
    m_last_report = now;
    const uint64_t due = m_pending;
    m_pending = 0;
    return due;
  }

 private:
  time_point m_last_report{};
  uint64_t m_pending = 0;
  bool m_has_reported = false;
};

}  // namespace campush
