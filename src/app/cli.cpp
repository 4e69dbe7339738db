#include "app/cli.h"

#include <CLI/CLI.hpp>

#include "app/cli_definition.h"

namespace campush {

namespace {

int dispatch(CLI::App& app, const all_options& options) {
  if (app.got_subcommand("run")) return run_command(options.run);
  if (app.got_subcommand("check")) return check_command(options.check);
  if (app.got_subcommand("urls")) return urls_command(options.urls);
  if (app.got_subcommand("status")) return status_command(options.status);
  if (app.got_subcommand("retry")) return retry_command(options.retry);
  if (app.got_subcommand("devices")) return devices_command(options.devices);
  return demo_command(options.demo);
}

}  // namespace

int run_cli(int argc, char** argv) {
  CLI::App app;
  all_options options;
  define_cli(app, options);
  try {
    app.parse(argc, argv);
    // CLI11's own rule would hide an unknown word behind "a subcommand is required".
    if (app.get_subcommands().empty()) throw CLI::RequiredError("A subcommand");
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? exit_good : exit_usage;
  }
  return dispatch(app, options);
}

}  // namespace campush
