#include "hal_check_cli.h"

#include <CLI/CLI.hpp>

#include "cli/help_format.h"

namespace campush {

namespace {

constexpr const char* footer = R"(Loads the plug-in as the agent does, opens a channel, looks at what it gives, and
stops and closes it. Each check is one line: passed, failed with what was seen,
or not tried with why. docs/vendor_plugin.md explains the interface.

Examples:
  campush-hal-check ./my_camera.so
  campush-hal-check ./my_camera.so --channel 1 --seconds 60
  campush-hal-check ./my_camera.so --audio --device hw:0
  campush-hal-check ./file_hal.so --options '{"video": "clip.h264"}'

Exit status:
  0  every check passed
  1  at least one failed
  2  wrong usage
)";

}  // namespace

void define_hal_check_cli(CLI::App& app, hal_check_options& options, bool& is_audio) {
  use_plain_help(app);
  app.name("campush-hal-check");
  app.description("Checks whether a camera plug-in keeps to campush's camera_hal.h.");
  app.footer(footer);
  app.add_option("path", options.path, "The plug-in, a shared object")
      ->required()
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  app.add_option("--channel", options.channel, "Which of its channels")
      ->type_name("NUMBER")
      ->check(CLI::Range(0, 63))
      ->capture_default_str();
  app.add_flag("--audio", is_audio, "A channel of sound instead of video");
  app.add_option("--options", options.options, "source.options: the JSON text that open gets")->type_name("JSON");
  app.add_option("--device", options.device, "source.device")->type_name("NAME");
  app.add_option("--seconds", options.seconds, "How long units are looked at")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.5, 86400.0))
      ->capture_default_str();
}

}  // namespace campush
