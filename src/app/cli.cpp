#include "app/cli.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "app/commands/commands.h"
#include "app/version.h"

namespace campush {

namespace {

constexpr const char* footer = R"(
The usual way:
  campush devices                what cameras, microphones and plug-ins are here?
  campush check                  is the configuration good?
  campush check --connect        can every server be pushed to, and if not, why?
  campush urls                   where does each stream go?
  campush run                    push (SIGHUP reloads, SIGUSR1 retries at once, SIGTERM ends)
  campush status --watch         how is it going?

Exit status: 0 good, 1 failed at run time, 2 usage or configuration.
)";

struct all_options {
  run_options run;
  check_options check;
  urls_options urls;
  status_options status;
  devices_options devices;
  demo_options demo;
};

void add_config(CLI::App& command, config_choice& config) {
  command.add_option("-c,--config", config.path,
                     "system_config.json (default: /etc/campush/system_config.json, then "
                     "/opt/ceanic/etc/system_config.json)");
}

void add_check(CLI::App& app, check_options& options) {
  CLI::App* check = app.add_subcommand("check", "Check the configuration and say what is wrong with it");
  add_config(*check, options.config);
  CLI::Option* connect = check->add_flag("--connect", options.is_connecting,
                                         "Walk to every address as a session would: DNS, TCP, clock, TLS, handshake, "
                                         "connect, publish; each timed, with a remedy where it fails");
  check
      ->add_flag("--no-publish", options.stops_before_publish,
                 "Stop before publish, which takes the real key for a moment")
      ->needs(connect);
  check->add_flag("--json", options.as_json, "The walk as a JSON array")->needs(connect);
}

void add_urls(CLI::App& app, urls_options& options) {
  CLI::App* urls =
      app.add_subcommand("urls", "Print where every stream goes, templates expanded, in order of failover");
  add_config(*urls, options.config);
  urls->add_flag("--json", options.as_json, "One JSON array instead of a table");
  urls->add_flag("--show-secrets", options.with_secrets, "Show keys, passwords and queries (hidden otherwise)");
}

void add_status(CLI::App& app, status_options& options) {
  CLI::App* status = app.add_subcommand("status", "Ask the running agent how its sessions are doing");
  add_config(*status, options.config);
  status->add_option("--address", options.address,
                     "HOST:PORT of the agent (default: http.listen of the configuration)");
  status->add_option("--token-file", options.token_file, "File with the token (default: http.token_file)");
  status->add_flag("--json", options.as_json, "The answer of /api/v1/sessions as it is");
  status->add_flag("--watch", options.is_watching, "Again every second until interrupted");
}

void add_devices(CLI::App& app, devices_options& options) {
  CLI::App* devices = app.add_subcommand(
      "devices", "List cameras with their formats, sizes, rates and controls, microphones, and encoder plug-ins");
  add_config(*devices, options.config);
  devices->add_option("--library", options.libraries, "Ask this plug-in instead of those of the configuration");
  devices->add_flag("--json", options.as_json, "One JSON object instead of text");
}

void add_demo(CLI::App& app, demo_options& options) {
  CLI::App* demo = app.add_subcommand(
      "demo", "Two cameras (four streams) from clips, pushed to embedded servers on loopback, one of which is killed");
  demo->add_flag("--once", options.is_once, "Show it for 20 s without a person; exit 0 if everything arrived");
  demo->add_option("--seconds", options.seconds, "How long to show it")->check(CLI::Range(5u, 86400u));
  demo->add_option("--clips", options.clips, "Folder with the clips (default: installed with the program)");
}

int dispatch(CLI::App& app, const all_options& options) {
  if (app.got_subcommand("run")) return run_command(options.run);
  if (app.got_subcommand("check")) return check_command(options.check);
  if (app.got_subcommand("urls")) return urls_command(options.urls);
  if (app.got_subcommand("status")) return status_command(options.status);
  if (app.got_subcommand("devices")) return devices_command(options.devices);
  return demo_command(options.demo);
}

}  // namespace

int run_cli(int argc, char** argv) {
  CLI::App app("campush pushes the encoded streams of cameras to RTMP servers, and keeps pushing them.", "campush");
  app.set_version_flag("--version", std::string("campush ") + version_text);
  app.require_subcommand(0, 1);
  app.footer(footer);
  all_options options;
  add_config(*app.add_subcommand("run", "Push until told to stop"), options.run.config);
  add_check(app, options.check);
  add_urls(app, options.urls);
  add_status(app, options.status);
  add_devices(app, options.devices);
  add_demo(app, options.demo);
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
