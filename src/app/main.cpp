#include <cstdio>
#include <exception>

#include "app/cli.h"
#include "app/commands/commands.h"

int main(int argc, char** argv) {
  // What gets here is the system saying no before there was anything to run: no descriptors, threads or memory.
  try {
    return campush::run_cli(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "campush: %s\n", problem.what());
    return campush::exit_failed;
  }
}
