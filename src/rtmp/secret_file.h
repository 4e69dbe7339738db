#pragma once

#include <string>

#include "util/result.h"

namespace campush {

/// The first line of a file that holds a secret, without line end.
/// Shape: 1 to 4096 bytes.
/// Errors: not_found, permission_denied, io_failed; too_big; invalid_argument for an empty line or what is no regular file. The text
///   holds nothing of the file.
/// Thread: any-thread; reads a file and waits for no FIFO.
[[nodiscard]] result<std::string> first_line_of_secret_file(const std::string& path);

}  // namespace campush
