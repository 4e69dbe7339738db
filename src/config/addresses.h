#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rtmp/session_config.h"
#include "rtmp/stream_url.h"
#include "util/result.h"

namespace campush {

/// Makes relative paths of {file:PATH} in a template relative to `base_dir` instead of the working directory. The rest stays byte for
/// byte. Thread: any-thread.
std::string anchor_secret_files(std::string_view text, const std::string& base_dir);

/// base_dir/path, or `path` itself when it is absolute, empty, or base_dir is empty.
std::string anchor_path(std::string_view path, const std::string& base_dir);

/// The name of this machine, never empty.
std::string host_name();

/// The addresses of a session with their variables filled in now, in the order in which they are tried: the table of `campush urls`.
/// Errors: those of expand_url(). Thread: any-thread; reads files.
[[nodiscard]] result<std::vector<stream_url>> expand_addresses(const session_config& session);

/// What makes two addresses the same destination: scheme, host in lower case, port, app and key; credentials do not count.
secret_text destination_of(const stream_url& url);

}  // namespace campush
