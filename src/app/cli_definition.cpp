#include "app/cli_definition.h"

#include <CLI/CLI.hpp>

#include "app/version_report.h"
#include "cli/help_format.h"

namespace campush {

namespace {

constexpr const char* main_footer = R"(The usual way:
  campush devices           what cameras, microphones and plug-ins are here?
  campush check             is the configuration good?
  campush check --connect   can every server be pushed to, and if not, why?
  campush urls              where does each stream go?
  campush run               push
  campush status --watch    how is it going?

Nothing to push yet? "campush demo" shows it all on this machine alone.
"campush COMMAND --help" has examples of each command.

Exit status:
  0  good
  1  failed at run time
  2  wrong usage, or a configuration that cannot be used
)";

constexpr const char* run_footer = R"(Runs in the foreground and logs to the console (system.log in the configuration
sends the log to a file or to syslog). Only one agent runs with the same
system.state_dir.

Signals:
  SIGHUP           read the configuration again: only what changed restarts,
                   a bad file changes nothing
  SIGUSR1          every session that waits tries again now, as with
                   campush retry
  SIGTERM, SIGINT  unpublish everywhere and end, within 2 seconds

Examples:
  campush run                               as a service does it
  campush run --config system_config.json   the file of this folder
  systemctl reload campush                  after a change of the file (SIGHUP)

Exit status:
  0  ended as it was asked to
  1  the system refused what the process needs (memory, threads, descriptors)
  2  the configuration is bad, or another agent runs already
)";

constexpr const char* check_footer = R"(Without --connect nothing is opened and nobody is called: the file is read and
judged. Each mistake is one line with file, line, column, what was found and
what is allowed. What is legal but will not be pushed is a warning.

Examples:
  campush check                           before a restart or a reload
  campush check --connect                 can each server be pushed to?
  campush check --connect --no-publish    the same beside a running agent,
                                          whose keys are in use
  campush check --connect --json | jq .   for programs

Exit status:
  0  all is good; there may be warnings
  1  --connect: at least one address cannot be pushed to
  2  the configuration is bad, or a file that it names cannot be used
)";

constexpr const char* urls_footer = R"(Examples:
  campush urls                   keys and passwords are hidden, as everywhere
  campush urls --show-secrets    what is really sent; for eyes that may see it
  campush urls --json | jq -r '.[].url'

Exit status:
  0  good
  2  the configuration is bad, or an address cannot be made (a file or variable
     is missing)
)";

constexpr const char* status_footer =
    R"(Each line is a session, that is one stream to one destination. A session that
does not publish says why; each reason is explained, with its remedy, in
docs/operations.md and campush(1).

Examples:
  campush status                                   one look
  campush status --watch                           every second, until Ctrl-C
  campush status --json | jq '.sessions[].state'   for programs
  campush status --address 10.0.0.7:8080 --token-file token
                                                   of another device

Exit status:
  0  the agent answered (its sessions may be anything)
  1  no agent answers, or it refuses
  2  wrong usage, or a configuration that cannot be used
)";

constexpr const char* retry_footer =
    R"(A session is named CAMERA/STREAM/DESTINATION as "campush urls" lists them;
parts may be left out at the end: 0/main is every destination of that stream, 0
every stream of that camera. A session that waits begins at its primary address
at once; one that is connected stays connected.

Examples:
  campush retry                  the cause is repaired: do not wait any longer
  campush retry 0/main/default   this one only
  campush retry gate             every stream of the camera of that name

Exit status:
  0  the agent took it, or every session is connected already
  1  no agent answers, or it refuses
  2  no such session, wrong usage, or a configuration that cannot be used
)";

constexpr const char* devices_footer =
    R"(Each entry ends with the line of the configuration that takes it. Nothing is
changed and nothing is captured.

Examples:
  campush devices
  campush devices --library /usr/lib/campush/vendor.so
  campush devices --json | jq '.cameras[].device'

Exit status:
  0  good, also where nothing was found
  1  a plug-in cannot be asked
  2  wrong usage
)";

constexpr const char* demo_footer =
    R"(Needs no camera, no server, no network and no configuration. After a while the
primary server is killed, and the table shows the streams move to the backup.

Examples:
  campush demo           until Ctrl-C
  campush demo --once    20 seconds, then the result as exit status

Exit status:
  0  everything that was sent arrived
  1  something was lost
  2  the clips are missing
)";

void add_config(CLI::App& command, config_choice& config) {
  command
      .add_option("-c,--config", config.path,
                  "The configuration (default: /etc/campush/system_config.json, then "
                  "/opt/ceanic/etc/system_config.json)")
      ->type_name("FILE");
}

/// A command of its own group, so that the list in --help is headed "Commands".
CLI::App* add_command(CLI::App& app, const char* name, const char* summary, const char* footer) {
  CLI::App* command = app.add_subcommand(name, summary);
  command->group("Commands");
  command->footer(footer);
  return command;
}

void add_agent(CLI::App& command, config_choice& config, std::string& address, std::string& token_file) {
  add_config(command, config);
  command.add_option("--address", address, "Where the agent answers (default: http.listen of the configuration)")
      ->type_name("HOST:PORT");
  command.add_option("--token-file", token_file, "File with the token (default: http.token_file)")->type_name("FILE");
}

void add_check(CLI::App& app, check_options& options) {
  CLI::App* check = add_command(app, "check", "Check the configuration and say what is wrong with it", check_footer);
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
      add_command(app, "urls", "Print where every stream goes, templates expanded, in order of failover", urls_footer);
  add_config(*urls, options.config);
  urls->add_flag("--json", options.as_json, "One JSON array instead of a table");
  urls->add_flag("--show-secrets", options.with_secrets, "Show keys, passwords and queries (hidden otherwise)");
}

void add_status(CLI::App& app, status_options& options) {
  CLI::App* status = add_command(app, "status", "Ask the running agent how its sessions are doing", status_footer);
  add_agent(*status, options.config, options.address, options.token_file);
  status->add_flag("--json", options.as_json, "The answer of /api/v1/sessions as it is");
  status->add_flag("--watch", options.is_watching, "Again every second until interrupted");
}

void add_retry(CLI::App& app, retry_options& options) {
  CLI::App* retry =
      add_command(app, "retry", "Tell the running agent to connect again now instead of waiting", retry_footer);
  retry->add_option("session", options.sessions, "Which ones (default: all that are not connected)")
      ->type_name("SESSION");
  add_agent(*retry, options.config, options.address, options.token_file);
}

void add_devices(CLI::App& app, devices_options& options) {
  CLI::App* devices = add_command(
      app, "devices", "List cameras with their formats, sizes, rates and controls, microphones, and encoder plug-ins",
      devices_footer);
  add_config(*devices, options.config);
  devices->add_option("--library", options.libraries, "Ask this plug-in instead of those of the configuration")
      ->type_name("FILE");
  devices->add_flag("--json", options.as_json, "One JSON object instead of text");
}

void add_demo(CLI::App& app, demo_options& options) {
  CLI::App* demo = add_command(
      app, "demo",
      "Two cameras (four streams) from clips, pushed to embedded servers on loopback, one of which is killed",
      demo_footer);
  demo->add_flag("--once", options.is_once, "Show it for 20 s without a person; exit 0 if everything arrived");
  demo->add_option("--seconds", options.seconds, "How long to show it (default: until interrupted; 20 with --once)")
      ->type_name("SECONDS")
      ->check(CLI::Range(5u, 86400u));
  demo->add_option("--clips", options.clips, "Folder with the clips (default: installed with the program)")
      ->type_name("DIR");
}

}  // namespace

void define_cli(CLI::App& app, all_options& options) {
  use_plain_help(app);
  app.name("campush");
  app.description("campush pushes the encoded streams of cameras to RTMP servers, and keeps pushing them.");
  app.set_version_flag("--version", [] { return version_report(); });
  app.require_subcommand(0, 1);
  app.footer(main_footer);
  add_config(*add_command(app, "run", "Push until told to stop", run_footer), options.run.config);
  add_check(app, options.check);
  add_urls(app, options.urls);
  add_status(app, options.status);
  add_retry(app, options.retry);
  add_devices(app, options.devices);
  add_demo(app, options.demo);
}

}  // namespace campush
