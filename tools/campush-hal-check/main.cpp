#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "hal_check_cli.h"

namespace {

constexpr int all_passed = 0, some_failed = 1, wrong_usage = 2;

}  // namespace

int main(int argc, char** argv) {
  campush::hal_check_options options;
  bool is_audio = false;
  CLI::App app;
  campush::define_hal_check_cli(app, options, is_audio);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? all_passed : wrong_usage;
  }
  if (is_audio) options.kind = campush::track_kind::audio;
  int outcome = all_passed;
  {
    campush::hal_check check(options);
    const campush::check_table& table = check.run();
    fmt::print("{} {} {}\n\n{}", options.path, is_audio ? "audio" : "video", options.channel, table.text());
    outcome = table.has_failures() ? some_failed : all_passed;
  }
  std::fflush(stdout);
  // A call that never came back must not run on in a plug-in whose objects are being destroyed.
  std::_Exit(outcome);
}
