#pragma once

namespace campush {

/// Parses the command line and runs the command it names. Returns the exit code of the process.
int run_cli(int argc, char** argv);

}  // namespace campush
