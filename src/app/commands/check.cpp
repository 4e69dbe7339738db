#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include "app/commands/commands.h"
#include "app/connect_check.h"
#include "app/process_lock.h"
#include "config/loader.h"

namespace campush {

namespace {

/// The files that a source opens: clips, or the node of a device.
std::vector<std::string> files_of(const source_config& source) {
  if (source.type == source_type::file) return {source.video_path, source.audio_path};
  if (source.type == source_type::v4l2) return {source.device};
  return {};
}

/// A clip may still come while the agent runs, and a camera be plugged in, so one that cannot be read is no error.
void warn_of_missing_sources(const camera_config& camera, FILE* out) {
  for (const stream_config& stream : camera.streams) {
    for (const std::string& path : files_of(stream.source)) {
      if (path.empty() || ::access(path.c_str(), R_OK) == 0) continue;
      const error problem = error_from_errno(errno, path);
      std::fprintf(out, "warning: cam%u/%s: %s\n", camera.camera_id, stream.name.c_str(), problem.message.c_str());
    }
  }
}

/// Warnings and all; the exit code so far.
int report_configuration(const system_config& config, const std::string& path, FILE* out) {
  for (const std::string& warning : config.warnings) std::fprintf(out, "warning: %s\n", warning.c_str());
  size_t enabled = 0, streams = 0;
  for (const camera_config& camera : config.cameras) {
    if (!camera.enabled) continue;
    ++enabled;
    warn_of_missing_sources(camera, out);
    streams += camera.streams.size();
  }
  // An agent starts without these files and waits for them; whoever installs it wants to know now.
  for (const std::string& problem : config.file_problems) std::fprintf(stderr, "error: %s\n", problem.c_str());
  if (!config.file_problems.empty()) return exit_usage;
  const size_t sessions = config.sessions.size();
  std::fprintf(out, "%s is good: %zu camera%s, %zu stream%s, %zu session%s\n", path.c_str(), enabled,
               enabled == 1 ? "" : "s", streams, streams == 1 ? "" : "s", sessions, sessions == 1 ? "" : "s");
  return exit_good;
}

void announce_walk(const system_config& config) {
  std::fprintf(
      stderr,
      "Every address is published to for a moment, with its real key and without media (--no-publish stops before "
      "that).\n");
  const auto agent = find_running_agent(config.system.state_dir);
  if (!agent) return;
  std::fprintf(
      stderr,
      "An agent runs here (pid %s): its keys are in use, and a server that lets the newer publisher win ends its "
      "connections for a moment.\n",
      agent->c_str());
}

int walk(const system_config& config, const check_options& options) {
  if (!options.stops_before_publish) announce_walk(config);
  std::fflush(stdout);
  connect_check_options walk_options;
  walk_options.publishes = !options.stops_before_publish;
  const std::vector<url_report> reports = check_connections(config, walk_options);
  std::fputs(options.as_json ? (report_json(reports) + "\n").c_str() : report_text(reports).c_str(), stdout);
  const bool is_good =
      std::all_of(reports.begin(), reports.end(), [](const url_report& report) { return report.is_good(); });
  return is_good ? exit_good : exit_failed;
}

}  // namespace

int check_command(const check_options& options) {
  const std::string path = resolve_config_path(options.config);
  const auto config = load_system_config(path);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return exit_usage;
  }
  const int verdict = report_configuration(*config, path, options.as_json ? stderr : stdout);
  if (!options.is_connecting) return verdict;
  const int walked = walk(*config, options);
  return walked != exit_good ? walked : verdict;
}

}  // namespace campush
