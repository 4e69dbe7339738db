#include "util/log_file_sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace campush {

log_file_sink::log_file_sink(std::string path, uint64_t max_bytes, uint32_t max_files)
    : m_path(std::move(path)), m_max_bytes(max_bytes), m_max_files(max_files) {}

log_file_sink::~log_file_sink() {
  if (m_fd >= 0) ::close(m_fd);
}

result<std::shared_ptr<log_file_sink>> log_file_sink::open(const std::string& path, uint64_t max_bytes,
                                                           uint32_t max_files) {
  std::shared_ptr<log_file_sink> sink(new log_file_sink(path, max_bytes, max_files));
  if (const int failure = sink->reopen(); failure != 0) {
    return tl::unexpected<error>(error_from_errno(failure, "log file " + path));
  }
  return sink;
}

int log_file_sink::reopen() noexcept {
  // O_NONBLOCK: a FIFO without a reader is refused, and one that is full loses lines instead of blocking the program.
  m_fd = ::open(m_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
  if (m_fd < 0) return errno;
  struct stat about {};
  if (::fstat(m_fd, &about) != 0) about = {};
  m_is_regular = S_ISREG(about.st_mode);
  m_size = m_is_regular ? static_cast<uint64_t>(about.st_size) : 0;
  return 0;
}

void log_file_sink::rotate() noexcept {
  ::close(m_fd);
  m_fd = -1;
  const auto name_of = [this](uint32_t index) { return index == 0 ? m_path : m_path + "." + std::to_string(index); };
  for (uint32_t i = m_max_files - 1; i > 0; --i) std::rename(name_of(i - 1).c_str(), name_of(i).c_str());
  // Also the way out when a rename failed: the file must not grow beyond its bound.
  if (::truncate(m_path.c_str(), 0) != 0 && errno != ENOENT) ::unlink(m_path.c_str());
  reopen();
}

void log_file_sink::sink_it_(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  formatter_->format(message, line);
  if (m_fd >= 0 && m_is_regular && m_size > 0 && m_size + line.size() > m_max_bytes) rotate();
  if (m_fd < 0 && reopen() != 0) throw spdlog::spdlog_ex("log file " + m_path, errno);
  const ssize_t written = ::write(m_fd, line.data(), line.size());
  if (written > 0) m_size += static_cast<uint64_t>(written);
  if (written != static_cast<ssize_t>(line.size())) {
    throw spdlog::spdlog_ex("log file " + m_path, written < 0 ? errno : ENOSPC);
  }
}

}  // namespace campush
