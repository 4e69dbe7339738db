#pragma once

#include <string>
#include <vector>

#include "codec/codec_library.h"

namespace campush {

/// Loads the module of encoders when it is first asked for; it is never unloaded, and a failure is remembered. It is looked for in
/// CAMPUSH_MODULE_DIR (if set, there alone), in lib/campush beside the program's bin, and where it is installed.
/// Errors: unsupported where this build has no module, or it cannot be found or loaded, with the loader's own words and the package that
///   is missing; or where it is of another build.
/// Thread: any-thread. The first call reads files (some 50 ms for FFmpeg's libraries).
[[nodiscard]] result<codec_library*> load_codec_module();

/// The files that are tried, in this order. `directory`: CAMPUSH_MODULE_DIR; `program`: the path of the running program.
std::vector<std::string> codec_module_places(const std::string& directory, const std::string& program);
/// One attempt, without memory of others.
[[nodiscard]] result<codec_library*> load_codec_module_from(const std::vector<std::string>& places);

}  // namespace campush
