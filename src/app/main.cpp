#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>

#include "app/cli.h"
#include "app/commands/commands.h"

namespace {

/// A standard stream that the caller closed would become the first socket we open, and log lines would be written into it.
void fill_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) == -1 && ::open("/dev/null", O_RDWR) < 0) return;
  }
}

/// A callback that ends half-way for want of memory could leave a session waiting for ever. A process that ends is started again, whole, by
/// whoever watches over it; what it keeps on disk is replaced by renaming, so nothing is half written.
void end_without_memory() {
  constexpr char line[] = "campush: out of memory, the process ends\n";
  const ssize_t written = ::write(STDERR_FILENO, line, sizeof line - 1);
  static_cast<void>(written);  // nobody is left to be told
  ::_exit(campush::exit_failed);
}

}  // namespace

int main(int argc, char** argv) {
  fill_standard_streams();
  std::set_new_handler(end_without_memory);
  // What gets here is the system saying no before there was anything to run: no descriptors, threads or memory.
  try {
    return campush::run_cli(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "campush: %s\n", problem.what());
    return campush::exit_failed;
  }
}
