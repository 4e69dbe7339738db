#include "app/cli.h"

int main(int argc, char** argv) {
  return campush::run_cli(argc, argv);
}
