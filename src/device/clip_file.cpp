#include "device/clip_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace campush {

result<void> clip_file::open(const std::string& path) {
  close();
  m_path = path;
  // Without O_NONBLOCK the open of a FIFO waits for its writer.
  m_descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (m_descriptor < 0) return tl::unexpected<error>(error_from_errno(errno, path));
  auto loaded = check_and_load();
  if (!loaded) close();
  return loaded;
}

result<void> clip_file::check_and_load() {
  struct stat facts {};
  if (::fstat(m_descriptor, &facts) != 0) return tl::unexpected<error>(error_from_errno(errno, m_path));
  if (!S_ISREG(facts.st_mode)) return fail(error_code::invalid_argument, m_path + ": not a regular file");
  if (facts.st_size == 0) return fail(error_code::truncated, m_path + ": the file is empty");
  m_size = static_cast<uint64_t>(facts.st_size);
  if (m_size > max_bytes) return fail(error_code::too_big, m_path + ": the file is larger than 2 GiB");
  if (m_size > m_in_memory_bytes) return {};

  m_bytes.resize(static_cast<size_t>(m_size));
  const auto count = read_at(0, m_bytes.data(), m_bytes.size());
  if (!count) return tl::unexpected<error>(count.error());
  if (*count < m_bytes.size())
    return fail(error_code::truncated, m_path + ": the file became shorter while it was read");
  m_is_in_memory = true;
  ::close(m_descriptor);
  m_descriptor = -1;
  return {};
}

void clip_file::close() noexcept {
  if (m_descriptor >= 0) ::close(m_descriptor);
  m_descriptor = -1;
  m_size = 0;
  m_is_in_memory = false;
  std::vector<uint8_t>().swap(m_bytes);
}

result<byte_view> clip_file::read(uint64_t offset, size_t count) {
  if (offset > m_size || count > m_size - offset) {
    return fail(error_code::truncated, m_path + ": read past the end");
  }
  if (m_is_in_memory) return byte_view(m_bytes).subview(static_cast<size_t>(offset), count);
  if (m_bytes.size() < count) m_bytes.resize(count);
  const auto got = read_at(offset, m_bytes.data(), count);
  if (!got) return tl::unexpected<error>(got.error());
  if (*got < count) return fail(error_code::truncated, m_path + ": the file has become shorter");
  return byte_view(m_bytes.data(), count);
}

result<size_t> clip_file::read_at(uint64_t offset, uint8_t* into, size_t count) {
  size_t done = 0;
  while (done < count) {
    const ssize_t got = ::pread(m_descriptor, into + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::unexpected<error>(error_from_errno(errno, m_path));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace campush
