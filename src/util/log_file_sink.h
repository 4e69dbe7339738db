#pragma once

#include <spdlog/sinks/base_sink.h>

#include <memory>
#include <mutex>
#include <string>

#include "util/result.h"

namespace campush {

/// A log file that is rotated by size: path, path.1, path.2 …, at most `max_files` in all, each about `max_bytes`.
/// It replaces spdlog's rotating sink, which sleeps while it renames and writes through a null FILE after a rotation
/// that could not reopen the file (read in spdlog 1.9 and 1.10).
/// Errors: open: io_failed, permission_denied, not_found. A write that fails (disk full, file system gone) throws
///   spdlog_ex to the caller and loses the line; every later line tries again, so that logging comes back by itself.
/// Thread: any-thread (base_sink's mutex).
class log_file_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  [[nodiscard]] static result<std::shared_ptr<log_file_sink>> open(const std::string& path, uint64_t max_bytes,
                                                                   uint32_t max_files);
  ~log_file_sink() override;

 private:
  log_file_sink(std::string path, uint64_t max_bytes, uint32_t max_files);
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}
  int reopen() noexcept;
  void rotate() noexcept;

  const std::string m_path;
  const uint64_t m_max_bytes;
  const uint32_t m_max_files;
  int m_fd = -1;
  bool m_is_regular = false;
  uint64_t m_size = 0;
};

}  // namespace campush
