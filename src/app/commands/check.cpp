#include <cstdio>

#include "app/commands/commands.h"
#include "config/loader.h"

namespace campush {

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
    streams += camera.streams.size();
  }
  std::printf("%s is good: %zu camera%s, %zu stream%s, %zu session%s\n", path.c_str(), enabled, enabled == 1 ? "" : "s",
              streams, streams == 1 ? "" : "s", config->sessions.size(), config->sessions.size() == 1 ? "" : "s");
  return exit_good;
}

}  // namespace campush
