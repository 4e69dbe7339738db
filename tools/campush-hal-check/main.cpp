#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "hal_check.h"

namespace {

constexpr int all_passed = 0, some_failed = 1, wrong_usage = 2;

}  // namespace

int main(int argc, char** argv) {
  campush::hal_check_options options;
  bool is_audio = false;
  CLI::App app("Checks whether a camera plug-in keeps to campush's camera_hal.h.");
  app.add_option("path", options.path, "the plug-in, a shared object")->required()->check(CLI::ExistingFile);
  app.add_option("--channel", options.channel, "which of its channels")->check(CLI::Range(0, 63));
  app.add_flag("--audio", is_audio, "a channel of sound instead of video");
  app.add_option("--options", options.options, "source.options: the JSON text that open gets");
  app.add_option("--device", options.device, "source.device");
  app.add_option("--seconds", options.seconds, "how long units are looked at")->check(CLI::Range(0.5, 86400.0));
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
