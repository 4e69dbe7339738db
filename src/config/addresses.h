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

/// The name of this machine, as {hostname} has it.
std::string host_name();

/// One address of a session with its variables filled in now; its key is marked secret when a file or environment variable took part.
/// Errors: those of url_template and stream_url; nothing secret in the text.
/// Thread: any-thread; reads files.
[[nodiscard]] result<stream_url> expand_address(const url_entry& address, const session_config& session);

/// All of them in the order in which they are tried: the table of `campush urls`.
[[nodiscard]] result<std::vector<stream_url>> expand_addresses(const session_config& session);

/// What makes two addresses the same destination: scheme, host in lower case, port, app and key; credentials do not count.
secret_text destination_of(const stream_url& url);

}  // namespace campush
