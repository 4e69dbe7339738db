#include "rtmp/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace campush {

namespace {

constexpr size_t longest_file_line = 4096;

struct descriptor {
  int number;
  ~descriptor() {
    if (number >= 0) ::close(number);
  }
};

}  // namespace

result<std::string> first_line_of_secret_file(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (file.number < 0) return tl::unexpected(error_from_errno(errno, path));
  struct stat facts {};
  if (::fstat(file.number, &facts) != 0) return tl::unexpected(error_from_errno(errno, path));
  if (!S_ISREG(facts.st_mode)) return fail(error_code::invalid_argument, path + ": not a regular file");

  std::array<char, longest_file_line + 2> bytes;
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t count = ::read(file.number, bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected(error_from_errno(errno, path));
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  std::string_view line(bytes.data(), size);
  line = line.substr(0, line.find('\n'));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  std::string text(line);
  std::fill(bytes.begin(), bytes.end(), '\0');
  if (text.size() > longest_file_line) {
    return fail(error_code::too_big, path + ": first line over " + std::to_string(longest_file_line) + " bytes");
  }
  if (text.empty()) return fail(error_code::invalid_argument, path + ": first line is empty");
  return text;
}

}  // namespace campush
