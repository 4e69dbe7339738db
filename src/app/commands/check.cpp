#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "app/commands/commands.h"
#include "config/loader.h"

namespace campush {

namespace {

/// A clip may still come while the agent runs, so one that cannot be read is no error.
void warn_of_missing_clips(const camera_config& camera) {
  for (const stream_config& stream : camera.streams) {
    if (stream.source.type != source_type::file) continue;
    for (const std::string& path : {stream.source.video_path, stream.source.audio_path}) {
      if (path.empty() || ::access(path.c_str(), R_OK) == 0) continue;
      const error problem = error_from_errno(errno, path);
      std::printf("warning: cam%u/%s: %s\n", camera.camera_id, stream.name.c_str(), problem.message.c_str());
    }
  }
}

}  // namespace

int check_command(const check_options& options) {
  const std::string path = resolve_config_path(options.config);
  const auto config = load_system_config(path);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return exit_usage;
  }
  for (const std::string& warning : config->warnings) std::printf("warning: %s\n", warning.c_str());
  size_t enabled = 0, streams = 0;
  for (const camera_config& camera : config->cameras) {
    if (!camera.enabled) continue;
    ++enabled;
    warn_of_missing_clips(camera);
    streams += camera.streams.size();
  }
  std::printf("%s is good: %zu camera%s, %zu stream%s, %zu session%s\n", path.c_str(), enabled, enabled == 1 ? "" : "s",
              streams, streams == 1 ? "" : "s", config->sessions.size(), config->sessions.size() == 1 ? "" : "s");
  return exit_good;
}

}  // namespace campush
