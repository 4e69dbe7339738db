#pragma once

#include <string>

namespace campush {

/// What `campush --version` prints: the version, what this build has and lacks, and the libraries with their versions. Those that are loaded
/// while the program runs, or found at once, are the ones of this machine; headers and what is loaded later are those of the build.
/// Thread: any-thread.
std::string version_report();

}  // namespace campush
