#pragma once

#include <spdlog/sinks/base_sink.h>

#include <mutex>
#include <string_view>

namespace campush {

/// Writes all of `text`, or nothing more as soon as the descriptor would make the caller wait. False if something is missing.
/// Thread: any-thread.
bool write_without_waiting(int descriptor, std::string_view text) noexcept;

/// A descriptor as log target, stderr as a rule, with colours where it is a terminal.
/// Shape: does not own the descriptor. A reader that does not read (a stopped terminal, a log driver that hangs) loses lines instead of
///   stopping whoever logs; they come back when it reads again.
/// Errors: log() throws spdlog_ex and loses the line when there is no room or no descriptor.
/// Thread: any-thread (base_sink's mutex).
class log_console_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit log_console_sink(int descriptor);

 private:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

  const int m_descriptor;
  const bool m_is_coloured;
};

}  // namespace campush
