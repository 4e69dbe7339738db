#include "codec/libav_log.h"

#include <array>
#include <atomic>
#include <cstdarg>
#include <cstring>

#include "codec/libav_handles.h"

namespace campush {

namespace {

constexpr size_t longest_line = 200;
constexpr int64_t us_between_lines = 1'000'000;

codec_host the_host;
std::atomic<int64_t> next_line_us{0};
std::atomic<uint32_t> lines_left_out{0};
thread_local int quiet_depth = 0;
thread_local std::array<char, longest_line> last_words{};
thread_local int print_prefix = 1;

void write_error(const char* text) noexcept {
  const int64_t now = the_host.time->now().time_since_epoch().count();
  int64_t due = next_line_us.load(std::memory_order_relaxed);
  if (now < due || !next_line_us.compare_exchange_strong(due, now + us_between_lines, std::memory_order_relaxed)) {
    lines_left_out.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const uint32_t left_out = lines_left_out.exchange(0, std::memory_order_relaxed);
  if (left_out == 0) return log_of_encoders(log_level::warn, text);
  log_of_encoders(log_level::warn, std::string(text) + " (and " + std::to_string(left_out) + " lines before)");
}

/// Called on whatever thread an encoder works; nothing may be thrown through FFmpeg.
void take_line(void* context, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_WARNING || the_host.time == nullptr) return;
  std::array<char, longest_line> line{};
  av_log_format_line(context, level, format, arguments, line.data(), static_cast<int>(line.size()), &print_prefix);
  size_t length = std::strlen(line.data());
  while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) line[--length] = 0;
  if (length == 0) return;
  if (level <= AV_LOG_ERROR) last_words = line;
  if (quiet_depth > 0) return;
  try {
    if (level <= AV_LOG_ERROR) {
      write_error(line.data());
    } else {
      log_of_encoders(log_level::debug, line.data());
    }
  } catch (...) {
    // A line of a log is not worth more than this.
  }
}

}  // namespace

void lead_libav_log_to(const codec_host& host) {
  the_host = host;
  av_log_set_callback(take_line);
}

quiet_libav::quiet_libav() noexcept {
  ++quiet_depth;
}
quiet_libav::~quiet_libav() {
  --quiet_depth;
}

error libav_error(int code, std::string_view context) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(code, text.data(), text.size());
  std::string message = std::string(context) + ": " + text.data();
  if (last_words[0] != 0) message += std::string(" (") + last_words.data() + ")";
  return error{error_code::io_failed, std::move(message)};
}

void forget_libav_words() noexcept {
  last_words[0] = 0;
}

void log_of_encoders(log_level level, const std::string& text) noexcept {
  if (the_host.is_logged(log_module::device, level)) the_host.write_log(log_module::device, level, text);
}

}  // namespace campush
