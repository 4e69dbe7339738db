#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "app/commands/commands.h"
#include "app/device_listing.h"
#include "config/loader.h"

namespace campush {

namespace {

/// Plug-ins that the configuration names. Without a configuration that loads there are none: devices are listed before there is one.
std::vector<std::string> plugins_of(const config_choice& choice) {
  std::vector<std::string> paths;
  const std::string path = resolve_config_path(choice);
  std::error_code ignored;
  if (choice.path.empty() && !std::filesystem::exists(path, ignored)) return paths;
  const auto config = load_system_config(path);
  if (!config) {
    std::fprintf(stderr, "plug-ins of the configuration are left out: %s\n", config.error().message.c_str());
    return paths;
  }
  for (const camera_config& camera : config->cameras) {
    for (const stream_config& stream : camera.streams) {
      const std::string& library = stream.source.library;
      const bool is_known = std::find(paths.begin(), paths.end(), library) != paths.end();
      if (stream.source.type == source_type::vendor && !library.empty() && !is_known) paths.push_back(library);
    }
  }
  return paths;
}

}  // namespace

int devices_command(const devices_options& options) {
  device_listing listing;
  listing.cameras = list_cameras();
  listing.microphones = list_microphones();
  const std::vector<std::string> paths = options.libraries.empty() ? plugins_of(options.config) : options.libraries;
  bool is_good = true;
  for (const std::string& path : paths) {
    listing.plugins.push_back({path, describe_plugin(path)});
    is_good = is_good && listing.plugins.back().report.has_value();
  }
  const std::string text = options.as_json ? listing_json(listing) + "\n" : listing_text(listing);
  std::fputs(text.c_str(), stdout);
  return is_good ? exit_good : exit_failed;
}

}  // namespace campush
