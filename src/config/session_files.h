#pragma once

#include <vector>

#include "rtmp/session_config.h"

namespace campush {

/// A file that a session needs and cannot use now.
struct file_problem {
  const char* key;  ///< of the session's section: "tls/ca_file"
  error cause;      ///< names the file; holds nothing of it
};

/// Looks at the files of `tls` and `sign`: that they can be read, hold certificates and keys, and that a key belongs to its certificate.
/// Thread: any-thread; reads files.
std::vector<file_problem> find_file_problems(const session_config& config);

}  // namespace campush
