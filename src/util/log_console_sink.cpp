#include "util/log_console_sink.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace campush {

namespace {

/// What a pipe that polls as writable takes at once (POSIX: PIPE_BUF; Linux: a page).
constexpr size_t certain_bytes = 4096;

constexpr std::array<std::string_view, 7> colours{"\x1b[37m",        "\x1b[36m",        "\x1b[32m", "\x1b[33m\x1b[1m",
                                                  "\x1b[31m\x1b[1m", "\x1b[1m\x1b[41m", ""};
constexpr std::string_view no_colour = "\x1b[m";

bool takes_bytes(int descriptor) noexcept {
  pollfd writer{descriptor, POLLOUT, 0};
  return ::poll(&writer, 1, 0) == 1 && (writer.revents & (POLLOUT | POLLERR | POLLNVAL)) == POLLOUT;
}

}  // namespace

bool write_without_waiting(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    if (!takes_bytes(descriptor)) return false;
    const ssize_t written = ::write(descriptor, text.data(), std::min(text.size(), certain_bytes));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

log_console_sink::log_console_sink(int descriptor)
    : m_descriptor(descriptor), m_is_coloured(::isatty(descriptor) == 1) {}

void log_console_sink::sink_it_(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  formatter_->format(message, line);
  std::string text(line.data(), line.size());
  if (m_is_coloured && message.color_range_end > message.color_range_start) {
    text.insert(message.color_range_end, no_colour);
    text.insert(message.color_range_start, colours[static_cast<size_t>(message.level)]);
  }
  if (!write_without_waiting(m_descriptor, text)) throw spdlog::spdlog_ex("nobody reads the console");
}

}  // namespace campush
