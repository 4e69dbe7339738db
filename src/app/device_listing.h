#pragma once

#include <string>
#include <vector>

#include "device/device_report.h"
#include "device/vendor/plugin_report.h"

namespace campush {

/// A plug-in that was asked for, and what came of it.
struct plugin_finding {
  std::string path;
  result<plugin_report> report;
};

/// Everything that `campush devices` shows.
struct device_listing {
  std::vector<camera_report> cameras;
  std::vector<microphone_report> microphones;
  std::vector<plugin_finding> plugins;
};

/// For people: one block a device, with the line of the configuration that takes it.
std::string listing_text(const device_listing& listing);
/// For programs: {"cameras": [...], "microphones": [...], "plugins": [...]}; 0 stands for what is not known.
std::string listing_json(const device_listing& listing);

}  // namespace campush
