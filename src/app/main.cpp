#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "app/cli.h"
#include "app/commands/commands.h"

namespace {

/// A standard stream that the caller closed would become the first socket we open, and log lines would be written into it.
void fill_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) == -1 && ::open("/dev/null", O_RDWR) < 0) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  fill_standard_streams();
  // What gets here is the system saying no before there was anything to run: no descriptors, threads or memory.
  try {
    return campush::run_cli(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "campush: %s\n", problem.what());
    return campush::exit_failed;
  }
}
