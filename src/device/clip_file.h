#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "util/byte_view.h"
#include "util/result.h"

namespace campush {

/// A clip's bytes, read-only. Files up to 64 MiB are read into memory by open(); of larger ones each read() fetches a part.
/// They are never mapped: a mapped file that another program cuts short kills the process with SIGBUS.
/// Errors: open(): not_found, permission_denied, io_failed, invalid_argument (not a regular file), truncated (empty),
///   too_big (over 2 GiB); read(): truncated when the file has become shorter than it was, io_failed. Texts name the path.
/// Thread: capture-thread.
class clip_file {
 public:
  static constexpr uint64_t max_bytes = uint64_t{2} << 30;
  static constexpr uint64_t max_in_memory_bytes = uint64_t{64} << 20;

  /// Tests lower `in_memory_bytes` to see small files treated as large ones.
  explicit clip_file(uint64_t in_memory_bytes = max_in_memory_bytes) : m_in_memory_bytes(in_memory_bytes) {}
  ~clip_file() { close(); }
  clip_file(const clip_file&) = delete;
  clip_file& operator=(const clip_file&) = delete;

  [[nodiscard]] result<void> open(const std::string& path);
  void close() noexcept;
  /// Borrowed until the next read() or close(). Allocates only when `count` exceeds every earlier one.
  [[nodiscard]] result<byte_view> read(uint64_t offset, size_t count);
  uint64_t size() const noexcept { return m_size; }
  const std::string& path() const noexcept { return m_path; }

 private:
  result<void> check_and_load();
  result<size_t> read_at(uint64_t offset, uint8_t* into, size_t count);

  const uint64_t m_in_memory_bytes;
  std::string m_path;
  int m_descriptor = -1;
  uint64_t m_size = 0;
  bool m_is_in_memory = false;
  std::vector<uint8_t> m_bytes;  // the whole file, or the part read last
};

}  // namespace campush
