#pragma once

#include <string>

#include "server/agent_control.h"

namespace campush {

/// Everything that can be scraped, in the Prometheus text format 0.0.4, from one table (metrics.cpp).
/// Shape: names begin with campush_session_, campush_stream_, campush_camera_ or campush_; sessions carry the labels camera_id,
///   stream (its name) and destination. URLs are masked.
/// Thread: control-thread.
std::string render_metrics(const agent_control& agent);

/// Names, types and help texts of all metrics, for documentation and its test.
struct metric_description {
  const char* name;
  const char* type;
  const char* help;
};
std::vector<metric_description> describe_metrics();

}  // namespace campush
