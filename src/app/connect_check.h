#pragma once

#include <vector>

#include "app/check_report.h"
#include "config/system_config.h"

namespace campush {

/// How `campush check --connect` walks.
struct connect_check_options {
  bool publishes = true;
  size_t at_once = 16;
  duration longest = std::chrono::seconds(90);  ///< of the whole check; what is not reached by then has failed
};

/// Walks to every address of every session, several at once, and says how far each came.
/// Shape: reports in the order of sessions and their addresses. Runs an event loop of its own until it is done.
/// Thread: the main thread; it may not have a loop running.
std::vector<url_report> check_connections(const system_config& config, const connect_check_options& options);

}  // namespace campush
