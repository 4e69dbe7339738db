#pragma once

#include <string>
#include <vector>

namespace campush {

/// Exit codes of every command.
inline constexpr int exit_good = 0, exit_failed = 1, exit_usage = 2;

/// Options shared by the commands that read the configuration. An empty path: the first of default_config_paths that exists.
struct config_choice {
  std::string path;
};
inline constexpr const char* default_config_paths[] = {"/etc/campush/system_config.json",
                                                       "/opt/ceanic/etc/system_config.json"};
std::string resolve_config_path(const config_choice& choice);

struct run_options {
  config_choice config;
};
struct check_options {
  config_choice config;
  bool is_connecting = false;
  bool stops_before_publish = false;  ///< with is_connecting
  bool as_json = false;               ///< with is_connecting
};
struct urls_options {
  config_choice config;
  bool as_json = false;
  bool with_secrets = false;
};
struct status_options {
  config_choice config;
  std::string address;  ///< HOST:PORT of the agent; empty: http.listen of the configuration
  std::string token_file;
  bool as_json = false;
  bool is_watching = false;
};
struct retry_options {
  config_choice config;
  std::string address, token_file;    ///< as in status_options
  std::vector<std::string> sessions;  ///< CAMERA[/STREAM[/DESTINATION]]; empty: all that are not connected
};
struct devices_options {
  config_choice config;
  std::vector<std::string> libraries;  ///< plug-ins to ask; empty: those of the configuration, where one loads
  bool as_json = false;
};
struct demo_options {
  bool is_once = false;
  std::string clips;     ///< folder; empty: looked for beside the program
  uint32_t seconds = 0;  ///< 0: 20 with --once, else until interrupted
};

/// One command each: prints to stdout, problems to stderr, returns the exit code.
/// Thread: the main thread, before any other exists.
int run_command(const run_options& options);
int check_command(const check_options& options);
int urls_command(const urls_options& options);
int status_command(const status_options& options);
int retry_command(const retry_options& options);
int devices_command(const devices_options& options);
int demo_command(const demo_options& options);

}  // namespace campush
