#pragma once

#include <string>

#include "config/system_config.h"
#include "util/result.h"

namespace campush {

/// Reads, checks and fills in a whole system_config.json.
/// Shape: relative paths in it, {file:PATH} of templates too, are relative to the folder of the file.
/// Errors: not_found, permission_denied, io_failed (the file); too_big, malformed (not plain JSON within limits); invalid_argument
///   (everything else). The message is one line, mostly "FILE:LINE:COL: /pointer: what was found, what is allowed", and the first
///   mistake only; it holds no secret. A file that is not there behind {file:PATH} is an error too. What is valid and not in this
///   build is no error: see system_config::warnings.
/// Thread: any-thread; reads files.
[[nodiscard]] result<system_config> load_system_config(const std::string& path);

/// The same from memory; `name` stands for the file in messages.
[[nodiscard]] result<system_config> load_system_config_text(std::string text, const std::string& base_dir,
                                                            const std::string& name);

}  // namespace campush
