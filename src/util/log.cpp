#include "util/log.h"

#include <spdlog/details/log_msg.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/syslog_sink.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>

#include "util/log_console_sink.h"
#include "util/log_file_sink.h"

namespace campush {

namespace {

using sink_ptr = std::shared_ptr<spdlog::sinks::sink>;

constexpr std::array<const char*, log_module_count> module_names{"app", "config", "device",  "media",
                                                                 "net", "rtmp",   "session", "server"};
static_assert(static_cast<size_t>(log_module::server) + 1 == log_module_count);

struct level_name {
  std::string_view name;
  log_level level;
};
constexpr std::array<level_name, 7> level_names{{{"trace", log_level::trace},
                                                 {"debug", log_level::debug},
                                                 {"info", log_level::info},
                                                 {"warn", log_level::warn},
                                                 {"warning", log_level::warn},
                                                 {"error", log_level::error},
                                                 {"off", log_level::off}}};

constexpr std::array<spdlog::level::level_enum, 6> spdlog_levels{spdlog::level::trace, spdlog::level::debug,
                                                                 spdlog::level::info,  spdlog::level::warn,
                                                                 spdlog::level::err,   spdlog::level::off};

constexpr size_t max_line_bytes = 4096;
constexpr const char* dated_pattern = "%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v";

sink_ptr make_console_sink() {
  auto sink = std::make_shared<log_console_sink>(STDERR_FILENO);
  sink->set_pattern(dated_pattern);
  return sink;
}

/// Never destroyed: a detached worker may log while the process exits.
struct log_state {
  std::array<std::atomic<uint8_t>, log_module_count> levels;
  sink_ptr sink = make_console_sink();  ///< only through std::atomic_load and std::atomic_store
  std::atomic<bool> has_complained{false};
  std::atomic<uint64_t> lost_lines{0};

  log_state() {
    for (auto& level : levels) level = static_cast<uint8_t>(log_level::info);
  }
};

log_state& state() {
  static log_state* const instance = new log_state;
  return *instance;
}

void append_escaped_byte(fmt::memory_buffer& out, uint8_t byte) {
  switch (byte) {
    case '\n': return out.append(std::string_view("\\n"));
    case '\r': return out.append(std::string_view("\\r"));
    case '\t': return out.append(std::string_view("\\t"));
    default: fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
  }
}

/// Length of the UTF-8 sequence at the start of `text`; 0 if it is none, or one of a control character (C1).
size_t printable_sequence(std::string_view text) noexcept {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  const size_t length = lead >= 0xf5 ? 0 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return lead == 0xc2 && byte(1) < 0xa0 ? 0 : length;
}

void append_printable(fmt::memory_buffer& out, std::string_view text) {
  while (!text.empty()) {
    if (out.size() > max_line_bytes) return out.append(std::string_view("…"));
    const size_t length = printable_sequence(text);
    if (length == 0) {
      append_escaped_byte(out, static_cast<uint8_t>(text[0]));
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

void emit(spdlog::sinks::sink& sink, log_level level, std::string_view line) {
  const spdlog::string_view_t text(line.data(), line.size());
  sink.log(spdlog::details::log_msg("campush", spdlog_levels[static_cast<size_t>(level)], text));
}

void on_lost_line(log_state& log, const char* why) noexcept {
  ++log.lost_lines;
  if (!log.has_complained.exchange(true)) {
    try {
      write_without_waiting(STDERR_FILENO, fmt::format("campush: log lines are being lost: {}\n", why));
    } catch (...) {
      log.has_complained = false;
    }
  }
}

void write_line(log_state& log, spdlog::sinks::sink& sink, log_level level, std::string_view line) noexcept {
  try {
    emit(sink, level, line);
    if (log.lost_lines.load(std::memory_order_relaxed) == 0) return;
    const uint64_t lost = log.lost_lines.exchange(0);
    if (lost > 0) emit(sink, log_level::warn, fmt::format("[app] {} log lines were lost before this", lost));
  } catch (const std::exception& failure) {
    on_lost_line(log, failure.what());
  } catch (...) {
    on_lost_line(log, "unknown reason");
  }
}

result<sink_ptr> make_sink(const log_options& options) {
  switch (options.target) {
    case log_target::console: return make_console_sink();
    case log_target::syslog: {
      auto sink = std::make_shared<spdlog::sinks::syslog_sink_mt>("campush", LOG_PID, LOG_DAEMON, false);
      return sink;
    }
    case log_target::file: break;
  }
  if (options.path.empty()) return fail(error_code::invalid_argument, "log target file needs a path");
  if (options.max_bytes == 0 || options.max_files == 0) {
    return fail(error_code::invalid_argument, "log file needs max_bytes and max_files above 0");
  }
  auto sink = log_file_sink::open(options.path, options.max_bytes, options.max_files);
  if (!sink) return tl::unexpected<error>(sink.error());
  (*sink)->set_pattern(dated_pattern);
  return *sink;
}

}  // namespace

const char* log_module_name(log_module module) noexcept {
  return module_names[static_cast<size_t>(module)];
}

result<log_level> parse_log_level(std::string_view text) {
  const auto is_same = [text](std::string_view name) {
    if (name.size() != text.size()) return false;
    for (size_t i = 0; i < name.size(); ++i) {
      const char letter = text[i];
      if ((letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter) != name[i]) return false;
    }
    return true;
  };
  for (const auto& entry : level_names) {
    if (is_same(entry.name)) return entry.level;
  }
  return fail(error_code::invalid_argument,
              fmt::format("unknown log level \"{}\" (allowed: trace, debug, info, warn, error, off)", text));
}

result<void> configure_logging(const log_options& options) {
  try {
    auto sink = make_sink(options);
    if (!sink) return tl::unexpected<error>(sink.error());
    std::atomic_store(&state().sink, std::move(*sink));
  } catch (const std::exception& failure) {
    return fail(error_code::io_failed, failure.what());
  }
  state().has_complained = false;
  state().lost_lines = 0;
  set_log_level(options.level);
  for (size_t module = 0; module < log_module_count; ++module) {
    if (options.module_levels[module]) set_log_level(static_cast<log_module>(module), *options.module_levels[module]);
  }
  return {};
}

void set_log_level(log_level level) noexcept {
  for (auto& entry : state().levels) entry.store(static_cast<uint8_t>(level), std::memory_order_relaxed);
}

void set_log_level(log_module module, log_level level) noexcept {
  state().levels[static_cast<size_t>(module)].store(static_cast<uint8_t>(level), std::memory_order_relaxed);
}

bool is_logged(log_module module, log_level level) noexcept {
  return static_cast<uint8_t>(level) >= state().levels[static_cast<size_t>(module)].load(std::memory_order_relaxed) &&
         level != log_level::off;
}

void write_log(log_module module, log_level level, std::string_view text) noexcept {
  if (level == log_level::off) return;
  auto& log = state();
  try {
    fmt::memory_buffer line;
    fmt::format_to(std::back_inserter(line), "[{}] ", log_module_name(module));
    append_printable(line, text);
    write_line(log, *std::atomic_load(&log.sink), level, {line.data(), line.size()});
  } catch (...) {
    on_lost_line(log, "out of memory");
  }
}

}  // namespace campush
