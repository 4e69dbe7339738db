#pragma once

#include <string>
#include <string_view>

#include "codec/module_entry.h"

namespace campush {

/// Leads FFmpeg's log, of which a process has one, to the program's: errors as warnings, at most one a second with the number of
/// those left out, the rest as debug lines. Called once.
void lead_libav_log_to(const codec_host& host);

/// While it lives, what FFmpeg says on this thread goes nowhere: an encoder is tried that may not be there.
class quiet_libav {
 public:
  quiet_libav() noexcept;
  ~quiet_libav();
  quiet_libav(const quiet_libav&) = delete;
  quiet_libav& operator=(const quiet_libav&) = delete;
};

/// io_failed: "context: Invalid argument (what FFmpeg said last on this thread)".
[[nodiscard]] error libav_error(int code, std::string_view context);
/// Before a call whose failure libav_error() is to explain.
void forget_libav_words() noexcept;
/// To the program's log, module device.
void log_of_encoders(log_level level, const std::string& text) noexcept;

}  // namespace campush
